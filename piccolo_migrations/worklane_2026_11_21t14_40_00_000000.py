"""Personal access tokens, known by their hash."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T14:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Personal access tokens, known by their hash"

SQL = """
CREATE TABLE personal_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    token_hash text NOT NULL CONSTRAINT personal_tokens_hash_unique UNIQUE,
    scopes text[] NOT NULL,
    project_ids uuid[],
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    refused_at timestamptz
);
CREATE INDEX personal_tokens_user ON personal_tokens (user_id);
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
