"""How personal access tokens are stored."""

from piccolo.columns import UUID, Array, ForeignKey, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow


class PersonalTokenRow(Table, tablename="personal_tokens", db=ENGINE):
    """One token; it is good until `expires_at` or `revoked_at`, and while its owner's account may be used."""

    id = UUID(primary_key=True, default=None)
    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, null=False, default=None, index=True)
    name = Text(default=None)
    token_hash = Text(default=None, unique=True)
    scopes = Array(Text(), default=None)
    # The projects that it is narrowed to; none: all that its owner belongs to.
    project_ids = Array(UUID(), null=True, default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    last_used_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    # When the audit was last told of a use after its end.
    refused_at = Timestamptz(null=True, default=None)
