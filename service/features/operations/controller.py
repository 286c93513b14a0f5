"""Health, version, the OpenAPI description and the meaning of problems, over HTTP."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from litestar import Controller
from litestar.params import FromPath

from service import __version__
from service.features.operations.ports import Condition
from service.features.operations.schemas import Features, Health, Info, Limits, ProblemDescription, Readiness
from service.http.decoding import MAX_BODY_BYTES, MAX_DEPTH
from service.http.paging import MAX_SIZE
from service.http.problems import status_of
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, get
from service.kernel.errors import NotFound, Refusal
from service.kernel.paging import LAST_OFFSET
from service.settings import Settings
from service.wiring import Injected

EVERYONE = Access(Policy.PUBLIC)


class OperationsController(Controller):
    """What needs no account."""

    tags = ("system",)

    @get("/health", EVERYONE)
    async def get_health(self) -> Health:
        """Say that the service runs."""
        return Health("ok", __version__)

    @get("/health/live", EVERYONE)
    async def get_liveness(self) -> Health:
        """Say that the process answers; a restart would help if it did not."""
        return Health("ok", __version__)

    @get("/health/ready", EVERYONE, answers={503: Readiness})
    async def get_readiness(self, condition: Injected[Condition]) -> Response[Readiness]:
        """Say whether requests should be sent here: 503 without a database, before its migrations, and while draining."""
        migrated = await condition.migrated()
        ready = bool(migrated) and not condition.draining
        found = Readiness("ready" if ready else "not_ready", migrated is not None, bool(migrated), condition.draining)
        return Response(found, status_code=200 if ready else 503, headers={} if ready else {"Retry-After": "1"})

    @get("/info", EVERYONE)
    async def get_info(self, service_settings: Injected[Settings]) -> Info:
        """Tell version, limits and what is switched on."""
        limits = Limits(MAX_BODY_BYTES, MAX_DEPTH, MAX_SIZE, LAST_OFFSET, service_settings.passwords.min_length)
        # Whoever registers where that is concealed can't log in before opening the mailed link either.
        verifies = service_settings.registration == "conceal" or service_settings.email_verification == "required"
        features = Features(service_settings.registration, "required" if verifies else "optional")
        return Info(__version__, "v1", limits, features)

    @get("/problems/{code:str}", EVERYONE)
    async def get_problem(self, code: FromPath[str]) -> ProblemDescription:
        """Explain a problem: what `type` in an error links to."""
        refusal = Refusal.registry.get(code)
        if refusal is None:
            message = f"There is no problem with the code {code}."
            raise NotFound(message)
        return ProblemDescription(code, refusal.title, status_of(refusal), inspect.getdoc(refusal) or "")

    @get("/openapi.json", EVERYONE, include_in_schema=False)
    async def get_openapi(self, request: ApiRequest) -> Response[bytes]:
        """Answer the OpenAPI 3.1 description of this service."""
        document: dict[str, Any] = request.app.state.openapi()
        return Response(msgspec.json.encode(document))
