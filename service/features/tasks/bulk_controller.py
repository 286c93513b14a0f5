"""Many tasks at once over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import JSONBody

from service.features.projects.domain import InsufficientRole, ProjectArchived
from service.features.tasks.bulk_domain import CountMismatch, Outcome, below
from service.features.tasks.bulk_schemas import TasksCreate, TasksCreated, TasksUpdate, TasksUpdated
from service.features.tasks.bulk_updates import BulkUpdates
from service.features.tasks.bulk_use_cases import BulkWrites
from service.features.tasks.domain import TaskDraft
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, post
from service.kernel.actor import Scope
from service.kernel.errors import FieldError, Invalid, PreconditionFailed, PreconditionRequired
from service.wiring import Injected


class BulkController(Controller):
    """Changing and creating many tasks, all or none."""

    path = "/tasks"
    tags = ("tasks",)

    @post(
        "/bulk-update",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(InsufficientRole, ProjectArchived, CountMismatch, PreconditionFailed, PreconditionRequired),
        status_code=200,
        validate_only=True,
    )
    async def bulk_update_tasks(
        self, request: ApiRequest, data: JSONBody[TasksUpdate], bulk_updates: Injected[BulkUpdates]
    ) -> TasksUpdated:
        """Give fields of up to 1000 tasks the same new values: of all of them or, as `mode` says, none or those that can be.

        `versions` does for each task what If-Match does for one. Instead of `task_ids`, a `filter` says which tasks, of all that
        you see, and `expected_count` how many you know it to mean: where a task came or went since, nothing is changed.
        """
        results = await bulk_updates.update(request.actor, data.change())
        updated = sum(result.outcome is Outcome.UPDATED for result in results)
        return TasksUpdated(updated, len(results) - updated, results)

    @post(
        "/bulk-create",
        Access(Policy.MEMBER, Scope.TASKS_WRITE),
        raises=(InsufficientRole, ProjectArchived),
        validate_only=True,
        fresh=("id", "number", "key"),
    )
    async def bulk_create_tasks(
        self, request: ApiRequest, data: JSONBody[TasksCreate], bulk_writes: Injected[BulkWrites]
    ) -> TasksCreated:
        """Create up to 1000 tasks, in one project or several: all of them, or none if one can't be created."""
        tasks = await bulk_writes.create(request.actor, _drafts(data))
        return TasksCreated(len(tasks), tasks)


def _drafts(data: TasksCreate) -> list[TaskDraft]:
    drafts: list[TaskDraft] = []
    errors: list[FieldError] = []
    for place, task in enumerate(data.tasks):
        try:
            drafts.append(task.draft())
        except Invalid as refusal:
            errors += below(f"/tasks/{place}", refusal)
    if errors:
        raise Invalid(*errors)
    return drafts
