"""Search in comments: their words count as their task's."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T17:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Search in comments: their words count as their task's"

# The row of the task's words is locked before its comments are read: two that are written at once would else each miss the other.
SQL = """
CREATE FUNCTION keep_comment_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.task_id ELSE NEW.task_id END;
BEGIN
    PERFORM 1 FROM task_texts WHERE task_id = about FOR UPDATE;
    PERFORM keep_said_words(about, coalesce((
        SELECT string_agg(body, ' ' ORDER BY created_at DESC, id DESC) FROM comments WHERE task_id = about AND deleted_at IS NULL
    ), ''));
    RETURN NULL;
END $$;
CREATE TRIGGER comments_words AFTER INSERT OR DELETE OR UPDATE OF body, deleted_at ON comments
    FOR EACH ROW EXECUTE FUNCTION keep_comment_words();

SELECT keep_said_words(task_id, string_agg(body, ' ' ORDER BY created_at DESC, id DESC))
FROM comments WHERE deleted_at IS NULL GROUP BY task_id;
"""


async def forwards() -> MigrationManager:
    """Make the trigger, and keep the words of the comments that there are."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
