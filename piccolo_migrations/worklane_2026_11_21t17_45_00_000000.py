"""Indexes by which sessions and personal tokens that ended long ago are found, by whichever of their ends came first."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.indexes import build_concurrently, drop_concurrently

ID = "2026-11-21T17:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Indexes by which sessions and personal tokens that ended long ago are found, by whichever of their ends came first"
# CREATE INDEX CONCURRENTLY can't be in a transaction.
CONCURRENT = True

INDEXES = {
    "sessions_end": "ON sessions (LEAST(ended_at, expires_at, idle_expires_at))",
    "personal_tokens_end": "ON personal_tokens (LEAST(revoked_at, expires_at))",
}


async def forwards() -> MigrationManager:
    """Build them, and drop the one that `sessions_end` replaces."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await build_concurrently(INDEXES)
        await drop_concurrently("sessions_expiry")

    manager.add_raw(run)
    return manager
