"""How accounts are stored."""

from piccolo.columns import JSONB, UUID, Boolean, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE


class UserRow(Table, tablename="users", db=ENGINE):
    """One account."""

    id = UUID(primary_key=True, default=None)
    # As its owner writes it: mail goes there.
    email = Text(default=None)
    # What decides whether two addresses are one mailbox; unique among accounts that are not deleted.
    canonical_email = Text(default=None)
    # None until the owner sets one by a mailed link.
    password_hash = Text(null=True, default=None)
    full_name = Text(null=True, default=None)
    role = Text(default="user")
    is_active = Boolean(default=True)
    email_verified_at = Timestamptz(null=True, default=None)
    timezone = Text(default="UTC")
    locale = Text(default="en")
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    version = Integer(default=1)
    field_versions = JSONB(default="{}")


class OneTimeTokenRow(Table, tablename="one_time_tokens", db=ENGINE):
    """A link that was issued and not used yet; only its hash is here."""

    token_hash = Text(primary_key=True, default=None)
    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, null=False, default=None, index=True)
    purpose = Text(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
