"""Labels over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath, JSONBody

from service.features.labels.domain import LabelNotFound, LabelTaken, TooManyLabels
from service.features.labels.ports import Labels
from service.features.labels.schemas import LabelCreate, LabelPatch, LabelResponse
from service.features.labels.use_cases import LabelWrites
from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound
from service.features.projects.ports import Projects
from service.http.decoding import given
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, patch, post
from service.kernel.actor import Scope
from service.kernel.errors import PreconditionRequired
from service.wiring import Injected

ORDER = Order(("name", "created_at"), "name")


class LabelController(Controller):
    """The labels of a project: creating, reading, changing and deleting them."""

    path = "/"
    tags = ("labels",)

    @get(
        "/projects/{project:str}/labels",
        Access(Policy.VISIBLE, Scope.TASKS_READ),
        query=PageQuery,
        order=ORDER,
        raises=(ProjectNotFound,),
    )
    async def list_labels(
        self, request: ApiRequest, project: FromPath[str], labels: Injected[Labels], projects: Injected[Projects]
    ) -> Response[Page[LabelResponse]]:
        """List the labels of a project, by name."""
        window = request.query(PageQuery).window(request.scope, ORDER.keys, ORDER.default)
        found = await projects.find(request.actor, project)
        return respond(request.scope, window, await labels.page(found.id, window))

    @post(
        "/projects/{project:str}/labels",
        Access(Policy.MAINTAINER, Scope.TASKS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, ProjectArchived, TooManyLabels, LabelTaken),
        validate_only=True,
        fresh=("id",),
    )
    async def create_label(
        self, request: ApiRequest, project: FromPath[str], data: JSONBody[LabelCreate], label_writes: Injected[LabelWrites]
    ) -> Response[LabelResponse]:
        """Give a project a new label."""
        label = await label_writes.create(request.actor, project, data.name, data.color)
        return Response(label, headers={"Location": f"{API}/labels/{label.id}"})

    @get("/labels/{label:str}", Access(Policy.VISIBLE, Scope.TASKS_READ), raises=(LabelNotFound,))
    async def get_label(self, request: ApiRequest, label: FromPath[str], labels: Injected[Labels]) -> LabelResponse:
        """Read a label."""
        return await labels.find(request.actor, label)

    @patch(
        "/labels/{label:str}",
        Access(Policy.MAINTAINER, Scope.TASKS_WRITE),
        raises=(LabelNotFound, InsufficientRole, ProjectArchived, LabelTaken, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def update_label(
        self, request: ApiRequest, label: FromPath[str], data: JSONBody[LabelPatch], label_writes: Injected[LabelWrites]
    ) -> LabelResponse:
        """Rename a label or give it another color; what the body leaves out stays as it is."""
        return await label_writes.update(request.actor, label, given(data), request.precondition)

    @delete(
        "/labels/{label:str}",
        Access(Policy.MAINTAINER, Scope.TASKS_WRITE),
        raises=(LabelNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def delete_label(self, request: ApiRequest, label: FromPath[str], label_writes: Injected[LabelWrites]) -> None:
        """Delete a label for good; it is taken off every task."""
        await label_writes.delete(request.actor, label, request.precondition)
