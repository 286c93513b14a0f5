"""How sessions are stored."""

from piccolo.columns import UUID, Bytea, ForeignKey, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow


class SessionRow(Table, tablename="sessions", db=ENGINE):
    """One login; it lives until `ended_at`, `expires_at` or `idle_expires_at`, whichever comes first."""

    id = UUID(primary_key=True, default=None)
    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, null=False, default=None, index=True)
    created_at = Timestamptz(default=None)
    last_used_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    idle_expires_at = Timestamptz(default=None)
    ended_at = Timestamptz(null=True, default=None)
    ip = Text(null=True, default=None)
    user_agent = Text(null=True, default=None)
    # Refresh tokens are derived with this nonce, see refresh_tokens; hashes are kept of the newest and the one before it.
    nonce = Bytea(default=None)
    # Empty from the logout on: no token is the newest then.
    refresh_hash = Text(default=None)
    previous_refresh_hash = Text(null=True, default=None)
    reuse_detected_at = Timestamptz(null=True, default=None)
