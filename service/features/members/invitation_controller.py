"""Invitations over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath, JSONBody

from service.features.accounts.domain import InvalidToken
from service.features.members.domain import AlreadyMember
from service.features.members.invitation_domain import AlreadyInvited, InvitationNotFound, InvitationVoid, NotInvited
from service.features.members.invitation_ports import Invitations
from service.features.members.invitation_use_cases import InvitationWrites
from service.features.members.schemas import InvitationCreate, InvitationResponse, InvitationToken
from service.features.projects.domain import InsufficientRole, ProjectArchived, ProjectNotFound, ProjectRole, TokenNarrowed
from service.features.projects.schemas import ProjectResponse
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, post
from service.kernel.actor import Scope
from service.wiring import Injected

ORDER = Order(("created_at", "expires_at", "email"), "-created_at")

TAKING = (ProjectArchived, InvitationVoid, AlreadyMember, NotInvited)


class InvitationController(Controller):
    """Asking people into a project by mail, whether or not they have an account."""

    tags = ("invitations",)

    @get(
        "/projects/{project:str}/invitations",
        Access(Policy.MAINTAINER, Scope.PROJECTS_READ),
        query=PageQuery,
        order=ORDER,
        raises=(ProjectNotFound, InsufficientRole),
    )
    async def list_invitations(
        self, request: ApiRequest, project: FromPath[str], invitations: Injected[Invitations]
    ) -> Response[Page[InvitationResponse]]:
        """List the open invitations to a project."""
        window = request.query(PageQuery).window(request.scope, ORDER.keys, ORDER.default)
        return respond(request.scope, window, await invitations.page(request.actor, project, window))

    @post(
        "/projects/{project:str}/invitations",
        Access(Policy.MAINTAINER, Scope.PROJECTS_WRITE),
        raises=(ProjectNotFound, InsufficientRole, ProjectArchived, AlreadyMember, AlreadyInvited),
    )
    async def create_invitation(
        self,
        request: ApiRequest,
        project: FromPath[str],
        data: JSONBody[InvitationCreate],
        invitation_writes: Injected[InvitationWrites],
    ) -> Response[InvitationResponse]:
        """Invite somebody, who is mailed a link that works for 14 days.

        The answer is the same whether or not the address has an account. Maintainers invite viewers and members, the owner
        maintainers too.
        """
        invitation = await invitation_writes.invite(request.actor, project, data.email, ProjectRole(data.role))
        return Response(invitation, headers={"Location": f"{API}/invitations/{invitation.id}"})

    @get("/users/me/invitations", Access(Policy.SIGNED_IN, Scope.PROJECTS_READ), query=PageQuery, order=ORDER)
    async def list_my_invitations(
        self, request: ApiRequest, invitations: Injected[Invitations]
    ) -> Response[Page[InvitationResponse]]:
        """List the open invitations for your address; there are none as long as it is not verified."""
        window = request.query(PageQuery).window(request.scope, ORDER.keys, ORDER.default)
        return respond(request.scope, window, await invitations.page_of_invited(request.actor, window))

    @get("/invitations/{invitation:str}", Access(Policy.VISIBLE, Scope.PROJECTS_READ), raises=(InvitationNotFound,))
    async def get_invitation(
        self, request: ApiRequest, invitation: FromPath[str], invitations: Injected[Invitations]
    ) -> InvitationResponse:
        """Read an open invitation for your verified address, or to a project that you maintain."""
        return await invitations.find(request.actor, invitation)

    @delete(
        "/invitations/{invitation:str}",
        Access(Policy.VISIBLE, Scope.PROJECTS_WRITE),
        raises=(InvitationNotFound, ProjectArchived),
        if_match=True,
    )
    async def delete_invitation(
        self, request: ApiRequest, invitation: FromPath[str], invitation_writes: Injected[InvitationWrites]
    ) -> None:
        """Decline an invitation, or take one back as a maintainer; its link works no more."""
        await invitation_writes.withdraw(request.actor, invitation, request.precondition)

    @post(
        "/invitations/accept",
        Access(Policy.SIGNED_IN, Scope.PROJECTS_WRITE),
        raises=(InvalidToken, TokenNarrowed, *TAKING),
        status_code=200,
    )
    async def accept_invitation_by_token(
        self, request: ApiRequest, data: JSONBody[InvitationToken], invitation_writes: Injected[InvitationWrites]
    ) -> ProjectResponse:
        """Become a member by the token of a mailed invitation to the address of your account, verified or not."""
        return await invitation_writes.accept_by_token(request.actor, data.token)

    @post(
        "/invitations/{invitation:str}/accept",
        Access(Policy.INVITED, Scope.PROJECTS_WRITE),
        raises=(InvitationNotFound, *TAKING),
        if_match=True,
        status_code=200,
    )
    async def accept_invitation(
        self, request: ApiRequest, invitation: FromPath[str], invitation_writes: Injected[InvitationWrites]
    ) -> ProjectResponse:
        """Become a member by an invitation for your verified address."""
        return await invitation_writes.accept(request.actor, invitation, request.precondition)
