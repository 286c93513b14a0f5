"""No index by age alone: pages of all tasks are put together from those of each project."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.indexes import drop_concurrently

ID = "2026-11-21T17:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "No index by age alone: pages of all tasks are put together from those of each project"
# DROP INDEX CONCURRENTLY can't be in a transaction.
CONCURRENT = True


async def forwards() -> MigrationManager:
    """Drop it: as long as it is there, PostgreSQL may walk it until it has met enough of one project's tasks."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await drop_concurrently("tasks_newest")

    manager.add_raw(run)
    return manager
