"""How sessions are stored."""

from piccolo.columns import UUID, Bytea, Text, Timestamptz
from piccolo.table import Table

from service.adapters.database.engine import ENGINE


class SessionRow(Table, tablename="sessions", db=ENGINE):
    """One login; it lives until `ended_at`, `expires_at` or `idle_expires_at`, whichever comes first."""

    id = UUID(primary_key=True, default=None)
    user_id = UUID(default=None, index=True)
    created_at = Timestamptz(default=None)
    last_used_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    idle_expires_at = Timestamptz(default=None)
    ended_at = Timestamptz(null=True, default=None)
    ip = Text(null=True, default=None)
    user_agent = Text(null=True, default=None)
    # Refresh tokens: each child is derived from its parent and this nonce, only the newest one's hash is kept.
    nonce = Bytea(default=None)
    refresh_hash = Text(default=None)
