"""Sessions: the refresh token before the newest one, and when one was used twice."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T12:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Sessions: the refresh token before the newest one, and when one was used twice"

# Without defaults other than NULL the table is not rewritten: the lock lasts for milliseconds.
SQL = """
ALTER TABLE sessions ADD COLUMN previous_refresh_hash text, ADD COLUMN reuse_detected_at timestamptz;
"""


async def forwards() -> MigrationManager:
    """Add the columns."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
