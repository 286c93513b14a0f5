"""How comments are stored."""

from piccolo.columns import JSONB, UUID, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow
from service.features.tasks.tables import TaskRow


class CommentRow(Table, tablename="comments", db=ENGINE):
    """One comment on a task."""

    id = UUID(primary_key=True, default=None)
    task = ForeignKey(TaskRow, db_column_name="task_id", on_delete=OnDelete.cascade, null=False, default=None)
    author = ForeignKey(UserRow, db_column_name="author_id", on_delete=OnDelete.restrict, null=False, default=None)
    body = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    edited_at = Timestamptz(null=True, default=None)
    deleted_at = Timestamptz(null=True, default=None)
    version = Integer(default=1)
    field_versions = JSONB(default="{}")
