"""What people do with saved views, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.projects.domain import ProjectNotFound, ProjectRole, TokenNarrowed, require_role
from service.features.views.domain import ViewNotFound, refuse_sharing_nowhere
from service.features.views.events import ViewCreated, ViewDeleted, ViewUpdated
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.features.projects.domain import ProjectState
    from service.features.projects.ports import Projects
    from service.features.views.domain import View, ViewDraft, ViewState
    from service.features.views.ports import Views
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition

# What changes this is told to the project; what a view becomes once it is private is nobody else's concern.
_SHARED = "shared"


class ViewWrites:
    """Saving, changing and deleting views."""

    def __init__(
        self, unit_of_work: UnitOfWork, views: Views, projects: Projects, outbox: Outbox, clock: Clock, ids: Ids
    ) -> None:
        self._unit_of_work = unit_of_work
        self._views = views
        self._projects = projects
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def create(self, actor: Actor, draft: ViewDraft) -> View:
        """Save a view that the actor owns.

        Raises:
            Invalid: it would be shared, and is of no project.
            TokenNarrowed: it is of no project, and the actor's token is narrowed to some.
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: it would be shared, and the actor only views the project.
            ProjectArchived: it would be shared, and the project is read-only.
        """
        refuse_sharing_nowhere(draft.project_id, draft.shared)
        if draft.project_id is None and actor.project_ids is not None:
            message = "This token is narrowed to some projects and could not see the view; send one of them as project_id."
            raise TokenNarrowed(message)

        async def work() -> View:
            if draft.project_id is not None:
                project = await self._views.lock_project(draft.project_id)
                if project is None:
                    raise ProjectNotFound
                role = await self._projects.lock_role(actor, project.id)
                require_role(role, ProjectRole.MEMBER if draft.shared else ProjectRole.VIEWER)
                if draft.shared:
                    project.refuse_archived()
            view_id = self._ids.new()
            await self._views.add(view_id, draft, actor.id, self._clock.now())
            created = ViewCreated(
                subject_id=view_id,
                subject_version=1,
                project_id=draft.project_id if draft.shared else None,
                data={"name": draft.name},
            )
            await self._outbox.publish(actor, created)
            return await self._views.find(actor, str(view_id))

        return await self._unit_of_work.run(work)

    async def update(self, actor: Actor, reference: str, wanted: Mapping[str, Any], precondition: Precondition = ANY) -> View:
        """Give fields of a view new values; values that it has already change nothing.

        Raises:
            ViewNotFound: there is none, or the actor may not see it.
            InsufficientRole: it is somebody else's and the actor no maintainer, or shared and the actor no member.
            ViewOfAnother: it is somebody else's, and would be made private.
            PreconditionFailed: it has changed since the client read it.
            Invalid: it would be shared, and is of no project.
            ProjectArchived: it is or would be shared, and the project is read-only.
        """

        async def work() -> View:
            state, project = await self._locked(actor, reference, wanted)
            state.refuse_taking_back(actor, wanted)
            refuse_sharing_nowhere(state.project_id, wanted.get(_SHARED))
            await hold(precondition, state, self._outbox, sent=wanted)
            if project is not None and (state.shared or wanted.get(_SHARED)):
                project.refuse_archived()
            changes = {field: value for field, value in wanted.items() if getattr(state, field) != value}
            if changes:
                version = await self._views.change(state, changes, self._clock.now())
                await self._outbox.publish(actor, _alteration(state, changes, version))
            return await self._views.find(actor, str(state.id))

        return await self._unit_of_work.run(work)

    async def delete(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Delete a view for good.

        Raises:
            ViewNotFound: there is none, or the actor may not see it.
            InsufficientRole: it is somebody else's and the actor no maintainer, or shared and the actor no member.
            PreconditionFailed: it has changed since the client read it.
            ProjectArchived: it is shared, and the project is read-only.
        """

        async def work() -> None:
            state, project = await self._locked(actor, reference, {})
            await hold(precondition, state, self._outbox)
            if project is not None and state.shared:
                project.refuse_archived()
            await self._views.delete(state.id)
            # Nothing purges it later: what was told of it while it was private names no project.
            await self._outbox.forget([state.id])
            project_id = state.project_id if state.shared else None
            gone = ViewDeleted(subject_id=state.id, subject_version=state.version + 1, project_id=project_id)
            await self._outbox.publish(actor, gone)

        await self._unit_of_work.run(work)

    async def _locked(self, actor: Actor, reference: str, wanted: Mapping[str, Any]) -> tuple[ViewState, ProjectState | None]:
        view_id = parse_id(reference)
        if view_id is None:
            raise ViewNotFound
        project_id = await self._views.project_of(view_id)
        project = role = None
        if project_id is not None:
            project = await self._views.lock_project(project_id)
            role = await self._projects.lock_role(actor, project_id)
        state = await self._views.lock(view_id)
        is_own = state.owner_id == actor.id
        if project_id is None:
            # Nobody else's, and of no project that a token could be narrowed to.
            if not is_own or actor.project_ids is not None:
                raise ViewNotFound
        elif project is None or role is None or not (is_own or state.shared):
            raise ViewNotFound
        else:
            require_role(role, state.needed_role(actor, wanted))
        return state, project


def _alteration(state: ViewState, changes: Mapping[str, Any], version: int) -> ViewUpdated:
    told = changes
    if changes.get(_SHARED) is False:
        told = {_SHARED: False}
    return ViewUpdated(
        subject_id=state.id,
        subject_version=version,
        project_id=state.project_id if state.shared or changes.get(_SHARED) else None,
        changes={field: Change(getattr(state, field), value) for field, value in told.items()},
    )
