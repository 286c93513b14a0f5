"""How saved views are stored."""

from piccolo.columns import JSONB, UUID, Boolean, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow
from service.features.projects.tables import ProjectRow


class ViewRow(Table, tablename="views", db=ENGINE):
    """One saved view."""

    id = UUID(primary_key=True, default=None)
    owner = ForeignKey(UserRow, db_column_name="owner_id", on_delete=OnDelete.restrict, null=False, default=None)
    project = ForeignKey(ProjectRow, db_column_name="project_id", on_delete=OnDelete.cascade, null=True, default=None)
    # Ordered by code point (COLLATE "C"), so that every database sorts alike.
    name = Text(default=None)
    filter = Text(default=None)
    sort = Text(default=None)
    shared = Boolean(default=False)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=1)
    field_versions = JSONB(default="{}")
