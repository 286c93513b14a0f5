"""When a deleted account was purged, and which are to be."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T16:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "When a deleted account was purged, and which are to be"

SQL = """
ALTER TABLE users ADD COLUMN purged_at timestamptz;
CREATE INDEX users_purgeable ON users (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
"""


async def forwards() -> MigrationManager:
    """Add the column and its index."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
