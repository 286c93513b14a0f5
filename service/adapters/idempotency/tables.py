"""How kept answers are stored."""

from piccolo.columns import JSONB, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from service.adapters.database.engine import ENGINE


class KeptAnswerRow(Table, tablename="idempotency_keys", db=ENGINE):
    """One row per request that carried a key and had an effect; `key` is a digest of who sent it, method, path and key."""

    key = Bytea(primary_key=True, default=None)
    fingerprint = Bytea(default=None)
    status = Integer(default=None)
    headers = JSONB(default="{}")
    body = Bytea(default=None)
    change_cursor = Text(null=True, default=None)
    touched = JSONB(default="[]")
    created_at = Timestamptz(default=None)
