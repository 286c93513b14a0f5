"""Rate limits: what each caller, and everyone, has asked for in the present window."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T14:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Rate limits: what each caller, and everyone, has asked for in the present window"

SQL = """
CREATE UNLOGGED TABLE rate_limits (
    key text PRIMARY KEY,
    ends_at timestamptz NOT NULL,
    taken integer NOT NULL
) WITH (fillfactor = 50);
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
