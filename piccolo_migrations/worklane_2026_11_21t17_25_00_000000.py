"""Indexes for every order of one's own tasks, and for somebody's tasks in a project."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.indexes import build_concurrently

ID = "2026-11-21T17:25:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Indexes for every order of one's own tasks, and for somebody's tasks in a project"
# CREATE INDEX CONCURRENTLY can't be in a transaction.
CONCURRENT = True

# The newest first have one already, which those without an assignee are in as well; most tasks begin so, and cost these nothing.
_ASSIGNED = "WHERE assignee_id IS NOT NULL AND deleted_at IS NULL"
INDEXES = {
    "tasks_assignee_updated": f"ON tasks (assignee_id, updated_at DESC, id DESC) {_ASSIGNED}",
    "tasks_assignee_priority": f"ON tasks (assignee_id, priority DESC, id DESC) {_ASSIGNED}",
    "tasks_assignee_title": f"ON tasks (assignee_id, title, id) {_ASSIGNED}",
    "tasks_assignee_number": f"ON tasks (assignee_id, number, id) {_ASSIGNED}",
    "tasks_assignee_rank": f"ON tasks (assignee_id, status_rank, id) {_ASSIGNED}",
    "tasks_assignee_due": f"ON tasks (assignee_id, due_date, id) {_ASSIGNED}",
    "tasks_assignee_due_last": f"ON tasks (assignee_id, due_date DESC NULLS LAST, id DESC) {_ASSIGNED}",
    "tasks_project_assignee": "ON tasks (project_id, assignee_id, created_at DESC, id DESC) WHERE deleted_at IS NULL",
}


async def forwards() -> MigrationManager:
    """Build them."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await build_concurrently(INDEXES)

    manager.add_raw(run)
    return manager
