"""Search: the words of each task, kept beside it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T17:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Search: the words of each task, kept beside it"

# A table of its own: a change of status or date then leaves the words' index alone, and reading a task stays as narrow as it was.
#
# Every word is kept with the name of its block before it, some 16 000 tasks of one project. So a search reads the part of the
# index that belongs to the projects it may see, also for a prefix, which PostgreSQL collects as a whole; and it can stop after
# the newest blocks when a word is everywhere. The name has six digits of the project's id, which another project may have too:
# that costs a look at a row, since the project is compared as well.
#
# The words are cut here and not by to_tsvector, whose parser keeps hosts, paths and hyphenated words together.
SQL = r"""
CREATE TABLE task_texts (
    task_id uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    project_id uuid NOT NULL,
    block text COLLATE "C" NOT NULL,
    document tsvector NOT NULL
);

CREATE FUNCTION search_block(project_id uuid, number integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN right(project_id::text, 6) || to_hex(number >> 14) || '.';

CREATE FUNCTION search_words(given text, before text, behind text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN before || regexp_replace(
    lower(CASE WHEN octet_length(given) = length(given) THEN given ELSE normalize(given, NFKC) END COLLATE "default") COLLATE "C",
    '[\x01-/:-@\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb\xbf\xd7\xf7\u2000-\u206f\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020]+',
    behind || before, 'g') || behind;

CREATE FUNCTION search_document(block text, given text, weight text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- A tsvector takes no word of 2 kB: the first hundred characters of a long one count.
RETURN (CASE WHEN octet_length(given) <= 1000 THEN search_words(given, block, ':1' || weight || ' ')
    ELSE (SELECT string_agg(block || left(word, 100) || ':1' || weight, ' ')
          FROM unnest(string_to_array(search_words(given, '', ' '), ' ')) AS of (word))
    END)::tsvector;

CREATE FUNCTION search_terms(given text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT DISTINCT word FROM unnest(string_to_array(search_words(given, '', ' '), ' ')) AS of (word) WHERE word <> '');

CREATE FUNCTION keep_new_task_texts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO task_texts (task_id, project_id, block, document)
    SELECT id, project_id, block, search_document(block, title, 'A')
        || CASE WHEN description IS NULL THEN ''::tsvector ELSE search_document(block, description, 'B') END
    FROM added, LATERAL (SELECT search_block(project_id, number)) AS of (block);
    RETURN NULL;
END $$;
CREATE TRIGGER tasks_texts_new AFTER INSERT ON tasks REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION keep_new_task_texts();

CREATE FUNCTION keep_task_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE task_texts SET document = search_document(block, NEW.title, 'A')
        || CASE WHEN NEW.description IS NULL THEN ''::tsvector ELSE search_document(block, NEW.description, 'B') END
        || ts_filter(document, '{c}')
    WHERE task_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER tasks_texts_changed AFTER UPDATE OF title, description ON tasks FOR EACH ROW
    WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.description IS DISTINCT FROM NEW.description)
    EXECUTE FUNCTION keep_task_text();

-- What is said about a task, in its comments: whoever keeps those calls this in the transaction that changes them.
CREATE FUNCTION keep_said_words(task uuid, said text) RETURNS void LANGUAGE sql
BEGIN ATOMIC
    UPDATE task_texts SET document = ts_filter(document, '{a,b}') || search_document(block, left(said, 50000), 'C')
    WHERE task_id = task;
END;

INSERT INTO task_texts (task_id, project_id, block, document)
SELECT id, project_id, block, search_document(block, title, 'A')
    || CASE WHEN description IS NULL THEN ''::tsvector ELSE search_document(block, description, 'B') END
FROM tasks, LATERAL (SELECT search_block(project_id, number)) AS of (block);
CREATE INDEX task_texts_words ON task_texts USING gin (document) WITH (gin_pending_list_limit = 256);
"""


async def forwards() -> MigrationManager:
    """Make the table, and what keeps it."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
