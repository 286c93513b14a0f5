"""Logging in and out over HTTP."""

from __future__ import annotations

from litestar import Controller, Response
from litestar.params import JSONBody

from service.features.sessions.domain import AccountInactive, LoginFailed
from service.features.sessions.schemas import Login, TokensResponse
from service.features.sessions.use_cases import Logins
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, post
from service.kernel.actor import Scope
from service.wiring import Injected


class SessionController(Controller):
    """Starting and ending sessions."""

    path = "/auth"
    tags = ("sessions",)

    @post("/login", Access(Policy.PUBLIC), raises=(LoginFailed, AccountInactive), status_code=200)
    async def login(self, data: JSONBody[Login], request: ApiRequest, logins: Injected[Logins]) -> Response[TokensResponse]:
        """Start a session; its access token goes into `Authorization: Bearer …`."""
        tokens = await logins.login(request.actor, data.email, data.password)
        return Response(tokens, headers={"Cache-Control": "no-store"})

    @post("/logout", Access(Policy.SIGNED_IN, Scope.ADMIN), status_code=204)
    async def logout(self, request: ApiRequest, logins: Injected[Logins]) -> None:
        """End this session at once."""
        await logins.logout(request.actor)
