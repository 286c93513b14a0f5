"""Cross-origin requests: what listed origins are allowed, and that others and a service without the setting get nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from litestar.params import FromPath, JSONBody
from msgspec import Struct
from msgspec.structs import replace

from service.app import create_app
from service.composition import compose
from service.http.cors import CrossOrigin
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, get, post
from service.kernel.errors import Conflict, NotFound
from tests.http.small_app import small_app
from tests.support import raw
from tests.support.raw import HOST

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import Message

    from service.settings import Settings
    from tests.support.raw import Answer

pytestmark = pytest.mark.anyio

OURS = "https://app.example.org"
EVERYONE = Access(Policy.PUBLIC)


class Sent(Struct, forbid_unknown_fields=True):
    text: str


@get("/things/{key:str}", EVERYONE)
async def get_thing(key: FromPath[str]) -> dict[str, str]:
    """Read one, or not."""
    if key == "broken":
        raise RuntimeError
    if key != "one":
        raise NotFound
    return {"key": key}


@post("/things", EVERYONE, raises=(Conflict,))
async def make_thing(request: ApiRequest, data: JSONBody[Sent]) -> None:
    """Refuse."""
    raise Conflict


@pytest.fixture
def app() -> Litestar:
    made = small_app(get_thing, make_thing)
    made.asgi_handler = CrossOrigin(made.asgi_handler, [OURS, "http://localhost:5173"])
    return made


async def call(app: Litestar, method: str, path: str, *origins: str, **headers: str) -> Answer:
    given = [HOST, *((b"origin", origin.encode("latin-1")) for origin in origins)]
    given += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return await raw.call(app, method, "/api/v1" + path, headers=given, body=b"{}" if method == "POST" else b"")


async def preflight(app: Litestar, path: str, *origins: str, method: str = "GET") -> Answer:
    return await call(app, "OPTIONS", path, *origins, access_control_request_method=method)


def granted(answer: Answer) -> dict[str, str]:
    """What the answer says of cross-origin requests."""
    return {name: value for name, value in answer.headers if name.startswith("access-control-")}


async def test_a_preflight_tells_a_listed_origin_what_it_may_send(app: Litestar) -> None:
    answer = await preflight(app, "/things/one", OURS)
    assert (answer.status, answer.body) == (204, b"")
    assert granted(answer) == {
        "access-control-allow-origin": OURS,
        "access-control-allow-methods": "GET, HEAD, OPTIONS",
        "access-control-allow-headers": "authorization, content-type, if-match, if-none-match, idempotency-key, prefer, "
        "x-request-id",
        "access-control-max-age": "600",
    }
    assert answer.header("vary") == "Authorization, Origin"
    assert answer.header("x-request-id")


async def test_a_preflight_needs_no_token_and_names_the_methods_of_its_path(app: Litestar) -> None:
    answer = await preflight(app, "/things", OURS, method="POST")
    assert granted(answer)["access-control-allow-methods"] == "OPTIONS, POST" == answer.header("allow")


async def test_a_preflight_of_an_unknown_path_is_not_granted(app: Litestar) -> None:
    answer = await preflight(app, "/nothing", OURS)
    assert answer.status == 404
    assert "access-control-allow-methods" not in granted(answer)


async def test_options_without_a_preflight_is_an_ordinary_request(app: Litestar) -> None:
    answer = await call(app, "OPTIONS", "/things", OURS)
    assert (answer.status, answer.header("allow")) == (204, "OPTIONS, POST")
    assert set(granted(answer)) == {"access-control-allow-origin", "access-control-expose-headers"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/things/one", 200),
        ("HEAD", "/things/one", 200),
        ("GET", "/things/two", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/things", 405),
        ("POST", "/things", 415),
        ("GET", "/things/broken", 500),
    ],
)
async def test_a_page_of_a_listed_origin_reads_every_answer(app: Litestar, method: str, path: str, status: int) -> None:
    answer = await call(app, method, path, OURS)
    assert answer.status == status
    assert answer.header("access-control-allow-origin") == OURS
    exposed = (answer.header("access-control-expose-headers") or "").split(", ")
    assert {
        "location", "etag", "link", "retry-after", "x-total-count", "x-request-id", "x-change-cursor", "ratelimit",
        "ratelimit-policy",
    } <= set(exposed)  # fmt: skip
    assert answer.header("vary") == "Authorization, Origin"


async def test_a_request_method_header_on_another_method_is_no_preflight(app: Litestar) -> None:
    answer = await call(app, "GET", "/things/one", OURS, access_control_request_method="GET")
    assert "access-control-max-age" not in granted(answer)
    assert "access-control-expose-headers" in granted(answer)


async def test_every_listed_origin_gets_its_own_name(app: Litestar) -> None:
    answer = await call(app, "GET", "/things/one", "http://localhost:5173")
    assert answer.header("access-control-allow-origin") == "http://localhost:5173"


async def test_no_answer_allows_credentials(app: Litestar) -> None:
    for answer in (await preflight(app, "/things", OURS), await call(app, "GET", "/things/one", OURS)):
        assert "access-control-allow-credentials" not in granted(answer)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://app.example.org.evil.example",
        "https://evil.example/https://app.example.org",
        "https://APP.example.org",
        "https://app.example.org/",
        "null",
        "*",
        "",
        "\xff",
    ],
)
async def test_other_origins_get_no_word_of_it_and_a_cache_knows(app: Litestar, origin: str) -> None:
    for answer in (await preflight(app, "/things/one", origin), await call(app, "GET", "/things/one", origin)):
        assert granted(answer) == {}
        assert answer.header("vary") == "Authorization, Origin"


async def test_who_names_no_origin_or_two_gets_none(app: Litestar) -> None:
    for origins in ((), (OURS, OURS), (OURS, "https://evil.example")):
        answer = await call(app, "GET", "/things/one", *origins)
        assert (answer.status, granted(answer)) == (200, {})


async def test_a_wrong_host_is_refused_to_a_listed_origin_too(app: Litestar) -> None:
    headers = [(b"host", b"evil.example"), (b"origin", OURS.encode()), (b"access-control-request-method", b"GET")]
    answer = await raw.call(app, "OPTIONS", "/api/v1/things", headers=headers)
    assert (answer.status, answer.json()["code"]) == (400, "unknown_host")


async def test_websockets_stay_closed(app: Litestar) -> None:
    sent: list[Message] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Any = raw.scope(app, "GET", "/api/v1/things", b"", [HOST]) | {"type": "websocket", "subprotocols": []}
    await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_the_setting_switches_it_on(settings: Settings) -> None:
    for origins, expected in (((), None), ((OURS,), OURS)):
        chosen = replace(settings, cors_origins=origins)
        answer = await call(create_app(chosen, compose(chosen)), "GET", "/health", OURS)
        assert answer.status == 200
        assert answer.header("access-control-allow-origin") == expected
        assert answer.header("vary") == ("Authorization, Origin" if origins else "Authorization")
