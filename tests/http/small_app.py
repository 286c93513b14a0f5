"""An application of a test's own handlers, behind the same checks as the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Litestar
from msgspec.structs import replace

from service.http.client_address import ClientAddresses
from service.http.edge import REQUEST_SECONDS, AllowedHosts, Edge
from service.http.problems import API, HANDLERS
from service.http.requests import ApiRequest, admission
from service.http.responses import Response
from service.http.routes import plan_routes
from service.http.safeguards import Safeguards
from service.kernel.errors import Unauthenticated
from service.kernel.ports import Authenticator
from tests.support.fakes import FakeAnswers, FakeUnitOfWork, an_actor

if TYPE_CHECKING:
    from service.kernel.actor import Actor, Trace


class FakeAuthenticator(Authenticator):
    """Knows the tokens that a test gives it."""

    def __init__(self, **actors: Actor) -> None:
        self.actors = actors

    async def authenticate(self, token: str, trace: Trace) -> Actor:
        if token not in self.actors:
            raise Unauthenticated
        return self.actors[token]


def with_scopes(*scopes: str) -> Actor:
    """Somebody whose token is for some things only."""
    return replace(an_actor(), scopes=frozenset(scopes))


def small_app(
    *handlers: Any, trusted_proxies: tuple[str, ...] = (), patience: float = REQUEST_SECONDS, **actors: Actor
) -> Litestar:
    """The handlers as a service; `actors` by the tokens that they come with."""
    app = Litestar(
        list(handlers),
        path=API,
        request_class=ApiRequest,
        response_class=Response,
        before_request=admission(FakeAuthenticator(**actors), Safeguards(FakeUnitOfWork(), FakeAnswers(), {})),  # type: ignore[arg-type]
        exception_handlers=HANDLERS,
        request_max_body_size=1024 * 1024,
        openapi_config=None,
        logging_config=None,
    )
    plan_routes(app)
    hosts = AllowedHosts("http://127.0.0.1:8000", ())
    app.asgi_handler = Edge(app.asgi_handler, app, hosts, ClientAddresses(trusted_proxies), patience=patience)
    return app
