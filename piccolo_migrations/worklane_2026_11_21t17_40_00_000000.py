"""An index of the admins: whoever decides about accounts locks them all."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.indexes import build_concurrently

ID = "2026-11-21T17:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "An index of the admins: whoever decides about accounts locks them all"
# CREATE INDEX CONCURRENTLY can't be in a transaction.
CONCURRENT = True

INDEXES = {"users_admins": "ON users (id) WHERE role = 'admin' AND deleted_at IS NULL"}


async def forwards() -> MigrationManager:
    """Build it."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await build_concurrently(INDEXES)

    manager.add_raw(run)
    return manager
