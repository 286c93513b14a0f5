"""Logging in, going on and logging out over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath, JSONBody

from service.features.accounts.domain import PasswordRequired
from service.features.accounts.schemas import Confirmation
from service.features.second_factors.domain import MfaFailed
from service.features.second_factors.schemas import MfaRequiredResponse
from service.features.sessions.domain import (
    AccountInactive,
    EmailNotVerified,
    InvalidRefreshToken,
    LoginFailed,
    LoginLocked,
    SessionEnded,
    SessionNotFound,
    TokenReused,
)
from service.features.sessions.ports import Sessions
from service.features.sessions.refreshing import Refreshes
from service.features.sessions.schemas import KeySet, Login, MfaVerification, Refresh, SessionResponse, TokensResponse, key_set
from service.features.sessions.second_step import SecondStep
from service.features.sessions.use_cases import Logins, Logouts, PublicKeys
from service.http.paging import Order, Page, PageQuery, respond
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Pace, Policy, delete, get, post
from service.wiring import Injected

ORDER = Order(("created_at", "last_used_at", "expires_at"), "-created_at")

EVERYONE = Access(Policy.PUBLIC)
OWNER = Access(Policy.SESSION)
REFUSED = (InvalidRefreshToken, TokenReused, SessionEnded)


class SessionController(Controller):
    """Starting sessions, going on with them and ending them."""

    path = "/auth"
    tags = ("sessions",)

    @post("/login", EVERYONE, raises=(LoginFailed, LoginLocked, AccountInactive, EmailNotVerified), status_code=200)
    async def login(
        self, data: JSONBody[Login], request: ApiRequest, logins: Injected[Logins]
    ) -> Response[TokensResponse | MfaRequiredResponse]:
        """Start a session; its access token goes into `Authorization: Bearer …`.

        Where the account has a second factor, the answer asks for a code instead; it is sent to /auth/mfa/verify.
        After five wrong passwords within 15 minutes an address is locked for 15 minutes, then for 30, then for 60. Keep
        `device_token` and send it with the next login: nobody who doesn't have it can lock you out.
        """
        answer = await logins.login(request.actor, data.email, data.password, data.device_token)
        return Response(answer, headers={"Cache-Control": "no-store"})

    @post("/mfa/verify", EVERYONE, raises=(MfaFailed, LoginLocked), status_code=200)
    async def verify_mfa(
        self, data: JSONBody[MfaVerification], request: ApiRequest, second_step: Injected[SecondStep]
    ) -> Response[TokensResponse]:
        """Complete a login by a code of the authenticator app or a recovery code, each good once.

        The login's token is good for 5 minutes and 5 tries, and void once the password or the second factor is another.
        Wrong codes lock the address as wrong passwords do. Keep `device_token`, as after a login without a second factor.
        """
        tokens = await second_step.verify(request.actor, data.mfa_token, data.code)
        return Response(tokens, headers={"Cache-Control": "no-store"})

    @post("/refresh", EVERYONE, raises=REFUSED, status_code=200, pace=Pace.ROUTINE)
    async def refresh(
        self, data: JSONBody[Refresh], request: ApiRequest, refreshes: Injected[Refreshes]
    ) -> Response[TokensResponse]:
        """Exchange a refresh token for new tokens; each is good once.

        Sent again within 10 s it is answered with the same refresh token, while that is unused; a lost answer or two
        requests at once do no harm. Later, or after a logout, it ends the session.
        """
        tokens = await refreshes.refresh(request.actor, data.refresh_token)
        return Response(tokens, headers={"Cache-Control": "no-store"})

    @post("/logout", OWNER, status_code=204)
    async def logout(self, request: ApiRequest, logouts: Injected[Logouts]) -> None:
        """End this session at once."""
        await logouts.logout(request.actor)

    @post("/logout-all", OWNER, raises=(PasswordRequired,), status_code=204)
    async def logout_all(self, data: JSONBody[Confirmation], request: ApiRequest, logouts: Injected[Logouts]) -> None:
        """End all your sessions at once, this one too."""
        await logouts.logout_all(request.actor, data.password)

    @get("/sessions", OWNER, query=PageQuery, order=ORDER)
    async def list_sessions(self, request: ApiRequest, sessions: Injected[Sessions]) -> Response[Page[SessionResponse]]:
        """List where you are logged in."""
        window = request.query(PageQuery).window(request.scope, ORDER.keys, ORDER.default)
        return respond(request.scope, window, await sessions.page(request.actor, window))

    @get("/sessions/{session:str}", OWNER, raises=(SessionNotFound,))
    async def get_session(self, request: ApiRequest, session: FromPath[str], sessions: Injected[Sessions]) -> SessionResponse:
        """Read one of your sessions."""
        return await sessions.find(request.actor, session)

    @delete("/sessions/{session:str}", OWNER, raises=(SessionNotFound,), if_match=True, status_code=204)
    async def end_session(self, request: ApiRequest, session: FromPath[str], logouts: Injected[Logouts]) -> None:
        """End one of your sessions at once."""
        await logouts.end(request.actor, session, request.precondition)

    @get("/jwks", EVERYONE)
    async def get_jwks(self, public_keys: Injected[PublicKeys]) -> KeySet:
        """Read the public keys (RFC 7517) that verify access tokens; none where the service signs with a secret key."""
        return key_set(public_keys.now_good())
