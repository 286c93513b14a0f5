"""Second factors: TOTP seeds, recovery codes, and logins that wait for a code."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T14:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Second factors: TOTP seeds, recovery codes, and logins that wait for a code"

# A constant default rewrites no table (PostgreSQL 11 on): the lock lasts for milliseconds.
SQL = """
ALTER TABLE users ADD COLUMN mfa_enabled boolean NOT NULL DEFAULT false;

CREATE TABLE second_factors (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    seed bytea NOT NULL,
    last_step bigint NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE recovery_codes (
    code_digest bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);

CREATE TABLE mfa_challenges (
    token_hash text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password_digest text NOT NULL,
    device_id uuid,
    tries integer NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX mfa_challenges_user ON mfa_challenges (user_id);
CREATE INDEX mfa_challenges_expiry ON mfa_challenges (expires_at);
"""


async def forwards() -> MigrationManager:
    """Add the column and make the tables."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
