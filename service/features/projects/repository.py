"""Projects and memberships in PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.failures import constraint_of
from service.adapters.database.lists import Condition, Key, ListStatements, like
from service.features.projects.domain import (
    KeyTaken,
    Member,
    Project,
    ProjectNotFound,
    ProjectRole,
    ProjectState,
    acting_role,
)
from service.features.projects.ports import ProjectFilter, Projects
from service.features.projects.tables import MembershipRow, ProjectRow
from service.kernel.paging import Slice, Window
from service.kernel.retention import DELETED_KEPT, purge_at
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from piccolo.query import Select

    from service.kernel.actor import Actor

# A project is read through its owner's membership, which always exists: Piccolo joins along foreign keys.
_P = MembershipRow.project
_OWNER = MembershipRow.user


def _my_role(user: Param) -> QueryString:
    return QueryString(
        "(SELECT mine.role FROM memberships mine WHERE mine.project_id = {} AND mine.user_id = {})", MembershipRow.project, user
    )


def _select() -> Select[Any]:
    return _owners(
        _P.id, _P.key, _P.name, _P.description, _OWNER.id, _OWNER.full_name, _OWNER.email, _OWNER.is_active,
        _OWNER.deleted_at, _P.archived_at, _P.require_if_match, _my_role(Param(1)).as_alias("my_role"),
        _P.created_at, _P.updated_at, _P.deleted_at, _P.version,
    )  # fmt: skip


def _owners(*columns: Any) -> Select[Any]:
    # Piccolo joins outwards; that there is a project lets PostgreSQL begin with those, in the order of an index.
    return MembershipRow.select(*columns).where(QueryString("{} = 'owner'", MembershipRow.role)).where(_P.id.is_not_null())


# The caller is always $1, so that `my_role` and visibility share it.
def _caller(actor: Actor, *, must_belong: bool) -> Condition:
    if must_belong:
        mine = "{} IN (SELECT mine.project_id FROM memberships mine WHERE mine.user_id = {})"
        return Condition("member", lambda user: QueryString(mine, MembershipRow.project, user), actor.id, generic=True)
    return Condition("anyone", lambda user: QueryString("{}::uuid IS NOT NULL", user), actor.id, generic=True)


def _within(project_ids: Iterable[UUID]) -> Condition:
    # Of tokens that are narrowed only: sessions have a statement without it.
    return Condition("within", lambda ids: QueryString("{} = ANY({}::uuid[])", _P.id, ids), list(project_ids))


_ALIVE = Condition("alive", lambda _: QueryString("{} IS NULL", _P.deleted_at), None)
# Deleted ones too, of which some can't be restored any more.
_KEPT = Condition("kept", lambda _: QueryString("{} IS NULL", _P.purging_at), None)


def _restorable(actor: Actor) -> Condition:
    if actor.is_admin:
        return _KEPT
    text = "({} IS NULL OR ({} = {} AND {} IS NULL))"
    return Condition("own", lambda user: QueryString(text, _P.deleted_at, MembershipRow.user, user, _P.purging_at), actor.id)


_UNARCHIVED = Condition("unarchived", lambda _: QueryString("{} IS NULL", _P.archived_at), None)

LIST = ListStatements(
    _select,
    {
        "created_at": Key(_P.created_at, datetime),
        "updated_at": Key(_P.updated_at, datetime),
        "name": Key(_P.name, str),
        "key": Key(_P.key, str),
    },
    _P.id,
    counted=lambda: _owners(_P.id),
)


def _find(column: Any) -> Any:
    return lambda: _select().where(QueryString("{} IS NULL", _P.deleted_at)).where(column == Param(2))


FIND_BY_ID = Statement(_find(_P.id))
FIND_BY_KEY = Statement(_find(_P.key))


def _lock(column: Any, gone: Any = ProjectRow.deleted_at) -> Any:
    return lambda: QueryString(
        "{} FOR NO KEY UPDATE",
        ProjectRow.select(
            ProjectRow.id, ProjectRow.key, ProjectRow.name, ProjectRow.description, ProjectRow.require_if_match,
            ProjectRow.archived_at, ProjectRow.version, ProjectRow.deleted_at, ProjectRow.field_versions,
        ).where(column == Param(1)).where(gone.is_null()).querystrings[0],
    )  # fmt: skip


LOCK_BY_ID = Statement(_lock(ProjectRow.id))
LOCK_BY_KEY = Statement(_lock(ProjectRow.key))
LOCK_RESTORABLE = Statement(_lock(ProjectRow.id, ProjectRow.purging_at))

LOCK_ROLE = Statement(
    lambda: QueryString(
        "{} FOR SHARE",
        MembershipRow.select(MembershipRow.role)
        .where(MembershipRow.project == Param(1), MembershipRow.user == Param(2))
        .querystrings[0],
    )
)

DELETED_OWNER = Statement(
    lambda: QueryString(
        "SELECT u.id FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.project_id = {} AND m.role = 'owner' AND u.deleted_at IS NOT NULL",
        Param(1),
    )
)

# Not Piccolo's insert: whether a key is taken must not abort the transaction, since the next candidate is tried in it.
ADD = Statement(
    lambda: QueryString(
        "INSERT INTO projects "
        "(id, key, name, description, require_if_match, last_number, created_at, updated_at, version, field_versions) "
        "VALUES ({}, {}, {}, {}, false, 0, {}, {}, 1, jsonb_build_object()) "
        "ON CONFLICT (key) WHERE deleted_at IS NULL DO NOTHING RETURNING id",
        *(Param(number) for number in (1, 2, 3, 4, 5, 5)),
    )
)

# A foreign key does not see that an account was deleted, nor wait for who is deleting it.
ADD_MEMBER = Statement(
    lambda: QueryString(
        "INSERT INTO memberships (id, project_id, user_id, role, created_at, version) "
        "SELECT {}::uuid, {}::uuid, id, {}::text, {}::timestamptz, 1 FROM users WHERE id = {} AND deleted_at IS NULL FOR SHARE "
        "RETURNING id",
        Param(1), Param(2), Param(4), Param(5), Param(3),
    )
)  # fmt: skip

_COLUMNS = ("name", "description", "require_if_match", "archived_at", "deleted_at")


def _change() -> QueryString:
    # One statement whichever fields change: a flag per field says whether its new value counts.
    sets = ", ".join(f"{column} = CASE WHEN {{}} THEN {{}} ELSE {column} END" for column in _COLUMNS)
    values = [Param(number) for number in range(4, 4 + 2 * len(_COLUMNS))]
    return QueryString(
        f"UPDATE projects SET {sets}, updated_at = {{}}, version = version + 1, field_versions = field_versions || {{}}::jsonb "
        "WHERE id = {} RETURNING version",
        *values, Param(2), Param(3), Param(1),
    )  # fmt: skip


CHANGE = Statement(_change)


class PiccoloProjects(Projects):
    """Fills ports.Projects."""

    def __init__(self, database: Database, deleted_kept: timedelta = DELETED_KEPT) -> None:
        self._database = database
        self._deleted_kept = deleted_kept

    async def find(self, actor: Actor, reference: str) -> Project:
        """See ports.Projects."""
        project_id = parse_id(reference)
        statement = FIND_BY_KEY if project_id is None else FIND_BY_ID
        row = await self._database.fetch_row(statement, actor.id, project_id or reference)
        if row is None:
            raise ProjectNotFound
        project = self._project(row)
        if acting_role(actor, project.id, project.my_role) is None:
            raise ProjectNotFound
        return project

    async def page(self, actor: Actor, wanted: ProjectFilter, window: Window) -> Slice[Project]:
        """See ports.Projects."""
        conditions = [_caller(actor, must_belong=wanted.mine or not actor.is_admin)]
        conditions.append(_restorable(actor) if wanted.deleted else _ALIVE)
        if actor.project_ids is not None:
            conditions.append(_within(actor.project_ids))
        if not wanted.archived:
            conditions.append(_UNARCHIVED)
        if wanted.search:
            conditions.append(Condition("search", _matches, like(wanted.search)))
        return await LIST.page(self._database, conditions, window, self._project)

    async def lock(self, reference: str) -> ProjectState:
        """See ports.Projects."""
        return await self._locked(LOCK_BY_ID, reference)

    async def lock_restorable(self, reference: str) -> ProjectState:
        """See ports.Projects."""
        return await self._locked(LOCK_RESTORABLE, reference)

    async def owner_is_deleted(self, project_id: UUID) -> bool:
        """See ports.Projects."""
        return await self._database.fetch_row(DELETED_OWNER, project_id) is not None

    async def lock_role(self, actor: Actor, project_id: UUID) -> ProjectRole | None:
        """See ports.Projects."""
        if actor.is_admin or not actor.reaches(project_id):
            return acting_role(actor, project_id, None)
        row = await self._database.fetch_row(LOCK_ROLE, project_id, actor.id)
        return ProjectRole(row[0]) if row else None

    async def add(self, project_id: UUID, key: str, name: str, description: str | None, now: datetime) -> bool:
        """See ports.Projects."""
        return await self._database.fetch_row(ADD, project_id, key, name, description, now) is not None

    async def add_member(self, membership_id: UUID, project_id: UUID, user_id: UUID, role: ProjectRole, now: datetime) -> bool:
        """See ports.Projects."""
        return await self._database.fetch_row(ADD_MEMBER, membership_id, project_id, user_id, role, now) is not None

    async def change(self, state: ProjectState, changes: Mapping[str, Any], now: datetime) -> int:
        """See ports.Projects."""
        version = state.version + 1
        values = [value for column in _COLUMNS for value in (column in changes, changes.get(column))]
        stamped = msgspec.json.encode(dict.fromkeys(changes, version)).decode()
        try:
            await self._database.fetch(CHANGE, state.id, now, stamped, *values)
        except asyncpg.UniqueViolationError as error:
            if constraint_of(error) == "projects_key_unique":
                message = f"Another project has the key {state.key} by now, and keys never change: delete that one first."
                raise KeyTaken(message) from error
            raise
        return version

    async def _locked(self, by_id: Statement, reference: str) -> ProjectState:
        project_id = parse_id(reference)
        row = await self._database.fetch_row(LOCK_BY_KEY if project_id is None else by_id, project_id or reference)
        if row is None:
            raise ProjectNotFound
        *columns, deleted_at, field_versions = row
        return ProjectState(*[*columns, msgspec.json.decode(field_versions), deleted_at])

    def _project(self, row: Iterable[Any]) -> Project:
        (id_, key, name, description, owner_id, owner_name, owner_email, owner_active, owner_deleted_at, archived_at,
         require_if_match, my_role, created_at, updated_at, deleted_at, version) = row  # fmt: skip
        alive = owner_deleted_at is None
        owner = Member(owner_id, owner_name, owner_email, owner_active) if alive else Member(owner_id, None, deleted=True)
        return Project(
            id_, key, name, description, owner, archived_at is not None, archived_at, require_if_match,
            ProjectRole(my_role) if my_role else None, created_at, updated_at, deleted_at,
            purge_at(deleted_at, self._deleted_kept), version,
        )  # fmt: skip


def _matches(pattern: Param) -> QueryString:
    return QueryString('({} COLLATE "default" ILIKE {} OR {} ILIKE {})', _P.name, pattern, _P.key, pattern)
