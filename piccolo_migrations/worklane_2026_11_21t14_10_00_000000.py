"""What is asked for by naming an address, how many mails an address got, and the address that a token proves."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T14:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "What is asked for by naming an address, how many mails an address got, and the address that a token proves"

SQL = """
CREATE TABLE mail_requests (
    id uuid PRIMARY KEY,
    address text NOT NULL,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    password_hash text,
    full_name text,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL
);
CREATE INDEX mail_requests_user ON mail_requests (user_id);
CREATE INDEX mail_requests_created_at ON mail_requests (created_at);

CREATE TABLE mail_allowances (
    cause_id uuid PRIMARY KEY,
    address_digest bytea NOT NULL,
    taken_at timestamptz NOT NULL
);
CREATE INDEX mail_allowances_address ON mail_allowances (address_digest, taken_at);
CREATE INDEX mail_allowances_taken_at ON mail_allowances (taken_at);

ALTER TABLE one_time_tokens ADD COLUMN new_email text;
"""


async def forwards() -> MigrationManager:
    """Make the tables and the column."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
