"""How projects and their members are stored."""

from piccolo.columns import JSONB, UUID, Boolean, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow

# In the order of ProjectState's first fields, of a table that is called `p`: what is read of a project that is locked for a
# change of what is in it.
PROJECT_COLUMNS = "p.id, p.key, p.name, p.description, p.require_if_match, p.archived_at, p.version"


class ProjectRow(Table, tablename="projects", db=ENGINE):
    """One project; who owns it is said by its membership rows alone."""

    id = UUID(primary_key=True, default=None)
    key = Text(default=None)
    name = Text(default=None)
    description = Text(null=True, default=None)
    require_if_match = Boolean(default=False)
    # The number that its newest task got.
    last_number = Integer(default=0)
    archived_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    # Since when its rows are being removed: from then on it can't be restored.
    purging_at = Timestamptz(null=True, default=None)
    version = Integer(default=1)
    field_versions = JSONB(default="{}")


class MembershipRow(Table, tablename="memberships", db=ENGINE):
    """What one person is in one project."""

    id = UUID(primary_key=True, default=None)
    project = ForeignKey(ProjectRow, db_column_name="project_id", on_delete=OnDelete.cascade, null=False, default=None)
    user = ForeignKey(UserRow, db_column_name="user_id", on_delete=OnDelete.restrict, null=False, default=None)
    role = Text(default=None)
    created_at = Timestamptz(default=None)
    # How often the role changed, and one.
    version = Integer(default=1)
