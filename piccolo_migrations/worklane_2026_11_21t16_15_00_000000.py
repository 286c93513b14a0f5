"""Restoring and purging: which deletion a task went with, which projects are being purged, and indexes to find both."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T16:15:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Restoring and purging: which deletion a task went with, which projects are being purged"

# Tasks deleted before this column went with the topmost task above them that was deleted at the same instant.
SQL = """
ALTER TABLE tasks ADD COLUMN deleted_with uuid;
WITH RECURSIVE gone AS (
    SELECT t.id, t.id AS top, t.deleted_at FROM tasks t LEFT JOIN tasks above ON above.id = t.parent_id
    WHERE t.deleted_at IS NOT NULL AND above.deleted_at IS DISTINCT FROM t.deleted_at
    UNION ALL
    SELECT t.id, gone.top, t.deleted_at FROM tasks t JOIN gone ON t.parent_id = gone.id AND t.deleted_at = gone.deleted_at
)
UPDATE tasks SET deleted_with = gone.top FROM gone WHERE tasks.id = gone.id;
CREATE INDEX tasks_deleted_with ON tasks (deleted_with) WHERE deleted_with IS NOT NULL;
CREATE INDEX tasks_deleted ON tasks (project_id, deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE projects ADD COLUMN purging_at timestamptz;
CREATE INDEX projects_deleted ON projects (id) WHERE deleted_at IS NOT NULL;

CREATE INDEX events_project ON events (project_id, sequence) WHERE project_id IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Make the columns and indexes."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
