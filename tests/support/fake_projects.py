"""Projects in memory, for tests of use cases: it refuses a write whose row was not locked first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import structs

from service.features.projects.domain import Member, Project, ProjectNotFound, ProjectRole, ProjectState, acting_role
from service.features.projects.ports import ProjectFilter, Projects
from service.kernel.paging import Slice, Window
from tests.support.factories import SOME_DAY
from tests.support.fakes import stamped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from service.kernel.actor import Actor


class FakeProjects(Projects):
    """Fills ports.Projects."""

    def __init__(self) -> None:
        self.rows: dict[UUID, ProjectState] = {}
        self.roles: dict[UUID, dict[UUID, ProjectRole]] = {}
        self.deleted: set[UUID] = set()
        self.locked: set[UUID] = set()

    def put(self, state: ProjectState, **roles: Actor) -> ProjectState:
        """Store a project whose members are given by role: `put(state, owner=ann, viewer=bob)`."""
        self.rows[state.id] = state
        self.roles[state.id] = {actor.id: ProjectRole(role) for role, actor in roles.items()}
        return state

    async def find(self, actor: Actor, reference: str) -> Project:
        """See ports.Projects."""
        project = self._seen(actor, self._row(reference))
        if acting_role(actor, project.id, project.my_role) is None:
            raise ProjectNotFound
        return project

    async def page(self, actor: Actor, wanted: ProjectFilter, window: Window) -> Slice[Project]:
        """See ports.Projects; no use case reads lists, so neither filter nor order is here."""
        visible = [row for row in self.rows.values() if actor.is_admin or actor.id in self.roles[row.id]]
        return Slice([self._seen(actor, row) for row in visible], len(visible), total_is_exact=True)

    async def lock(self, reference: str) -> ProjectState:
        """See ports.Projects."""
        row = self._row(reference)
        self.locked.add(row.id)
        return row

    async def lock_restorable(self, reference: str) -> ProjectState:
        """See ports.Projects."""
        for row in self.rows.values():
            if reference == str(row.id) and row.id in self.deleted:
                self.locked.add(row.id)
                return structs.replace(row, deleted_at=SOME_DAY)
        return await self.lock(reference)

    async def owner_is_deleted(self, project_id: UUID) -> bool:
        """See ports.Projects; nobody is deleted here."""
        return False

    async def lock_role(self, actor: Actor, project_id: UUID) -> ProjectRole | None:
        """See ports.Projects."""
        assert project_id in self.locked, "the project is locked before the membership"
        return acting_role(actor, project_id, self.roles[project_id].get(actor.id))

    async def add(self, project_id: UUID, key: str, name: str, description: str | None, now: datetime) -> bool:
        """See ports.Projects."""
        if any(row.key == key for row in self._alive()):
            return False
        self.rows[project_id] = ProjectState(
            project_id, key, name, description, require_if_match=False, archived_at=None, version=1
        )
        self.roles[project_id] = {}
        self.locked.add(project_id)
        return True

    async def add_member(self, membership_id: UUID, project_id: UUID, user_id: UUID, role: ProjectRole, now: datetime) -> bool:
        """See ports.Projects."""
        assert user_id not in self.roles[project_id]
        self.roles[project_id][user_id] = role
        return True

    async def change(self, state: ProjectState, changes: Mapping[str, Any], now: datetime) -> int:
        """See ports.Projects."""
        assert state.id in self.locked, "a project is changed after it was locked"
        if "deleted_at" in changes:
            (self.deleted.discard if changes["deleted_at"] is None else self.deleted.add)(state.id)
        # Whether it is deleted is said by `deleted` alone.
        changed: dict[str, Any] = {**changes, **stamped(state, changes), "deleted_at": None}
        self.rows[state.id] = structs.replace(state, **changed)
        return state.version + 1

    def _alive(self) -> list[ProjectState]:
        return [row for row in self.rows.values() if row.id not in self.deleted]

    def _row(self, reference: str) -> ProjectState:
        for row in self._alive():
            if reference in (str(row.id), row.key):
                return row
        raise ProjectNotFound

    def _seen(self, actor: Actor, row: ProjectState) -> Project:
        roles = self.roles[row.id]
        owner = next((user_id for user_id, role in roles.items() if role is ProjectRole.OWNER), UUID(int=0))
        return Project(
            id=row.id,
            key=row.key,
            name=row.name,
            description=row.description,
            owner=Member(owner, "Owner", "owner@example.com", is_active=True),
            is_archived=row.archived_at is not None,
            archived_at=row.archived_at,
            require_if_match=row.require_if_match,
            my_role=roles.get(actor.id),
            created_at=SOME_DAY,
            updated_at=SOME_DAY,
            deleted_at=None,
            purge_at=None,
            version=row.version,
        )
