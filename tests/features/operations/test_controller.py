"""What clients and monitors ask of an instance, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import AsyncTestClient
from msgspec.structs import replace

from service import __version__
from service.app import create_app
from service.composition import compose
from tests.support.http import Api, made

if TYPE_CHECKING:
    from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_an_instance_tells_version_limits_and_features(api: Api) -> None:
    assert made(await api.get("/info")) == {
        "version": __version__,
        "api": "v1",
        "limits": {"body_bytes": 1048576, "nesting": 32, "page_size": 200, "offset": 10000, "password_min_length": 8},
        "features": {"registration": "open", "email_verification": "optional"},
    }


@pytest.mark.parametrize(
    ("changes", "verification"),
    [
        ({"registration": "closed"}, "optional"),
        ({"registration": "open", "email_verification": "required"}, "required"),
        # Whoever registered there logs in behind the mail only.
        ({"registration": "conceal"}, "required"),
    ],
)
async def test_a_client_can_see_beforehand_how_one_gets_an_account(
    settings: Settings, changes: dict[str, Any], verification: str
) -> None:
    set_so = replace(settings, **changes)
    app = create_app(set_so, compose(set_so))
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8000") as client:
        features = made(await Api(client, app).get("/info"))["features"]
    assert features == {"registration": changes["registration"], "email_verification": verification}


@pytest.mark.parametrize("path", ["/health", "/health/live"])
async def test_a_running_service_says_so(api: Api, path: str) -> None:
    assert made(await api.get(path)) == {"status": "ok", "version": __version__}


async def test_a_migrated_service_is_ready(api: Api) -> None:
    ready = {"status": "ready", "database": True, "migrations": True, "draining": False}
    assert made(await api.get("/health/ready")) == ready
