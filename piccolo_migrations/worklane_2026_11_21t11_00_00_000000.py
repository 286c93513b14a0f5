"""Accounts, sessions, projects, tasks and the outbox."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T11:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Accounts, sessions, projects, tasks and the outbox"

SQL = """
CREATE TABLE event_epochs (
    epoch integer PRIMARY KEY,
    system_identifier bigint NOT NULL,
    opened_at timestamptz NOT NULL
);

CREATE TABLE events (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    epoch integer NOT NULL,
    xid bigint NOT NULL,
    type text NOT NULL,
    time timestamptz NOT NULL,
    actor_id uuid,
    actor_kind text NOT NULL,
    project_id uuid,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    subject_key text,
    subject_version integer NOT NULL,
    changes jsonb NOT NULL,
    data jsonb NOT NULL,
    request_id text NOT NULL,
    CONSTRAINT events_id_unique UNIQUE (id)
);
CREATE INDEX events_place ON events (epoch, xid, sequence);
CREATE INDEX events_subject ON events (subject_id, sequence);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    canonical_email text COLLATE "C" NOT NULL,
    password_hash text,
    full_name text,
    role text NOT NULL CONSTRAINT users_role_known CHECK (role IN ('user', 'admin')),
    is_active boolean NOT NULL,
    email_verified_at timestamptz,
    timezone text NOT NULL,
    locale text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version integer NOT NULL,
    field_versions jsonb NOT NULL
);
CREATE UNIQUE INDEX users_email_unique ON users (canonical_email) WHERE deleted_at IS NULL;
CREATE INDEX users_newest ON users (created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE one_time_tokens (
    token_hash text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX one_time_tokens_user ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    idle_expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ip text,
    user_agent text,
    nonce bytea NOT NULL,
    refresh_hash text NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE projects (
    id uuid PRIMARY KEY,
    key text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text,
    require_if_match boolean NOT NULL,
    last_number integer NOT NULL,
    archived_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version integer NOT NULL,
    field_versions jsonb NOT NULL
);
CREATE UNIQUE INDEX projects_key_unique ON projects (key) WHERE deleted_at IS NULL;
CREATE INDEX projects_newest ON projects (created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE memberships (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    role text NOT NULL CONSTRAINT memberships_role_known CHECK (role IN ('viewer', 'member', 'maintainer', 'owner')),
    created_at timestamptz NOT NULL,
    CONSTRAINT memberships_user_unique UNIQUE (user_id, project_id)
);
CREATE INDEX memberships_project ON memberships (project_id, user_id);
CREATE UNIQUE INDEX memberships_owner_unique ON memberships (project_id) WHERE role = 'owner';

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    number integer NOT NULL,
    title text COLLATE "C" NOT NULL,
    description text,
    status text NOT NULL CONSTRAINT tasks_status_known CHECK (status IN ('todo', 'in_progress', 'done', 'cancelled')),
    -- The order in which a status sorts; PostgreSQL keeps it, nothing else writes it.
    status_rank smallint GENERATED ALWAYS AS (
        CASE status WHEN 'todo' THEN 1 WHEN 'in_progress' THEN 2 WHEN 'done' THEN 3 ELSE 4 END
    ) STORED,
    completed_at timestamptz,
    priority smallint NOT NULL CONSTRAINT tasks_priority_range CHECK (priority BETWEEN 1 AND 5),
    due_date timestamptz,
    assignee_id uuid REFERENCES users (id) ON DELETE RESTRICT,
    reporter_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    parent_id uuid REFERENCES tasks (id) ON DELETE CASCADE,
    comment_count integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version integer NOT NULL,
    field_versions jsonb NOT NULL,
    CONSTRAINT tasks_number_unique UNIQUE (project_id, number),
    CONSTRAINT tasks_completion_dated CHECK ((status = 'done') = (completed_at IS NOT NULL))
);
CREATE INDEX tasks_newest ON tasks (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX tasks_project_newest ON tasks (project_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX tasks_project_status ON tasks (project_id, status, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX tasks_assignee ON tasks (assignee_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX tasks_due ON tasks (project_id, due_date, id) WHERE deleted_at IS NULL AND due_date IS NOT NULL;
CREATE INDEX tasks_parent ON tasks (parent_id) WHERE parent_id IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Make the first tables."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
