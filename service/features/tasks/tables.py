"""How tasks are stored."""

from piccolo.columns import JSONB, UUID, Boolean, ForeignKey, Integer, SmallInt, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.columns.reference import LazyTableReference
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow
from service.features.labels.tables import LabelRow
from service.features.projects.tables import ProjectRow


class TaskRow(Table, tablename="tasks", db=ENGINE):
    """One task."""

    id = UUID(primary_key=True, default=None)
    project = ForeignKey(ProjectRow, db_column_name="project_id", on_delete=OnDelete.cascade, null=False, default=None)
    number = Integer(default=None)
    # Ordered by code point (COLLATE "C"), so that every database sorts alike.
    title = Text(default=None)
    description = Text(null=True, default=None)
    status = Text(default="todo")
    completed_at = Timestamptz(null=True, default=None)
    priority = SmallInt(default=3)
    due_date = Timestamptz(null=True, default=None)
    assignee = ForeignKey(UserRow, db_column_name="assignee_id", on_delete=OnDelete.restrict, null=True, default=None)
    reporter = ForeignKey(UserRow, db_column_name="reporter_id", on_delete=OnDelete.restrict, null=False, default=None)
    parent: ForeignKey[Table] = ForeignKey(
        LazyTableReference("TaskRow", module_path=__name__),
        db_column_name="parent_id",
        on_delete=OnDelete.cascade,
        null=True,
        default=None,
    )
    # Kept by the comments feature in its own transaction.
    comment_count = Integer(default=0)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    # The task whose deletion took it along, itself where it was the one: what comes back together.
    deleted_with = UUID(null=True, default=None)
    version = Integer(default=1)
    field_versions = JSONB(default="{}")
    # Whether it ever had a label, or was ever said to be blocked: reads look for labels and blockers of such tasks only.
    # Set with the first and never taken back, so that whatever removes those needs not keep anything here.
    was_labelled = Boolean(default=False)
    was_blocked = Boolean(default=False)


class Words(Text):
    """A tsvector, for which Piccolo 1.38 has no column; nothing but SQL reads or writes it."""

    @property
    def column_type(self) -> str:
        """What PostgreSQL calls it."""
        return "TSVECTOR"


class TextRow(Table, tablename="task_texts", db=ENGINE):
    """The words of a task, kept by triggers on `tasks`; the comments' among them by `keep_said_words`."""

    task = ForeignKey(TaskRow, db_column_name="task_id", on_delete=OnDelete.cascade, primary_key=True, null=False, default=None)
    project_id = UUID(default=None)
    block = Text(default=None)
    document = Words(default=None)


class TaskLabelRow(Table, tablename="task_labels", db=ENGINE):
    """That a task has a label of its project."""

    id = UUID(primary_key=True, default=None)
    project = ForeignKey(ProjectRow, db_column_name="project_id", on_delete=OnDelete.cascade, null=False, default=None)
    task = ForeignKey(TaskRow, db_column_name="task_id", on_delete=OnDelete.cascade, null=False, default=None)
    label = ForeignKey(LabelRow, db_column_name="label_id", on_delete=OnDelete.cascade, null=False, default=None)


class TaskRelationRow(Table, tablename="task_relations", db=ENGINE):
    """That a task blocks, relates to or duplicates another of its project; `relates_to` goes from lesser to greater id."""

    id = UUID(primary_key=True, default=None)
    project = ForeignKey(ProjectRow, db_column_name="project_id", on_delete=OnDelete.cascade, null=False, default=None)
    source = ForeignKey(TaskRow, db_column_name="source_id", on_delete=OnDelete.cascade, null=False, default=None)
    kind = Text(default=None)
    target = ForeignKey(TaskRow, db_column_name="target_id", on_delete=OnDelete.cascade, null=False, default=None)
    created_at = Timestamptz(default=None)
