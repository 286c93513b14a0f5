"""Purging comments: an index to find those that were deleted long ago."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T17:15:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Purging comments: an index to find those that were deleted long ago"

SQL = "CREATE INDEX comments_deleted ON comments (deleted_at) WHERE deleted_at IS NOT NULL"


async def forwards() -> MigrationManager:
    """Make the index."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
