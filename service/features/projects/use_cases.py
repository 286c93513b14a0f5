"""What people do with projects, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.projects.domain import KeyTaken, OwnerDeleted, ProjectRole, TokenNarrowed, keys_for, require_role
from service.features.projects.events import (
    MemberAdded,
    ProjectArchivedEvent,
    ProjectCreated,
    ProjectDeleted,
    ProjectRestored,
    ProjectUnarchived,
    ProjectUpdated,
)
from service.kernel.errors import Unauthenticated
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from service.features.projects.domain import Project, ProjectState
    from service.features.projects.ports import Projects
    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition

_DELETED = "Your account was deleted a moment ago."


class ProjectWrites:
    """Creating, changing, archiving and deleting projects."""

    def __init__(self, unit_of_work: UnitOfWork, projects: Projects, outbox: Outbox, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._projects = projects
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def create(self, actor: Actor, name: str, key: str | None, description: str | None) -> Project:
        """Create a project that the actor owns.

        Raises:
            TokenNarrowed: the actor's token is narrowed to other projects.
            KeyTaken: another project has the key that was asked for.
            Unauthenticated: the actor's account was deleted a moment ago.
        """
        if actor.project_ids is not None:
            message = "This token is narrowed to some projects and could not see a new one; use one for all projects, or log in."
            raise TokenNarrowed(message)

        async def work() -> Project:
            now = self._clock.now()
            project_id = self._ids.new()
            taken = await self._add(project_id, name, key, description)
            membership_id = self._ids.new()
            if not await self._projects.add_member(membership_id, project_id, actor.id, ProjectRole.OWNER, now):
                raise Unauthenticated(_DELETED)
            created = ProjectCreated(
                subject_id=project_id, subject_key=taken, subject_version=1, project_id=project_id, data={"name": name}
            )
            owner = {"user_id": str(actor.id), "role": ProjectRole.OWNER}
            joined = MemberAdded(subject_id=membership_id, subject_version=1, project_id=project_id, data=owner)
            await self._outbox.publish(actor, created, joined)
            return await self._projects.find(actor, str(project_id))

        return await self._unit_of_work.run(work)

    async def update(self, actor: Actor, reference: str, wanted: Mapping[str, Any], precondition: Precondition = ANY) -> Project:
        """Give fields of a project new values; values that it has already change nothing.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: the actor is no maintainer.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: it has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> Project:
            state = await self._locked(actor, reference, ProjectRole.MAINTAINER)
            await hold(precondition, state, self._outbox, sent=wanted, required=state.require_if_match)
            state.refuse_archived()
            await self._apply(actor, state, wanted, ProjectUpdated)
            return await self._projects.find(actor, str(state.id))

        return await self._unit_of_work.run(work)

    async def archive(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> Project:
        """Make a project read-only; one that is so already stays as it is.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: the actor is not the owner.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: it has changed since the client read it.
        """
        return await self._close(actor, reference, {"archived_at": self._clock.now()}, ProjectArchivedEvent, precondition)

    async def unarchive(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> Project:
        """Make a project writable again; one that is so already stays as it is.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: the actor is not the owner.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: it has changed since the client read it.
        """
        return await self._close(actor, reference, {"archived_at": None}, ProjectUnarchived, precondition)

    async def delete(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Delete a project softly: it and its tasks are gone for every reader, its key is free.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: the actor is not the owner.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: it has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> None:
            state = await self._locked(actor, reference, ProjectRole.OWNER)
            await hold(precondition, state, self._outbox, required=state.require_if_match)
            state.refuse_archived()
            await self._apply(actor, state, {"deleted_at": self._clock.now()}, ProjectDeleted)

        await self._unit_of_work.run(work)

    async def restore(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> Project:
        """Bring a deleted project back with its tasks; one that is not deleted stays as it is.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it, or it is being purged.
            InsufficientRole: the actor is not the owner.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: it has changed since the client read it.
            KeyTaken: another project has its key by now.
            OwnerDeleted: the owner has no account any more.
        """

        async def work() -> Project:
            state = await self._projects.lock_restorable(reference)
            require_role(await self._projects.lock_role(actor, state.id), ProjectRole.OWNER)
            await hold(precondition, state, self._outbox, required=state.require_if_match)
            if await self._projects.owner_is_deleted(state.id):
                message = "The account of the project's owner is deleted: an admin must restore that first."
                raise OwnerDeleted(message)
            await self._apply(actor, state, {"deleted_at": None}, ProjectRestored)
            return await self._projects.find(actor, str(state.id))

        return await self._unit_of_work.run(work)

    async def _close(
        self, actor: Actor, reference: str, wanted: Mapping[str, Any], event: type[Event], precondition: Precondition
    ) -> Project:
        async def work() -> Project:
            state = await self._locked(actor, reference, ProjectRole.OWNER)
            await hold(precondition, state, self._outbox, required=state.require_if_match)
            if (state.archived_at is None) != (wanted["archived_at"] is None):
                await self._apply(actor, state, wanted, event)
            return await self._projects.find(actor, str(state.id))

        return await self._unit_of_work.run(work)

    async def _add(self, project_id: UUID, name: str, key: str | None, description: str | None) -> str:
        now = self._clock.now()
        for candidate in [key] if key else keys_for(name):
            if await self._projects.add(project_id, candidate, name, description, now):
                return candidate
        message = f"Another project has the key {key}; choose another, or leave it out to have one made."
        raise KeyTaken(message)

    async def _locked(self, actor: Actor, reference: str, needed: ProjectRole) -> ProjectState:
        state = await self._projects.lock(reference)
        require_role(await self._projects.lock_role(actor, state.id), needed)
        return state

    async def _apply(self, actor: Actor, state: ProjectState, wanted: Mapping[str, Any], event: type[Event]) -> None:
        before = {field: getattr(state, field) for field in state.__struct_fields__}
        changes = {field: value for field, value in wanted.items() if before[field] != value}
        if not changes:
            return
        version = await self._projects.change(state, changes, self._clock.now())
        await self._outbox.publish(
            actor,
            event(
                subject_id=state.id,
                subject_key=state.key,
                subject_version=version,
                project_id=state.id,
                changes={field: Change(before[field], value) for field, value in changes.items()},
            ),
        )
