"""Figures about tasks over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath

from service.features.projects.domain import ProjectNotFound
from service.features.projects.ports import Projects
from service.features.tasks.aggregate_ports import Aggregates
from service.features.tasks.aggregate_schemas import Aggregate, AggregateQuery, StatsQuery, StatsResponse
from service.features.tasks.filter_domain import task_filter
from service.features.tasks.ports import TaskFilter
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, get
from service.kernel.actor import Scope
from service.wiring import Injected


class AggregateController(Controller):
    """Counting and measuring tasks in groups."""

    path = "/tasks"
    tags = ("tasks",)

    @get("/aggregate", Access(Policy.SIGNED_IN, Scope.TASKS_READ), query=AggregateQuery)
    async def aggregate_tasks(self, request: ApiRequest, aggregates: Injected[Aggregates]) -> Aggregate:
        """Count and measure the tasks that a filter means, in groups.

        Each item holds what was asked for in `group_by` and `metrics`, under these names.
        """
        query = request.query(AggregateQuery)
        wanted = TaskFilter(filter=None if query.filter is None else task_filter(query.filter))
        return Aggregate(await aggregates.groups(request.actor, wanted, query.dimensions(), query.measures()))


class StatsController(Controller):
    """How a project is doing."""

    path = "/projects"
    tags = ("projects",)

    @get("/{project:str}/stats", Access(Policy.VISIBLE, Scope.TASKS_READ), query=StatsQuery, raises=(ProjectNotFound,))
    async def get_project_stats(
        self, request: ApiRequest, project: FromPath[str], projects: Injected[Projects], aggregates: Injected[Aggregates]
    ) -> StatsResponse:
        """Read how a project is doing.

        `by_status`, `by_assignee` and `by_priority` count its tasks as they are now. `per_day` (days in UTC; those on which
        nothing was created or completed are left out) and `cycle_time` look at what happened from `from` on and before `to`.
        """
        query = request.query(StatsQuery)
        query.refuse_backwards()
        found = await projects.find(request.actor, project)
        return await aggregates.stats(found.id, query.since, query.until)
