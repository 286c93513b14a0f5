"""Comments on tasks, and whose history an event stands in."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T16:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Comments on tasks, and whose history an event stands in"

SQL = """
CREATE TABLE comments (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    author_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    edited_at timestamptz,
    deleted_at timestamptz,
    version integer NOT NULL,
    field_versions jsonb NOT NULL
);
CREATE INDEX comments_task ON comments (task_id, created_at, id);
CREATE INDEX comments_author ON comments (author_id);

-- Both are null in the events of before: no token and no other subject is known of them.
ALTER TABLE events ADD COLUMN token_id uuid, ADD COLUMN about_id uuid;
CREATE INDEX events_history ON events (coalesce(about_id, subject_id), sequence);
"""


async def forwards() -> MigrationManager:
    """Make the table, the columns and their indexes."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
