"""Filters of tasks over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import JSONBody

from service.features.tasks.filter_schemas import CheckedFilter, FilterCheck
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, post
from service.kernel.actor import Scope
from service.kernel.filter import normalized, read
from service.kernel.filter.printing import as_json


class FilterController(Controller):
    """What a filter says, without running it."""

    path = "/tasks"
    tags = ("tasks",)

    @post("/filter-check", Access(Policy.SIGNED_IN, Scope.TASKS_READ), status_code=200)
    async def check_task_filter(
        self,
        data: JSONBody[FilterCheck],
        request: ApiRequest,  # noqa: ARG002  (what every route takes that may get an Idempotency-Key)
    ) -> CheckedFilter:
        """Read a filter without running it; what is wrong with it is answered with the column."""
        return CheckedFilter(data.filter, normalized(data.filter), as_json(read(data.filter)))
