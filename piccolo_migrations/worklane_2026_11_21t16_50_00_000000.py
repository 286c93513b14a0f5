"""Saved views: filters of tasks under a name."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T16:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Saved views: filters of tasks under a name"

SQL = """
CREATE TABLE views (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    project_id uuid REFERENCES projects (id) ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    filter text NOT NULL,
    sort text NOT NULL,
    shared boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL,
    field_versions jsonb NOT NULL,
    CONSTRAINT views_shared_in_project CHECK (project_id IS NOT NULL OR NOT shared)
);
CREATE INDEX views_owner ON views (owner_id, name, id);
CREATE INDEX views_project ON views (project_id, name, id) WHERE project_id IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
