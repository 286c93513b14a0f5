"""Tasks over HTTP."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from litestar import Controller
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from service.features.labels.domain import name_key
from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound
from service.features.tasks.domain import Status, TaskNotFound
from service.features.tasks.filter_domain import task_filter
from service.features.tasks.filter_schemas import Filter
from service.features.tasks.ports import TaskFilter, Tasks
from service.features.tasks.restoring import TaskRestores
from service.features.tasks.schemas import TaskCreate, TaskPatch, TaskResponse
from service.features.tasks.tree_domain import ParentCycle, ParentDeleted, ParentTooDeep
from service.features.tasks.use_cases import TaskWrites
from service.http.decoding import given
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, patch, post
from service.kernel.actor import Actor, Scope
from service.kernel.errors import PreconditionRequired
from service.kernel.text import Instant, parse_id, searchable
from service.wiring import Injected

SORT_KEYS = ("created_at", "updated_at", "priority", "due_date", "title", "number", "status")
# What is searched for is ranked by how well it matches.
ORDER = Order(SORT_KEYS, "-created_at")
MAX_WORDS = 10
STATUSES = (*Status, "pending", "overdue", "completed")


def known_status(text: str) -> str | None:
    """What is wrong with a status to filter by."""
    return None if text in STATUSES else f"Send one of {', '.join(STATUSES)}."


def known_assignee(text: str) -> str | None:
    """What is wrong with an assignee to filter by."""
    return None if text in ("me", "none") or parse_id(text) else "Send me, none or the id of a user."


def known_search(text: str) -> str | None:
    """What is wrong with words to search for."""
    words = re.findall(r"\w+", text.replace("_", " "))
    return searchable(text) or (None if 0 < len(words) <= MAX_WORDS else f"Send one to {MAX_WORDS} words of letters or digits.")


class TasksQuery(PageQuery, kw_only=True):
    """Which tasks to list."""

    project_id: UUID | None = None
    status: (
        Annotated[
            str,
            Meta(
                description="A status, or `pending` (open and not overdue), `overdue`, `completed` (done).",
                extra={"check": known_status},
                extra_json_schema={"enum": list(STATUSES)},
            ),
        ]
        | None
    ) = None
    assignee_id: Annotated[str, Meta(description="`me`, `none` or a user's id.", extra={"check": known_assignee})] | None = None
    priority: Annotated[int, Meta(ge=1, le=5)] | None = None
    priority_gte: Annotated[int, Meta(ge=1, le=5)] | None = None
    due_before: Instant | None = None
    due_after: Instant | None = None
    parent_id: UUID | None = None
    label: (
        Annotated[str, Meta(max_length=100, description="The name or the id of a label.", extra={"check": searchable})] | None
    ) = None
    filter: Filter | None = None
    include_deleted: Annotated[bool, Meta(description="Deleted ones too, of projects where you are maintainer or above.")] = False
    search: (
        Annotated[
            str,
            Meta(
                max_length=200,
                description="Words, or their beginnings, that title, description and comments have, in any order; or a key as "
                "`WEB-12`. Without `sort` the best 1000 come in the order of how well they match, by `skip` or `page` only. "
                "At most 10 000 matches are looked at, those in each project's newest tasks first.",
                extra={"check": known_search},
            ),
        ]
        | None
    ) = None

    def wanted(self, actor: Actor) -> TaskFilter:
        """The filter, with `me` as the caller."""
        assignee = self.assignee_id
        return TaskFilter(
            project_id=self.project_id,
            status=self.status,
            assignee=actor.id if assignee == "me" else assignee and (parse_id(assignee) or assignee),
            priority=self.priority,
            priority_gte=self.priority_gte,
            due_before=self.due_before,
            due_after=self.due_after,
            parent_id=self.parent_id,
            label=self.label and (parse_id(self.label) or name_key(self.label)),
            filter=None if self.filter is None else task_filter(self.filter),
            deleted=self.include_deleted,
            search=self.search,
        )


class TaskController(Controller):
    """Creating, reading, changing and deleting tasks."""

    path = "/tasks"
    tags = ("tasks",)

    @get("/", Access(Policy.SIGNED_IN, Scope.TASKS_READ), query=TasksQuery, order=ORDER)
    async def list_tasks(self, request: ApiRequest, tasks: Injected[Tasks]) -> Response[Page[TaskResponse]]:
        """List the tasks of the projects that you belong to; what you search for comes the best first, unless you say `sort`."""
        query = request.query(TasksQuery)
        window = query.window(request.scope, ORDER.keys, ORDER.default if query.search is None else None)
        return respond(request.scope, window, await tasks.page(request.actor, query.wanted(request.actor), window))

    @post(
        "/",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, ProjectArchived),
        validate_only=True,
        fresh=("id", "number", "key"),
    )
    async def create_task(
        self, request: ApiRequest, data: JSONBody[TaskCreate], task_writes: Injected[TaskWrites]
    ) -> Response[TaskResponse]:
        """Create a task in a project; it gets the project's next number."""
        task = await task_writes.create(request.actor, data.draft())
        return Response(task, headers={"Location": f"{API}/tasks/{task.id}"})

    @get("/{task:str}", Access(Policy.VISIBLE, Scope.TASKS_READ), raises=(TaskNotFound,))
    async def get_task(self, request: ApiRequest, task: FromPath[str], tasks: Injected[Tasks]) -> TaskResponse:
        """Read a task by its id or key."""
        return await tasks.find(request.actor, task)

    @patch(
        "/{task:str}",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, InsufficientRole, ProjectArchived, ParentCycle, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def update_task(
        self, request: ApiRequest, task: FromPath[str], data: JSONBody[TaskPatch], task_writes: Injected[TaskWrites]
    ) -> TaskResponse:
        """Change a task; what the body leaves out stays as it is, what is null is cleared."""
        return await task_writes.update(request.actor, task, given(data), request.precondition)

    @delete(
        "/{task:str}",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def delete_task(self, request: ApiRequest, task: FromPath[str], task_writes: Injected[TaskWrites]) -> None:
        """Delete a task with its subtasks; maintainers can restore them for a while."""
        await task_writes.delete(request.actor, task, request.precondition)

    @post(
        "/{task:str}/restore",
        Access(Policy.MAINTAINER, Scope.TASKS_WRITE),
        raises=(TaskNotFound, InsufficientRole, ProjectArchived, ParentDeleted, ParentTooDeep, PreconditionRequired),
        if_match=True,
        status_code=200,
        validate_only=True,
    )
    async def restore_task(self, request: ApiRequest, task: FromPath[str], task_restores: Injected[TaskRestores]) -> TaskResponse:
        """Bring a deleted task back with the subtasks that were deleted with it."""
        return await task_restores.restore(request.actor, task, request.precondition)
