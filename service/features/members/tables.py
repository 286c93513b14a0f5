"""How invitations are stored; memberships are the projects feature's."""

from piccolo.columns import UUID, ForeignKey, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow
from service.features.projects.tables import ProjectRow


class InvitationRow(Table, tablename="invitations", db=ENGINE):
    """One open invitation; whoever takes, declines or revokes it takes the row away."""

    id = UUID(primary_key=True, default=None)
    project = ForeignKey(ProjectRow, db_column_name="project_id", on_delete=OnDelete.cascade, null=False, default=None)
    email = Text(default=None)
    canonical_email = Text(default=None)
    role = Text(default=None)
    inviter = ForeignKey(UserRow, db_column_name="inviter_id", on_delete=OnDelete.cascade, null=False, default=None)
    # None until the mail is written: the token is made then.
    token_hash = Text(null=True, default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
