"""How labels are stored."""

from piccolo.columns import JSONB, UUID, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.projects.tables import ProjectRow


class LabelRow(Table, tablename="labels", db=ENGINE):
    """One label of one project; its tasks are in task_labels."""

    id = UUID(primary_key=True, default=None)
    project = ForeignKey(ProjectRow, db_column_name="project_id", on_delete=OnDelete.cascade, null=False, default=None)
    name = Text(default=None)
    # domain.name_key of the name, by which it is unique and looked up.
    name_key = Text(default=None)
    color = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=1)
    field_versions = JSONB(default="{}")
