"""Saved views in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.lists import Condition, Key, ListStatements
from service.features.projects.domain import ProjectState
from service.features.projects.tables import PROJECT_COLUMNS, MembershipRow
from service.features.tasks.domain import ProjectRef, person_ref
from service.features.views.domain import View, ViewNotFound, ViewState
from service.features.views.ports import Views
from service.features.views.tables import ViewRow
from service.kernel.paging import Slice, Window
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from piccolo.query import Select

    from service.features.views.domain import ViewDraft
    from service.kernel.actor import Actor

_V = ViewRow


def _select() -> Select[Any]:
    return _V.select(
        _V.id, _V.name, _V.filter, _V.sort, _V.project.id, _V.project.key, _V.project.name, _V.shared,
        _V.owner.id, _V.owner.full_name, _V.owner.deleted_at, _V.created_at, _V.updated_at, _V.version,
    )  # fmt: skip


def _visible(user: Param, is_admin: Param) -> QueryString:
    """Visibility, the one place where it is written: one's own, and what is shared; of a project, only for those in it."""
    mine = MembershipRow.select(MembershipRow.project).where(MembershipRow.user == user).querystrings[0]
    return QueryString(
        "(({} = {} OR {}) AND ({} IS NULL OR ({} IS NULL AND ({}::boolean OR {} IN ({})))))",
        _V.owner, user, _V.shared, _V.project, _V.project.deleted_at, is_admin, _V.project, mine,
    )  # fmt: skip


def _reached(user: Param) -> QueryString:
    """What can be visible to who is no admin, found by indexes: by `_visible` alone PostgreSQL looks at every view there is."""
    return QueryString(
        "{} IN (SELECT own.id FROM views own WHERE own.owner_id = {} UNION "
        "SELECT theirs.id FROM memberships mine JOIN views theirs ON theirs.project_id = mine.project_id "
        "WHERE mine.user_id = {} AND theirs.shared)",
        _V.id, user, user,
    )  # fmt: skip


LIST = ListStatements(
    _select,
    {
        "name": Key(_V.name, str),
        "created_at": Key(_V.created_at, datetime),
        "updated_at": Key(_V.updated_at, datetime),
    },
    _V.id,
    # The project's column is there for its join, which visibility needs.
    counted=lambda: _V.select(_V.id, _V.project.deleted_at),
)

FIND = Statement(lambda: _select().where(_V.id == Param(3)).where(_visible(Param(1), Param(2))))
PROJECT_OF = Statement(lambda: QueryString("SELECT project_id FROM views WHERE id = {}", Param(1)))

# Shared with changes of tasks and of other views; archiving and deletion wait.
LOCK_PROJECT = Statement(
    lambda: QueryString(
        f"SELECT {PROJECT_COLUMNS} FROM projects p WHERE p.id = {{}} AND p.deleted_at IS NULL FOR SHARE",
        Param(1),
    )
)

LOCK = Statement(
    lambda: QueryString(
        "SELECT id, owner_id, project_id, name, filter, sort, shared, version, field_versions FROM views "
        "WHERE id = {} FOR NO KEY UPDATE",
        Param(1),
    )
)

ADD = Statement(
    lambda: QueryString(
        "INSERT INTO views "
        "(id, owner_id, project_id, name, filter, sort, shared, created_at, updated_at, version, field_versions) "
        "VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, 1, jsonb_build_object())",
        *(Param(number) for number in (1, 2, 3, 4, 5, 6, 7, 8, 8)),
    )
)

_COLUMNS = ("name", "filter", "sort", "shared")


def _change() -> QueryString:
    # One statement whichever fields change: a flag per field says whether its new value counts.
    sets = ", ".join(f"{column} = CASE WHEN {{}} THEN {{}} ELSE {column} END" for column in _COLUMNS)
    values = [Param(number) for number in range(4, 4 + 2 * len(_COLUMNS))]
    return QueryString(
        f"UPDATE views SET {sets}, updated_at = {{}}, version = version + 1, field_versions = field_versions || {{}}::jsonb "
        "WHERE id = {}",
        *values, Param(2), Param(3), Param(1),
    )  # fmt: skip


CHANGE = Statement(_change)
DELETE = Statement(lambda: QueryString("DELETE FROM views WHERE id = {}", Param(1)))


class PiccoloViews(Views):
    """Fills ports.Views."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, actor: Actor, reference: str) -> View:
        """See ports.Views."""
        view_id = parse_id(reference)
        row = view_id and await self._database.fetch_row(FIND, actor.id, actor.is_admin, view_id)
        if not row:
            raise ViewNotFound
        view = _view(row)
        if actor.project_ids is not None and (view.project is None or not actor.reaches(view.project.id)):
            raise ViewNotFound
        return view

    async def page(self, actor: Actor, project_id: UUID | None, window: Window) -> Slice[View]:
        """See ports.Views."""
        conditions = [Condition("visible", _visible, actor.id, actor.is_admin)]
        if not actor.is_admin and project_id is None:
            conditions.append(Condition("reached", _reached, actor.id, generic=True))
        if actor.project_ids is not None:
            # Of tokens that are narrowed only: sessions have a statement without it.
            conditions.append(Condition("within", _within, [*actor.project_ids]))
        if project_id is not None:
            conditions.append(Condition("project", lambda id_: _V.project == id_, project_id))
        return await LIST.page(self._database, conditions, window, _view)

    async def project_of(self, view_id: UUID) -> UUID | None:
        """See ports.Views."""
        row = await self._database.fetch_row(PROJECT_OF, view_id)
        if row is None:
            raise ViewNotFound
        project_id: UUID | None = row[0]
        return project_id

    async def lock_project(self, project_id: UUID) -> ProjectState | None:
        """See ports.Views."""
        row = await self._database.fetch_row(LOCK_PROJECT, project_id)
        return ProjectState(*row) if row else None

    async def lock(self, view_id: UUID) -> ViewState:
        """See ports.Views."""
        row = await self._database.fetch_row(LOCK, view_id)
        if row is None:
            raise ViewNotFound
        *columns, field_versions = row
        return ViewState(*[*columns, msgspec.json.decode(field_versions)])

    async def add(self, view_id: UUID, draft: ViewDraft, owner_id: UUID, now: datetime) -> None:
        """See ports.Views."""
        await self._database.fetch(
            ADD, view_id, owner_id, draft.project_id, draft.name, draft.filter, draft.sort, draft.shared, now
        )  # fmt: skip

    async def change(self, state: ViewState, changes: Mapping[str, Any], now: datetime) -> int:
        """See ports.Views."""
        version = state.version + 1
        values = [value for column in _COLUMNS for value in (column in changes, changes.get(column))]
        stamped = msgspec.json.encode(dict.fromkeys(changes, version)).decode()
        await self._database.fetch(CHANGE, state.id, now, stamped, *values)
        return version

    async def delete(self, view_id: UUID) -> None:
        """See ports.Views."""
        await self._database.fetch(DELETE, view_id)


def _within(ids: Param) -> QueryString:
    return QueryString("{} = ANY({}::uuid[])", _V.project, ids)


def _view(row: Iterable[Any]) -> View:
    (id_, name, filter_, sort, project_id, project_key, project_name, shared, owner_id, owner_name,
     owner_deleted_at, created_at, updated_at, version) = row  # fmt: skip
    project = None if project_id is None else ProjectRef(project_id, project_key, project_name)
    owner = person_ref(owner_id, owner_name, owner_deleted_at)
    return View(id_, name, filter_, sort, project, shared, owner, created_at, updated_at, version)
