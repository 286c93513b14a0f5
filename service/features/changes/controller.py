"""Histories over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath

from service.features.changes.domain import ToldEvent
from service.features.changes.ports import Histories
from service.features.tasks.domain import TaskNotFound
from service.features.tasks.ports import Tasks
from service.http.paging import Order, Page, PageQuery, respond
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, get
from service.kernel.actor import Scope
from service.wiring import Injected

ORDER = Order(("time",), "-time")


class HistoryQuery(PageQuery, kw_only=True):
    """Which part of a history to read."""


class HistoryController(Controller):
    """What was done to one task."""

    path = "/tasks/{task:str}/history"
    tags = ("changes",)

    @get("/", Access(Policy.VISIBLE, Scope.TASKS_READ), query=HistoryQuery, order=ORDER, raises=(TaskNotFound,))
    async def get_task_history(
        self, request: ApiRequest, task: FromPath[str], tasks: Injected[Tasks], histories: Injected[Histories]
    ) -> Response[Page[ToldEvent]]:
        """List what was done to a task and said on it, the newest first unless told otherwise."""
        window = request.query(HistoryQuery).window(request.scope, ORDER.keys, ORDER.default)
        seen = await tasks.find(request.actor, task)
        return respond(request.scope, window, await histories.page(seen.id, window))
