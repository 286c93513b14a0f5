"""Audit: who did what, from where, and what was refused; rows are only added."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Audit: who did what, from where, and what was refused; rows are only added"

SQL = """
CREATE TABLE audit_events (
    sequence bigserial PRIMARY KEY,
    id uuid NOT NULL CONSTRAINT audit_events_id_unique UNIQUE,
    time timestamptz NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('success', 'failure')),
    reason text,
    actor_id uuid,
    actor_kind text NOT NULL,
    session_id uuid,
    token_id uuid,
    target_type text,
    target_id uuid,
    target_digest bytea,
    event_id uuid,
    request_id text NOT NULL,
    ip text,
    user_agent text
);
CREATE INDEX audit_events_time ON audit_events (time);
CREATE INDEX audit_events_actor ON audit_events (actor_id, time);
CREATE INDEX audit_events_target ON audit_events (target_id, time);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only ever added to';
END $$;
CREATE TRIGGER audit_events_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
"""


async def forwards() -> MigrationManager:
    """Make the table and what guards it."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
