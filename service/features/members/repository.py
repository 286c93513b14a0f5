"""Memberships in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.lists import Condition, Key, ListStatements
from service.features.accounts.domain import Role
from service.features.members.domain import Person, ProjectMember, Seat
from service.features.members.ports import Members
from service.features.projects.domain import ProjectRole
from service.features.projects.tables import MembershipRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from piccolo.query import Select

    from service.features.projects.ports import Projects
    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window

_M = MembershipRow


# In the order of ProjectMember's fields.
def _select() -> Select[Any]:
    return _M.select(
        _M.user.id, _M.user.full_name, _M.user.email, _M.user.is_active, _M.role, _M.created_at, _M.version
    ).where(_M.user.deleted_at.is_null())  # fmt: skip


LIST = ListStatements(
    _select,
    {
        "since": Key(_M.created_at, datetime),
        "full_name": Key(_M.user.full_name, str, nullable=True),
        "email": Key(_M.user.email, str),
    },
    _M.id,
    counted=lambda: _M.select(_M.id).where(_M.user.deleted_at.is_null()),
)

LOCK_PEOPLE = Statement(
    lambda: QueryString(
        "SELECT id, full_name, email, canonical_email, is_active, role, email_verified_at IS NOT NULL FROM users "
        "WHERE id = ANY({}::uuid[]) AND deleted_at IS NULL ORDER BY id FOR SHARE",
        Param(1),
    )
)

LOCK = Statement(
    lambda: QueryString(
        "SELECT m.id, m.user_id, u.full_name, u.email, u.is_active AND u.deleted_at IS NULL, m.role, m.created_at, m.version "
        "FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.project_id = {} AND (m.user_id = ANY({}::uuid[]) OR m.role = 'owner') ORDER BY m.user_id FOR UPDATE OF m",
        Param(1),
        Param(2),
    )
)

HAS_ADDRESS = Statement(
    lambda: QueryString(
        "SELECT m.id FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.project_id = {} AND u.canonical_email = {} AND u.deleted_at IS NULL",
        Param(1),
        Param(2),
    )
)

CHANGE_ROLE = Statement(
    lambda: QueryString("UPDATE memberships SET role = {}, version = version + 1 WHERE id = {}", Param(2), Param(1))
)

REMOVE = Statement(lambda: _M.delete().where(_M.id == Param(1)))


class PiccoloMembers(Members):
    """Fills ports.Members."""

    def __init__(self, database: Database, projects: Projects) -> None:
        """`projects` tells who may see one."""
        self._database = database
        self._projects = projects

    async def page(self, actor: Actor, reference: str, window: Window) -> Slice[ProjectMember]:
        """See ports.Members."""
        project = await self._projects.find(actor, reference)
        conditions = [Condition("project", lambda id_: _M.project == id_, project.id, generic=True)]
        return await LIST.page(self._database, conditions, window, _member)

    async def lock_people(self, user_ids: Collection[UUID]) -> dict[UUID, Person]:
        """See ports.Members."""
        rows = await self._database.fetch(LOCK_PEOPLE, list(user_ids))
        return {row[0]: _person(row) for row in rows}

    async def lock(self, project_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, Seat]:
        """See ports.Members."""
        rows = await self._database.fetch(LOCK, project_id, list(user_ids))
        return {row[1]: Seat(row[0], _member(row[1:])) for row in rows}

    async def has_address(self, project_id: UUID, canonical_email: str) -> bool:
        """See ports.Members."""
        return await self._database.fetch_row(HAS_ADDRESS, project_id, canonical_email) is not None

    async def change_role(self, seat: Seat, role: ProjectRole) -> None:
        """See ports.Members."""
        await self._database.fetch(CHANGE_ROLE, seat.id, role)

    async def remove(self, seat: Seat) -> None:
        """See ports.Members."""
        await self._database.fetch(REMOVE, seat.id)


def _member(row: Iterable[Any]) -> ProjectMember:
    id_, full_name, email, is_active, role, since, version = row
    return ProjectMember(id_, full_name, email, is_active, ProjectRole(role), since, version)


def _person(row: Iterable[Any]) -> Person:
    id_, full_name, email, canonical_email, is_active, role, is_verified = row
    return Person(id_, full_name, email, canonical_email, is_active, role == Role.ADMIN, is_verified)
