"""Saved views over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath, JSONBody

from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound, TokenNarrowed
from service.features.tasks.aggregate_ports import Aggregates
from service.features.tasks.controller import SORT_KEYS as TASK_SORT_KEYS
from service.features.tasks.filter_domain import task_filter
from service.features.tasks.ports import TaskFilter, Tasks
from service.features.tasks.schemas import TaskResponse
from service.features.views.domain import View, ViewNotFound, ViewOfAnother
from service.features.views.ports import Views
from service.features.views.schemas import ViewCount, ViewCreate, ViewPatch, ViewResponse, ViewsQuery
from service.features.views.use_cases import ViewWrites
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, patch, post
from service.kernel.actor import Scope
from service.wiring import Injected

ORDER = Order(("name", "created_at", "updated_at"), "name")
# Without `sort` it is the view's own.
TASK_ORDER = Order(TASK_SORT_KEYS)


class ViewController(Controller):
    """Filters of tasks under a name, one's own or shared in a project."""

    path = "/views"
    tags = ("views",)

    @get("/", Access(Policy.SIGNED_IN, Scope.TASKS_READ), query=ViewsQuery, order=ORDER)
    async def list_views(self, request: ApiRequest, views: Injected[Views]) -> Response[Page[ViewResponse]]:
        """List your views, and those that are shared in your projects."""
        query = request.query(ViewsQuery)
        window = query.window(request.scope, ORDER.keys, ORDER.default)
        return respond(request.scope, window, await views.page(request.actor, query.project_id, window))

    @post(
        "/",
        Access(Policy.SIGNED_IN, Scope.TASKS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, ProjectArchived, TokenNarrowed),
        validate_only=True,
        fresh=("id",),
    )
    async def create_view(
        self, request: ApiRequest, data: JSONBody[ViewCreate], view_writes: Injected[ViewWrites]
    ) -> Response[ViewResponse]:
        """Save a view, for yourself or for everyone in a project; members and above share."""
        view = await view_writes.create(request.actor, data.draft())
        return Response(view, headers={"Location": f"{API}/views/{view.id}"})

    @get("/{view:str}", Access(Policy.VISIBLE, Scope.TASKS_READ), raises=(ViewNotFound,))
    async def get_view(self, request: ApiRequest, view: FromPath[str], views: Injected[Views]) -> ViewResponse:
        """Read a view."""
        return await views.find(request.actor, view)

    @patch(
        "/{view:str}",
        Access(Policy.OWN, Scope.TASKS_WRITE),
        raises=(ViewNotFound, InsufficientRole, ViewOfAnother, ProjectArchived),
        validate_only=True,
        if_match=True,
    )
    async def update_view(
        self, request: ApiRequest, view: FromPath[str], data: JSONBody[ViewPatch], view_writes: Injected[ViewWrites]
    ) -> ViewResponse:
        """Change a view; what the body leaves out stays as it is."""
        return await view_writes.update(request.actor, view, data.wanted(), request.precondition)

    @delete(
        "/{view:str}",
        Access(Policy.OWN, Scope.TASKS_WRITE),
        raises=(ViewNotFound, InsufficientRole, ProjectArchived),
        validate_only=True,
        if_match=True,
    )
    async def delete_view(self, request: ApiRequest, view: FromPath[str], view_writes: Injected[ViewWrites]) -> None:
        """Delete a view for good."""
        await view_writes.delete(request.actor, view, request.precondition)

    @get("/{view:str}/tasks", Access(Policy.VISIBLE, Scope.TASKS_READ), query=PageQuery, order=TASK_ORDER, raises=(ViewNotFound,))
    async def list_view_tasks(
        self, request: ApiRequest, view: FromPath[str], views: Injected[Views], tasks: Injected[Tasks]
    ) -> Response[Page[TaskResponse]]:
        """List the tasks that a view shows you, in its order or in that of `sort`; `me()` in its filter is you."""
        query = request.query(PageQuery)
        query.refuse_unfit(TASK_ORDER.keys)
        found = await views.find(request.actor, view)
        window = query.window(request.scope, TASK_ORDER.keys, found.sort, found.filter)
        return respond(request.scope, window, await tasks.page(request.actor, _shown(found), window), found.filter)

    @get("/{view:str}/count", Access(Policy.VISIBLE, Scope.TASKS_READ), raises=(ViewNotFound,))
    async def count_view_tasks(
        self, request: ApiRequest, view: FromPath[str], views: Injected[Views], aggregates: Injected[Aggregates]
    ) -> ViewCount:
        """Count the tasks that a view shows you, exactly."""
        found = await views.find(request.actor, view)
        return ViewCount(await aggregates.count(request.actor, _shown(found)))


def _shown(view: View) -> TaskFilter:
    return TaskFilter(project_id=view.project.id if view.project else None, filter=task_filter(view.filter))
