"""Accounts over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from service.features.accounts.administration import UserAdministration
from service.features.accounts.domain import (
    EmailTaken,
    InvalidToken,
    LastAdmin,
    NotYourProfile,
    OwnsProjects,
    PasswordRequired,
    RegistrationClosed,
    Role,
    UserNotFound,
)
from service.features.accounts.invitations import UserInvitations
from service.features.accounts.ports import Registrar, Removals, Restorations, UserFilter, Users
from service.features.accounts.schemas import (
    Confirmation,
    EmailConfirmation,
    Message,
    PublicUserResponse,
    Registration,
    RoleChange,
    UserInvitation,
    UserPatch,
    UserResponse,
    VerificationWish,
)
from service.features.accounts.use_cases import UserWrites
from service.features.accounts.verification import EmailVerification, VerificationRequests
from service.http.decoding import given
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, patch, post, put
from service.kernel.actor import Scope
from service.kernel.text import searchable
from service.wiring import Injected

ORDER = Order(("created_at", "updated_at", "full_name", "email"), "-created_at")

EVERYONE = Access(Policy.PUBLIC)
ADMINS = Access(Policy.ADMIN, Scope.ADMIN)


class UsersQuery(PageQuery, kw_only=True):
    """Which people to list."""

    search: (
        Annotated[str, Meta(max_length=100, description="Part of the name or e-mail.", extra={"check": searchable})] | None
    ) = None
    role: (
        Annotated[Role, Meta(description="Only people with this role; who is no admin knows of nobody's but their own.")] | None
    ) = None
    is_active: Annotated[bool, Meta(description="Only active, or only deactivated people.")] | None = None


class RegistrationController(Controller):
    """Getting an account, and proving its address."""

    path = "/auth"
    tags = ("accounts",)

    @post("/register", EVERYONE, raises=(RegistrationClosed, EmailTaken), answers={202: Message})
    async def register(
        self, data: JSONBody[Registration], request: ApiRequest, registrar: Injected[Registrar]
    ) -> Response[UserResponse]:
        """Make an account for yourself.

        Where an instance tells nobody who has an account (see /info), the answer is 202 for every address, and a mail
        says the rest.
        """
        user = await registrar.register(request.actor, data.email, data.password, data.full_name)
        if user is None:
            concealed: Response[Any] = Response(Message("A mail to this address says how to go on."), status_code=202)
            return concealed
        return Response(user, headers={"Location": f"{API}/users/{user.id}"})

    @post("/verify-email", EVERYONE, raises=(InvalidToken,), status_code=204)
    async def verify_email(
        self, data: JSONBody[EmailConfirmation], request: ApiRequest, email_verification: Injected[EmailVerification]
    ) -> None:
        """Prove by the token of a verification mail that its address is yours."""
        await email_verification.confirm(request.actor, data.token)

    @post("/verify-email/resend", EVERYONE, status_code=202)
    async def resend_verification(
        self, data: JSONBody[VerificationWish], request: ApiRequest, verification_requests: Injected[VerificationRequests]
    ) -> Message:
        """Ask for another verification mail; the answer is the same for an address that nobody has, or has verified."""
        await verification_requests.request(request.actor, data.email)
        return Message("If this address waits to be verified, a mail is on its way; its link replaces earlier ones.")


class UserController(Controller):
    """Reading people, changing their profiles, and making accounts for others."""

    path = "/users"
    tags = ("accounts",)

    @get("/", Access(Policy.SIGNED_IN, Scope.USERS_READ), query=UsersQuery, order=ORDER)
    async def list_users(self, request: ApiRequest, users: Injected[Users]) -> Response[Page[UserResponse | PublicUserResponse]]:
        """List yourself and the people you share a project with; admins list everyone, whole."""
        query = request.query(UsersQuery)
        window = query.window(request.scope, ORDER.keys, ORDER.default)
        wanted = UserFilter(query.search, query.role, query.is_active)
        return respond(request.scope, window, await users.page(request.actor, wanted, window))

    @post("/", ADMINS, raises=(EmailTaken,), validate_only=True, fresh=("id",))
    async def create_user(
        self, data: JSONBody[UserInvitation], request: ApiRequest, user_invitations: Injected[UserInvitations]
    ) -> Response[UserResponse]:
        """Make an account for somebody, who is mailed a link that sets the password and works for 24 hours."""
        user = await user_invitations.invite(request.actor, data.email, data.full_name, data.role)
        return Response(user, headers={"Location": f"{API}/users/{user.id}"})

    @get("/me", Access(Policy.SIGNED_IN, Scope.USERS_READ), raises=(UserNotFound,))
    async def get_me(self, request: ApiRequest, users: Injected[Users]) -> UserResponse:
        """Read your own account."""
        return await users.whole(request.actor.id)

    # There is no users:write: a token made for tasks must not rename its owner, so a profile takes a session or the widest scope.
    @patch("/me", Access(Policy.SIGNED_IN, Scope.ADMIN), raises=(UserNotFound,), validate_only=True, if_match=True)
    async def update_me(self, data: JSONBody[UserPatch], request: ApiRequest, user_writes: Injected[UserWrites]) -> UserResponse:
        """Change your name, time zone or locale; what the body leaves out stays as it is."""
        return await user_writes.update(request.actor, str(request.actor.id), given(data), request.precondition)

    @get("/{user:str}", Access(Policy.VISIBLE, Scope.USERS_READ), raises=(UserNotFound,))
    async def get_user(
        self, request: ApiRequest, user: FromPath[str], users: Injected[Users]
    ) -> UserResponse | PublicUserResponse:
        """Read a person: whole if it is you or you are an admin, else as people in shared projects see them."""
        return await users.find(request.actor, user)

    @patch(
        "/{user:str}", Access(Policy.SELF, Scope.ADMIN), raises=(UserNotFound, NotYourProfile), validate_only=True, if_match=True
    )
    async def update_user(
        self, data: JSONBody[UserPatch], request: ApiRequest, user: FromPath[str], user_writes: Injected[UserWrites]
    ) -> UserResponse:
        """Change the name, time zone or locale of yourself or, as an admin, of anyone; what the body leaves out stays."""
        return await user_writes.update(request.actor, user, given(data), request.precondition)

    @post(
        "/me/delete",
        Access(Policy.SESSION),
        raises=(PasswordRequired, LastAdmin, OwnsProjects),
        status_code=204,
        keyed=False,
        if_match=True,
    )
    async def delete_me(self, data: JSONBody[Confirmation], request: ApiRequest, removals: Injected[Removals]) -> None:
        """Delete your own account, with your password.

        Your sessions and tokens end, you leave your projects, and your open tasks are nobody's. What you wrote stays, without
        your name. An admin can restore the account for some time (30 days, unless the instance is set otherwise).
        """
        await removals.delete_own(request.actor, data.password, request.precondition)

    @delete(
        "/{user:str}",
        Access(Policy.SESSION),
        raises=(UserNotFound, NotYourProfile, PasswordRequired, LastAdmin, OwnsProjects),
        validate_only=True,
        if_match=True,
    )
    async def delete_user(self, request: ApiRequest, user: FromPath[str], removals: Injected[Removals]) -> None:
        """Delete somebody's account, as an admin; your own takes your password, at POST /users/me/delete."""
        await removals.delete(request.actor, user, request.precondition)


