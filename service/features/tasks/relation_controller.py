"""Relations of tasks over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Controller
from litestar.params import FromPath

from service.features.projects.domain import InsufficientRole, ProjectArchived
from service.features.tasks.domain import TaskNotFound
from service.features.tasks.ports import Tasks
from service.features.tasks.relating import Relating
from service.features.tasks.relation_domain import SETTABLE, DependencyCycle, RelationKind, TooManyRelations
from service.features.tasks.relation_ports import Relations
from service.features.tasks.relation_schemas import TaskRelations
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, delete, get, put
from service.kernel.actor import Scope
from service.kernel.errors import NotFound, PreconditionRequired, invalid
from service.kernel.text import parse_id
from service.wiring import Injected

if TYPE_CHECKING:
    from uuid import UUID


class RelationController(Controller):
    """What a task is to others: reading, relating, parting."""

    path = "/tasks/{task:str}/relations"
    tags = ("tasks",)

    @get("/", Access(Policy.VISIBLE, Scope.TASKS_READ), raises=(TaskNotFound,))
    async def get_relations(
        self, request: ApiRequest, task: FromPath[str], tasks: Injected[Tasks], relations: Injected[Relations]
    ) -> TaskRelations:
        """Read what a task is to others: at most 200 relations, and so in one piece."""
        found = await tasks.find(request.actor, task)
        return TaskRelations(await relations.of(found.id))

    @put(
        "/{relation:str}/{other:str}",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, InsufficientRole, ProjectArchived, TooManyRelations, DependencyCycle, PreconditionRequired),
        status_code=204,
        validate_only=True,
        if_match=True,
    )
    async def put_relation(
        self,
        request: ApiRequest,
        task: FromPath[str],
        relation: FromPath[str],
        other: FromPath[str],
        relating: Injected[Relating],
    ) -> None:
        """Relate a task to another of its project; If-Match looks at the first one's version, which stays as it is."""
        await relating.put(request.actor, task, _kind(relation), _id(other), request.precondition)

    @delete(
        "/{relation:str}/{other:str}",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def remove_relation(
        self,
        request: ApiRequest,
        task: FromPath[str],
        relation: FromPath[str],
        other: FromPath[str],
        relating: Injected[Relating],
    ) -> None:
        """Part a task from another; where nothing relates them so, nothing changes."""
        await relating.remove(request.actor, task, _kind(relation), _id(other), request.precondition)


def _kind(text: str) -> RelationKind:
    if text not in SETTABLE:
        message = f"There is no such relation; there are {', '.join(SETTABLE)}."
        raise NotFound(message)
    return RelationKind(text)


def _id(text: str) -> UUID:
    found = parse_id(text)
    if found is None:
        raise invalid("/other", "wrong_type", "Send the id of a task.", "path")
    return found
