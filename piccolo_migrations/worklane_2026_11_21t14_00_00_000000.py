"""Lockout: recent tries by address, and the devices that have counts of their own."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T14:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Lockout: recent tries by address, and the devices that have counts of their own"

SQL = """
CREATE TABLE login_throttles (
    key bytea PRIMARY KEY,
    address bytea NOT NULL,
    failed_at timestamptz[] NOT NULL,
    pending timestamptz[] NOT NULL,
    locks integer NOT NULL,
    last_failed_at timestamptz,
    locked_until timestamptz,
    notify uuid,
    touched_at timestamptz NOT NULL
);
CREATE INDEX login_throttles_address ON login_throttles (address);
CREATE INDEX login_throttles_touched ON login_throttles (touched_at);
CREATE INDEX login_throttles_notify ON login_throttles (notify) WHERE notify IS NOT NULL;

CREATE TABLE device_tokens (
    id uuid PRIMARY KEY,
    token_hash text NOT NULL CONSTRAINT device_tokens_token_unique UNIQUE,
    address bytea NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX device_tokens_address ON device_tokens (address);
CREATE INDEX device_tokens_expires ON device_tokens (expires_at);
"""


async def forwards() -> MigrationManager:
    """Make both tables."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
