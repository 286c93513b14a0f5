"""Deliveries: which subscriber has still to be told of which event."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T12:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Deliveries: which subscriber has still to be told of which event"

SQL = """
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    event_sequence bigint NOT NULL REFERENCES events (sequence) ON DELETE CASCADE,
    subscriber text NOT NULL,
    attempts integer NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    last_error text,
    dead_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT deliveries_subscriber_unique UNIQUE (event_sequence, subscriber)
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE dead_at IS NULL;
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
