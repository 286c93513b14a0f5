"""Labels, and how tasks are related."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "2026-11-21T16:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Labels, and how tasks are related"

SQL = """
CREATE TABLE labels (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    color text NOT NULL CONSTRAINT labels_color_form CHECK (color ~ '^#[0-9a-f]{6}$'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL,
    field_versions jsonb NOT NULL,
    -- The name first: filters look for it in all projects.
    CONSTRAINT labels_name_unique UNIQUE (name_key, project_id)
);
CREATE INDEX labels_project ON labels (project_id, name);

CREATE TABLE task_labels (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    label_id uuid NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
    CONSTRAINT task_labels_label_unique UNIQUE (task_id, label_id)
);
CREATE INDEX task_labels_tasks ON task_labels (label_id, task_id);
CREATE INDEX task_labels_project ON task_labels (project_id);

CREATE TABLE task_relations (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    source_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    kind text NOT NULL CONSTRAINT task_relations_kind_known CHECK (kind IN ('blocks', 'relates_to', 'duplicates')),
    target_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT task_relations_target_unique UNIQUE (source_id, kind, target_id),
    CONSTRAINT task_relations_of_two CHECK (source_id <> target_id)
);
CREATE INDEX task_relations_sources ON task_relations (target_id, kind, source_id);
CREATE INDEX task_relations_project ON task_relations (project_id);

-- Functions, since lists are planned anew at each request: what they ask is planned once per connection, and only if it is asked.
CREATE FUNCTION labels_of_task (task uuid) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_object('id', l.id, 'name', l.name, 'color', l.color) ORDER BY l.name)
        FROM task_labels tl JOIN labels l ON l.id = tl.label_id WHERE tl.task_id = task
    );
END
$$;
-- Whether a task that blocks this one is open.
CREATE FUNCTION task_is_blocked (task uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM task_relations r JOIN tasks blocker ON blocker.id = r.source_id
        WHERE r.target_id = task AND r.kind = 'blocks'
            AND blocker.status IN ('todo', 'in_progress') AND blocker.deleted_at IS NULL
    );
END
$$;

ALTER TABLE tasks
    ADD COLUMN was_labelled boolean NOT NULL DEFAULT false,
    ADD COLUMN was_blocked boolean NOT NULL DEFAULT false;
"""


async def forwards() -> MigrationManager:
    """Make the tables."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
