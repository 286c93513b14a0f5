"""Projects over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from service.features.projects.domain import (
    InsufficientRole,
    KeyTaken,
    OwnerDeleted,
    ProjectArchived,
    ProjectNotFound,
    TokenNarrowed,
)
from service.features.projects.ports import ProjectFilter, Projects
from service.features.projects.schemas import ProjectCreate, ProjectPatch, ProjectResponse
from service.features.projects.use_cases import ProjectWrites
from service.http.decoding import given
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, patch, post
from service.kernel.actor import Scope
from service.kernel.errors import PreconditionRequired
from service.kernel.text import searchable
from service.wiring import Injected

ORDER = Order(("created_at", "updated_at", "name", "key"), "-created_at")


class ProjectsQuery(PageQuery, kw_only=True):
    """Which projects to list."""

    my_projects_only: Annotated[bool, Meta(description="Only those that the caller is a member of.")] = False
    include_archived: Annotated[bool, Meta(description="Archived ones too.")] = False
    include_deleted: Annotated[bool, Meta(description="Deleted ones too that you may restore: your own, all as an admin.")] = (
        False
    )
    search: Annotated[str, Meta(max_length=100, description="Part of the name or key.", extra={"check": searchable})] | None = (
        None
    )


class ProjectController(Controller):
    """Creating, reading, changing, archiving and deleting projects."""

    path = "/projects"
    tags = ("projects",)

    @get("/", Access(Policy.SIGNED_IN, Scope.PROJECTS_READ), query=ProjectsQuery, order=ORDER)
    async def list_projects(self, request: ApiRequest, projects: Injected[Projects]) -> Response[Page[ProjectResponse]]:
        """List the projects that you may see."""
        query = request.query(ProjectsQuery)
        window = query.window(request.scope, ORDER.keys, ORDER.default)
        wanted = ProjectFilter(query.my_projects_only, query.include_archived, query.include_deleted, query.search)
        return respond(request.scope, window, await projects.page(request.actor, wanted, window))

    @post(
        "/",
        Access(Policy.SIGNED_IN, Scope.PROJECTS_WRITE),
        raises=(KeyTaken, TokenNarrowed),
        validate_only=True,
        fresh=("id", "key"),
    )
    async def create_project(
        self, request: ApiRequest, data: JSONBody[ProjectCreate], project_writes: Injected[ProjectWrites]
    ) -> Response[ProjectResponse]:
        """Create a project; you own it."""
        project = await project_writes.create(request.actor, data.name, data.key, data.description)
        return Response(project, headers={"Location": f"{API}/projects/{project.id}"})

    @get("/{project:str}", Access(Policy.VISIBLE, Scope.PROJECTS_READ), raises=(ProjectNotFound,))
    async def get_project(self, request: ApiRequest, project: FromPath[str], projects: Injected[Projects]) -> ProjectResponse:
        """Read a project by its id or key."""
        return await projects.find(request.actor, project)

    @patch(
        "/{project:str}",
        Access(Policy.MAINTAINER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def update_project(
        self, request: ApiRequest, project: FromPath[str], data: JSONBody[ProjectPatch], project_writes: Injected[ProjectWrites]
    ) -> ProjectResponse:
        """Change a project; what the body leaves out stays as it is."""
        return await project_writes.update(request.actor, project, given(data), request.precondition)

    @delete(
        "/{project:str}",
        Access(Policy.OWNER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        validate_only=True,
        if_match=True,
    )
    async def delete_project(self, request: ApiRequest, project: FromPath[str], project_writes: Injected[ProjectWrites]) -> None:
        """Delete a project with its tasks; its owner can restore both for a while."""
        await project_writes.delete(request.actor, project, request.precondition)

    @post(
        "/{project:str}/archive",
        Access(Policy.OWNER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, PreconditionRequired),
        if_match=True,
        status_code=200,
        validate_only=True,
    )
    async def archive_project(
        self, request: ApiRequest, project: FromPath[str], project_writes: Injected[ProjectWrites]
    ) -> ProjectResponse:
        """Make a project read-only."""
        return await project_writes.archive(request.actor, project, request.precondition)

    @post(
        "/{project:str}/unarchive",
        Access(Policy.OWNER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, PreconditionRequired),
        if_match=True,
        status_code=200,
        validate_only=True,
    )
    async def unarchive_project(
        self, request: ApiRequest, project: FromPath[str], project_writes: Injected[ProjectWrites]
    ) -> ProjectResponse:
        """Make a project writable again."""
        return await project_writes.unarchive(request.actor, project, request.precondition)

    @post(
        "/{project:str}/restore",
        Access(Policy.OWNER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, KeyTaken, OwnerDeleted, PreconditionRequired),
        if_match=True,
        status_code=200,
        validate_only=True,
    )
    async def restore_project(
        self, request: ApiRequest, project: FromPath[str], project_writes: Injected[ProjectWrites]
    ) -> ProjectResponse:
        """Bring a deleted project back with its tasks, by its id: its key may be another's by now."""
        return await project_writes.restore(request.actor, project, request.precondition)
