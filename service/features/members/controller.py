"""Members of projects over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath, JSONBody

from service.features.members.domain import MemberNotFound, OwnerMustTransfer
from service.features.members.ports import Members
from service.features.members.schemas import MemberRole, ProjectMemberResponse, Transfer
from service.features.members.use_cases import MemberWrites
from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound, ProjectRole
from service.features.projects.schemas import ProjectResponse
from service.http.paging import Order, Page, PageQuery, respond
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, post, put
from service.kernel.actor import Scope
from service.kernel.errors import PreconditionRequired
from service.wiring import Injected

ORDER = Order(("since", "full_name", "email"), "-since")


class MemberController(Controller):
    """Who belongs to a project, with which role, and whose it is."""

    path = "/projects/{project:str}"
    tags = ("members",)

    @get("/members", Access(Policy.VISIBLE, Scope.PROJECTS_READ), query=PageQuery, order=ORDER, raises=(ProjectNotFound,))
    async def list_members(
        self, request: ApiRequest, project: FromPath[str], members: Injected[Members]
    ) -> Response[Page[ProjectMemberResponse]]:
        """List the members of a project, the newest first."""
        window = request.query(PageQuery).window(request.scope, ORDER.keys, ORDER.default)
        return respond(request.scope, window, await members.page(request.actor, project, window))

    @put(
        "/members/{user:str}",
        Access(Policy.MAINTAINER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, MemberNotFound, InsufficientRole, ProjectArchived, OwnerMustTransfer),
        validate_only=True,
        if_match=True,
    )
    async def set_member(
        self,
        request: ApiRequest,
        project: FromPath[str],
        user: FromPath[str],
        data: JSONBody[MemberRole],
        member_writes: Injected[MemberWrites],
    ) -> ProjectMemberResponse:
        """Give a member another role; an instance admin adds people so, everyone else invites them.

        Maintainers decide about viewers and members, the owner about maintainers too.
        """
        return await member_writes.set_role(request.actor, project, user, ProjectRole(data.role), request.precondition)

    @delete(
        "/members/{user:str}",
        Access(Policy.VISIBLE, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, MemberNotFound, InsufficientRole, ProjectArchived, OwnerMustTransfer),
        validate_only=True,
        if_match=True,
    )
    async def remove_member(
        self, request: ApiRequest, project: FromPath[str], user: FromPath[str], member_writes: Injected[MemberWrites]
    ) -> None:
        """Leave a project, or remove a member; the person's open tasks are then assigned to nobody."""
        await member_writes.remove(request.actor, project, user, request.precondition)

    @post(
        "/transfer",
        Access(Policy.OWNER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, ProjectArchived, PreconditionRequired),
        status_code=200,
        validate_only=True,
        if_match=True,
    )
    async def transfer_project(
        self, request: ApiRequest, project: FromPath[str], data: JSONBody[Transfer], member_writes: Injected[MemberWrites]
    ) -> ProjectResponse:
        """Make another member the owner; you become a maintainer."""
        return await member_writes.transfer(request.actor, project, data.user_id, request.precondition)
