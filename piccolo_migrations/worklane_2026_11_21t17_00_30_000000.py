"""Indexes for every order of a project's tasks."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE
from service.adapters.database.indexes import build_concurrently

ID = "2026-11-21T17:00:30:000000"
VERSION = "1.38.0"
DESCRIPTION = "Indexes for every order of a project's tasks"
# CREATE INDEX CONCURRENTLY can't be in a transaction.
CONCURRENT = True

# Each order is one index that is read both ways; only NULLS LAST is another order than the first one read backwards. The order
# by number has the constraint's.
INDEXES = {
    "tasks_project_updated": "ON tasks (project_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL",
    "tasks_project_priority": "ON tasks (project_id, priority DESC, id DESC) WHERE deleted_at IS NULL",
    "tasks_project_title": "ON tasks (project_id, title, id) WHERE deleted_at IS NULL",
    "tasks_project_rank": "ON tasks (project_id, status_rank, id) WHERE deleted_at IS NULL",
    "tasks_project_due": "ON tasks (project_id, due_date, id) WHERE deleted_at IS NULL",
    "tasks_project_due_last": "ON tasks (project_id, due_date DESC NULLS LAST, id DESC) WHERE deleted_at IS NULL",
}


async def forwards() -> MigrationManager:
    """Build them, and drop the one that `tasks_project_due` replaces."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await build_concurrently(INDEXES)
        await ENGINE.run_ddl("DROP INDEX CONCURRENTLY IF EXISTS tasks_due")

    manager.add_raw(run)
    return manager
