"""The application: every feature plugged into one Litestar, wrapped in the edge."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

from litestar import Litestar

from service.adapters.database.failures import DatabaseUnavailable
from service.adapters.logs import configure_logs
from service.adapters.tokens import InvalidToken
from service.composition import compose
from service.features import FEATURES
from service.features.personal_tokens.domain import PersonalTokenRefused
from service.features.sessions.domain import SessionEnded
from service.http.client_address import ClientAddresses
from service.http.cors import CrossOrigin
from service.http.decoding import MAX_BODY_BYTES
from service.http.edge import AllowedHosts, Edge
from service.http.openapi import describe
from service.http.openapi.reference import reference
from service.http.problems import API, HANDLERS
from service.http.rate_limit import Throttle
from service.http.requests import ApiRequest, admission
from service.http.responses import Response
from service.http.routes import plan_routes
from service.http.safeguards import Safeguards
from service.kernel.actor import Actor
from service.kernel.audit import AuditEntry
from service.kernel.errors import Unavailable
from service.kernel.ports import Authenticator
from service.kernel.rates import Rate
from service.settings import load_settings
from service.wiring import FeaturePlugin, Provided

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from service.kernel.actor import Trace
    from service.settings import Settings
    from service.wiring import Ports


def create_app(settings: Settings | None = None, ports: Ports | None = None) -> Litestar:
    """The service as an ASGI application; without arguments it is set by the environment.

    Raises:
        InvalidSettings: the environment holds settings that can't be used.
        InvalidKeys: there is no usable key ring.
        UndeclaredRoute: a route lacks its policy or scope.
    """
    settings = settings or load_settings(os.environ)
    configure_logs(settings.log_level)
    ports = ports or compose(settings)
    provided = Provided()
    plugins = [FeaturePlugin(feature, ports, provided) for feature in FEATURES]
    sights = {kind: sight for feature in FEATURES for kind, sight in feature.sights(ports).items()}
    safeguards = Safeguards(ports.database, ports.answers, sights)
    app = Litestar(
        path=API,
        plugins=plugins,
        request_class=ApiRequest,
        response_class=Response,
        before_request=admission(  # type: ignore[arg-type]
            provided["authenticator", Authenticator],  # type: ignore[type-abstract]
            safeguards,
            _throttle(settings, ports),
        ),
        exception_handlers=HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        lifespan=[_lifespan(ports)],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    plan_routes(app, of_tokens=(InvalidToken, SessionEnded, PersonalTokenRefused), of_storage=(DatabaseUnavailable,))
    app.state.ports = ports
    # Built when somebody asks for it: most processes are never asked.
    app.state.openapi = cache(lambda: describe(app, settings.base_url))
    docs = cache(lambda: reference(app.state.openapi()))
    # As with every path of the API, a slash at the end makes no difference.
    pages = {"/docs": docs, "/docs/": docs}
    hosts = AllowedHosts(settings.base_url, settings.allowed_hosts)
    addresses = ClientAddresses(settings.trusted_proxies, _keeper(ports))
    edge = Edge(app.asgi_handler, app, hosts, addresses, pages)
    app.asgi_handler = CrossOrigin(edge, settings.cors_origins) if settings.cors_origins else edge
    return app


def _throttle(settings: Settings, ports: Ports) -> Throttle | None:
    if settings.rate_limits == "off":
        return None
    return Throttle(ports.rate_limiter, ports.database, ports.outbox, Rate(settings.limits.per_address, settings.limits.overall))


def _keeper(ports: Ports) -> Callable[[Trace], Awaitable[None]]:
    """Keeps for `worklane doctor` that somebody who is no trusted proxy spoke for others."""

    async def keep(trace: Trace) -> None:
        entry = AuditEntry(action="forwarded_for.ignored", reason="untrusted_proxy")
        # The log has it already.
        with suppress(Unavailable):
            await ports.database.run(lambda: ports.outbox.record(Actor.anonymous(trace), entry))

    return keep


def _lifespan(ports: Ports) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await ports.database.open()
        try:
            yield
        finally:
            await ports.database.close()
            ports.passwords.close()

    return lifespan
