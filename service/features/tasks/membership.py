"""As what somebody acts in the project of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.projects.domain import acting_role
from service.features.tasks.domain import TaskNotFound

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.projects.domain import ProjectRole
    from service.features.tasks.ports import Tasks
    from service.kernel.actor import Actor


async def role_beside(tasks: Tasks, actor: Actor, project_id: UUID) -> ProjectRole:
    """As what the actor acts in the locked project of a task, the membership's row locked too.

    Raises:
        TaskNotFound: the actor does not belong to the project, so must not learn of the task.
    """
    own = (await tasks.lock_members(project_id, [actor.id])).get(actor.id)
    role = acting_role(actor, project_id, own.role if own else None)
    if role is None:
        raise TaskNotFound
    return role
