"""Labels of a task over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath

from service.features.labels.domain import LabelNotFound, TooManyLabels
from service.features.projects.domain import InsufficientRole, ProjectArchived
from service.features.tasks.domain import TaskNotFound
from service.features.tasks.labelling import Labelling
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, delete, put
from service.kernel.actor import Scope
from service.kernel.errors import PreconditionRequired
from service.wiring import Injected


class LabellingController(Controller):
    """Putting labels on a task and taking them off."""

    path = "/tasks/{task:str}/labels"
    tags = ("labels",)

    @put(
        "/{label:str}",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, LabelNotFound, InsufficientRole, ProjectArchived, TooManyLabels, PreconditionRequired),
        status_code=204,
        validate_only=True,
        if_match=True,
    )
    async def put_task_label(
        self, request: ApiRequest, task: FromPath[str], label: FromPath[str], labelling: Injected[Labelling]
    ) -> None:
        """Put a label of the project on a task; one that it has already changes nothing."""
        await labelling.put(request.actor, task, label, request.precondition)

    @delete(
        "/{label:str}",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, LabelNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def remove_task_label(
        self, request: ApiRequest, task: FromPath[str], label: FromPath[str], labelling: Injected[Labelling]
    ) -> None:
        """Take a label off a task; one that it has not changes nothing."""
        await labelling.remove(request.actor, task, label, request.precondition)
