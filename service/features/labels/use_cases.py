"""What people do with labels, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.labels.domain import MOST_LABELS, Label, LabelNotFound, TooManyLabels, tidy
from service.features.labels.events import LabelCreated, LabelDeleted, LabelUpdated
from service.features.projects.domain import ProjectNotFound, ProjectRole, require_role
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.features.labels.domain import LabelState
    from service.features.labels.ports import Labels
    from service.features.projects.domain import ProjectState
    from service.features.projects.ports import Projects
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class LabelWrites:
    """Creating, changing and deleting labels: one after the other in a project, and not while tasks are labelled there."""

    def __init__(
        self, unit_of_work: UnitOfWork, labels: Labels, projects: Projects, outbox: Outbox, clock: Clock, ids: Ids
    ) -> None:
        self._unit_of_work = unit_of_work
        self._labels = labels
        self._projects = projects
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def create(self, actor: Actor, reference: str, name: str, color: str) -> Label:
        """Give a project a new label.

        Raises:
            ProjectNotFound: there is none, or the actor does not belong to it.
            InsufficientRole: the actor is no maintainer.
            ProjectArchived: the project is read-only.
            TooManyLabels: the project has as many as it may.
            LabelTaken: the project has one of this name, whatever its capitals.
        """
        fields = tidy({"name": name, "color": color})

        async def work() -> Label:
            project = await self._projects.lock(reference)
            require_role(await self._projects.lock_role(actor, project.id), ProjectRole.MAINTAINER)
            project.refuse_archived()
            if await self._labels.count(project.id) >= MOST_LABELS:
                message = f"Project {project.key} has {MOST_LABELS} labels, the most there may be; delete one first."
                raise TooManyLabels(message)
            now = self._clock.now()
            label = Label(self._ids.new(), project.id, **fields, created_at=now, updated_at=now, version=1)
            await self._labels.add(label)
            created = LabelCreated(subject_id=label.id, subject_version=1, project_id=project.id, data=fields)
            await self._outbox.publish(actor, created)
            return label

        return await self._unit_of_work.run(work)

    async def update(self, actor: Actor, reference: str, wanted: Mapping[str, Any], precondition: Precondition = ANY) -> Label:
        """Give fields of a label new values; values that it has already change nothing.

        Raises:
            LabelNotFound: there is none, or the actor does not belong to its project.
            InsufficientRole: the actor is no maintainer.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the label has changed since the client read it.
            ProjectArchived: the project is read-only.
            LabelTaken: the project has another one of this name, whatever its capitals.
        """
        fields = tidy(wanted)

        async def work() -> Label:
            project, state = await self._locked(actor, reference)
            await hold(precondition, state, self._outbox, sent=fields, required=project.require_if_match)
            project.refuse_archived()
            changes = {field: value for field, value in fields.items() if getattr(state, field) != value}
            if changes:
                version = await self._labels.change(state, changes, self._clock.now())
                told = {field: Change(getattr(state, field), value) for field, value in changes.items()}
                updated = LabelUpdated(subject_id=state.id, subject_version=version, project_id=project.id, changes=told)
                await self._outbox.publish(actor, updated)
            return await self._labels.find(actor, reference)

        return await self._unit_of_work.run(work)

    async def delete(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Delete a label for good, and take it off every task.

        Raises:
            LabelNotFound: there is none, or the actor does not belong to its project.
            InsufficientRole: the actor is no maintainer.
            PreconditionRequired: the project takes conditional changes only.
            PreconditionFailed: the label has changed since the client read it.
            ProjectArchived: the project is read-only.
        """

        async def work() -> None:
            project, state = await self._locked(actor, reference)
            await hold(precondition, state, self._outbox, required=project.require_if_match)
            project.refuse_archived()
            await self._labels.delete(state.id)
            data = {"name": state.name, "color": state.color}
            deleted = LabelDeleted(subject_id=state.id, subject_version=state.version + 1, project_id=project.id, data=data)
            await self._outbox.publish(actor, deleted)

        await self._unit_of_work.run(work)

    async def _locked(self, actor: Actor, reference: str) -> tuple[ProjectState, LabelState]:
        project_id = await self._labels.project_of(reference)
        try:
            # The project's row first, alone: whoever labels a task shares it, so that no label is put on while it goes.
            project = await self._projects.lock(str(project_id))
            require_role(await self._projects.lock_role(actor, project_id), ProjectRole.MAINTAINER)
        except ProjectNotFound:
            # The request names a label, so that is what there is not.
            raise LabelNotFound from None
        return project, await self._labels.lock(reference)
