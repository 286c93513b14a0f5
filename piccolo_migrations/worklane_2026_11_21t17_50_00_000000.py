"""Search in comments: no more of them is read than counts, and nothing is kept for what goes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T17:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Search in comments: no more of them is read than counts, and nothing is kept for what goes"

# A purged task takes its comments along: keeping the words of those that are left, for each that goes, takes a second for a
# thousand comments on five tasks. The newest come first, and keep_said_words takes no more than 50 000 characters.
SQL = """
CREATE OR REPLACE FUNCTION keep_comment_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.task_id ELSE NEW.task_id END;
    further text;
    said text := '';
BEGIN
    IF TG_OP = 'DELETE' AND (OLD.deleted_at IS NOT NULL OR NOT EXISTS (SELECT FROM tasks WHERE id = OLD.task_id)) THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM task_texts WHERE task_id = about FOR UPDATE;
    FOR further IN
        SELECT body FROM comments WHERE task_id = about AND deleted_at IS NULL ORDER BY created_at DESC, id DESC
    LOOP
        said := concat_ws(' ', nullif(said, ''), further);
        EXIT WHEN length(said) > 50000;
    END LOOP;
    PERFORM keep_said_words(about, said);
    RETURN NULL;
END $$;
"""


async def forwards() -> MigrationManager:
    """Replace the function of the trigger."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
