"""Invitations to projects, and memberships that count how often they changed."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T16:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Invitations to projects, and memberships that count how often they changed"

# A constant default is kept beside the table (PostgreSQL 11 and later), so its rows are not rewritten.
SQL = """
ALTER TABLE memberships ADD COLUMN version integer NOT NULL DEFAULT 1;

CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    email text NOT NULL,
    canonical_email text COLLATE "C" NOT NULL,
    role text NOT NULL CONSTRAINT invitations_role_known CHECK (role IN ('viewer', 'member', 'maintainer')),
    inviter_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash text CONSTRAINT invitations_token_unique UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT invitations_address_unique UNIQUE (project_id, canonical_email)
);
CREATE INDEX invitations_newest ON invitations (project_id, created_at DESC, id DESC);
CREATE INDEX invitations_address ON invitations (canonical_email);
CREATE INDEX invitations_expiry ON invitations (expires_at);
"""


async def forwards() -> MigrationManager:
    """Add the column and make the table."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