class UserAdministrationController(Controller):
    """Deciding who may use an account, and for what."""

    path = "/users"
    tags = ("accounts",)

    @post("/{user:str}/activate", ADMINS, raises=(UserNotFound,), status_code=200, validate_only=True, if_match=True)
    async def activate_user(
        self, request: ApiRequest, user: FromPath[str], user_administration: Injected[UserAdministration]
    ) -> UserResponse:
        """Let somebody log in again."""
        return await user_administration.activate(request.actor, user, request.precondition)

    @post("/{user:str}/deactivate", ADMINS, raises=(UserNotFound, LastAdmin), status_code=200, validate_only=True, if_match=True)
    async def deactivate_user(
        self, request: ApiRequest, user: FromPath[str], user_administration: Injected[UserAdministration]
    ) -> UserResponse:
        """End all sessions of somebody at once, and refuse further logins; the account and what it wrote stay."""
        return await user_administration.deactivate(request.actor, user, request.precondition)

    @post("/{user:str}/restore", ADMINS, raises=(UserNotFound, EmailTaken), status_code=200, validate_only=True, if_match=True)
    async def restore_user(self, request: ApiRequest, user: FromPath[str], restorations: Injected[Restorations]) -> UserResponse:
        """Bring a deleted account back until it is purged: its owner logs in with the old password, and is in no project."""
        return await restorations.restore(request.actor, user, request.precondition)

    @post("/{user:str}/unlock", ADMINS, raises=(UserNotFound,), status_code=200, validate_only=True, if_match=True)
    async def unlock_user(
        self, request: ApiRequest, user: FromPath[str], user_administration: Injected[UserAdministration]
    ) -> UserResponse:
        """Let somebody try to log in again whose address is locked after too many wrong passwords."""
        return await user_administration.unlock(request.actor, user, request.precondition)

    @put("/{user:str}/role", ADMINS, raises=(UserNotFound, LastAdmin), validate_only=True, if_match=True)
    async def set_user_role(
        self,
        data: JSONBody[RoleChange],
        request: ApiRequest,
        user: FromPath[str],
        user_administration: Injected[UserAdministration],
    ) -> UserResponse:
        """Make somebody an admin or a plain user, from the next request on."""
        return await user_administration.set_role(request.actor, user, data.role, request.precondition)
