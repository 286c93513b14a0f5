"""The outermost layer: headers on every answer, request ids, hosts, HEAD, OPTIONS, and faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from litestar import Response as PlainResponse
from litestar.exceptions import LitestarException
from litestar.response import Stream

from service.http.edge import AllowedHosts
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, get, post
from tests.http.small_app import small_app
from tests.support import raw
from tests.support.raw import HOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar.types import Message

    from tests.http.conftest import Site
    from tests.support.raw import Answer

pytestmark = pytest.mark.anyio

EVERYWHERE = {
    "cache-control": "private, no-cache",
    "vary": "Authorization",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
SECRET = "kept from everybody"


def carries_the_usual(answer: Answer, **others: str) -> bool:
    """Whether the answer has each header of every answer, once."""
    expected = EVERYWHERE | {name.replace("_", "-"): value for name, value in others.items()}
    return {name: answer.header(name) for name in expected} == expected and bool(answer.header("x-request-id"))


@get("/broken", Access(Policy.PUBLIC))
async def get_broken() -> None:
    """Fail."""
    raise RuntimeError(SECRET)


@get("/endless", Access(Policy.PUBLIC))
async def get_endless() -> None:
    """Wait for nothing."""
    await asyncio.Event().wait()


@post("/endless", Access(Policy.PUBLIC))
async def post_endless(request: ApiRequest) -> None:
    """Wait for nothing, perhaps in a COMMIT."""
    await asyncio.Event().wait()


@get("/late", Access(Policy.PUBLIC))
async def get_late() -> None:
    """Fail with the error of somebody else's deadline."""
    raise TimeoutError(SECRET)


@get("/halfway", Access(Policy.PUBLIC))
async def get_halfway() -> PlainResponse[Any]:
    """Fail when a part is sent already."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError(SECRET)

    return Stream(parts())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/tasks", 200),
        ("HEAD", "/tasks", 200),
        ("OPTIONS", "/tasks", 204),
        ("GET", "/tasks?x=1", 422),
        ("GET", "/tasks/none", 404),
        ("GET", "/nothing", 404),
        ("HEAD", "/nothing", 404),
        ("OPTIONS", "/nothing", 404),
        ("PUT", "/tasks", 405),
        ("POST", "/tasks", 400),
        ("GET", "/health", 200),
        ("GET", "/openapi.json", 200),
    ],
)
async def test_every_answer_carries_the_usual_headers(site: Site, method: str, path: str, status: int) -> None:
    answer = await site.call(method, path)
    assert answer.status == status
    assert carries_the_usual(answer)


@pytest.mark.parametrize(
    ("headers", "status"),
    [((HOST,), 401), ((), 400), (((b"host", b"evil.example"),), 400), ((HOST, (b"accept", b"text/html")), 406)],
)
async def test_refusals_before_the_handler_carry_them_too(site: Site, headers: Any, status: int) -> None:
    answer = await site.call("GET", "/tasks", headers=headers, signed_in=False)
    assert answer.status == status
    assert carries_the_usual(answer)
    assert answer.header("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_an_answer_with_a_secret_is_stored_nowhere(site: Site) -> None:
    account = b'{"email":"nobody@example.com","password":"Correct-horse-7-battery"}'
    assert (await site.call("POST", "/auth/register", account, signed_in=False)).status == 201
    answer = await site.call("POST", "/auth/login", account, signed_in=False)
    assert answer.status == 200
    assert carries_the_usual(answer, cache_control="no-store")


async def test_a_write_says_where_its_changes_end_and_a_read_does_not(site: Site) -> None:
    made = await site.call("POST", "/projects", b'{"name":"Another"}')
    assert made.status == 201
    assert made.header("x-change-cursor")
    assert (await site.call("GET", "/projects")).header("x-change-cursor") is None


@pytest.mark.parametrize("given", ["12345678", "a" * 64, "Az09._-x"])
async def test_a_clients_request_id_is_kept(site: Site, given: str) -> None:
    answer = await site.call("GET", "/nothing", headers=(HOST, (b"x-request-id", given.encode())))
    assert answer.header("x-request-id") == given == answer.json()["request_id"]


@pytest.mark.parametrize("given", [b"", b"1234567", b"a" * 65, b"white space", b"12345678\n", b"<script>", "ünderbar".encode()])
async def test_another_request_id_is_replaced(site: Site, given: bytes) -> None:
    answer = await site.call("GET", "/nothing", headers=(HOST, (b"x-request-id", given)))
    assert (answer.header("x-request-id") or "").encode() != given
    assert answer.header("x-request-id") == answer.json()["request_id"]


async def test_no_two_requests_get_the_same_id(site: Site) -> None:
    answers = [await site.call("GET", "/health") for _ in range(20)]
    assert len({answer.header("x-request-id") for answer in answers}) == 20


@pytest.mark.parametrize("path", ["/health", "/tasks", "/nothing", "/tasks/none"])
async def test_head_is_get_without_its_body(site: Site, path: str) -> None:
    read, asked = await site.call("GET", path), await site.call("HEAD", path)
    assert asked.body == b""
    assert asked.status == read.status
    same = ("content-type", "x-total-count", "link") if read.status != 404 else ("content-type",)
    assert [asked.header(name) for name in same] == [read.header(name) for name in same]
    if read.status == 200:
        assert asked.header("content-length") == str(len(read.body))


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/tasks", "GET, HEAD, OPTIONS, POST"),
        ("/tasks/", "GET, HEAD, OPTIONS, POST"),
        ("/tasks/WEB-1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/auth/login", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_and_a_405_list_every_method_of_the_path(site: Site, path: str, methods: str) -> None:
    asked = await site.call("OPTIONS", path, signed_in=False)
    assert (asked.status, asked.header("allow"), asked.body) == (204, methods, b"")
    refused = await site.call("PUT", path, signed_in=False)
    assert (refused.status, refused.header("allow")) == (405, methods)
    assert methods in refused.json()["detail"]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_probes_answer_any_host(site: Site, path: str) -> None:
    for headers in ((), ((b"host", b"10.0.0.7:8000"),), (HOST, HOST)):
        assert (await site.call("GET", path, headers=headers)).status == 200


@pytest.mark.parametrize(
    "accept",
    [
        b"",
        b"*/*",
        b"application/json",
        b"Application/JSON",
        b"APPLICATION/*",
        b"application/*",
        b"text/html, */*;q=0.1",
        b"application/problem+json",
    ],
)
async def test_who_takes_json_gets_it(site: Site, accept: bytes) -> None:
    assert (await site.call("GET", "/health", headers=(HOST, (b"accept", accept)))).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1:65535",
        "[::1]",
        "[::1]:8000",
        "tasks.example",
        "Tasks.Example:8443",
        "extra:81",
        "extra:81".upper(),
    ],
)
def test_hosts_of_this_service_are_answered_in_any_case(host: str) -> None:
    hosts = AllowedHosts("https://user@tasks.example", ["extra:81"])
    assert hosts.allow(host.encode())
    assert hosts.allow(host.encode())


@pytest.mark.parametrize(
    "host", ["", ":8000", "extra", "extra:82", "example", "user@tasks.example", "localhost.", "::1", "[::1]x"]
)
def test_hosts_of_others_are_not(host: str) -> None:
    hosts = AllowedHosts("https://user@tasks.example", ["extra:81"])
    assert not hosts.allow(host.encode())
    assert not hosts.allow(host.encode())


def test_a_flood_of_hosts_is_not_remembered_without_end() -> None:
    hosts = AllowedHosts("http://127.0.0.1:8000", ())
    assert not any(hosts.allow(f"h{number}".encode()) for number in range(3000))
    assert len(hosts._seen) <= 1000  # noqa: SLF001  (memory shows nowhere else)


async def test_a_fault_tells_the_client_its_request_id_and_the_log_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    answer = await raw.call(small_app(get_broken), "GET", "/api/v1/broken")
    problem = answer.json()
    assert (answer.status, problem["code"]) == (500, "internal_error")
    assert carries_the_usual(answer)
    assert SECRET not in answer.body.decode()
    assert str(answer.header("x-request-id")) in problem["detail"]
    assert SECRET in capsys.readouterr().out


async def test_a_fault_below_every_handler_is_a_problem_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    edge: Any = site.app.asgi_handler

    async def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(edge, "_app", fail)
    answer = await site.call("GET", "/tasks")
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")
    assert SECRET not in answer.body.decode()


@pytest.mark.parametrize(("method", "outcome"), [("GET", "not_applied"), ("POST", "unknown")])
async def test_a_request_that_takes_too_long_is_given_up(method: str, outcome: str) -> None:
    app = small_app(get_endless, post_endless, patience=0.01)
    answer = await raw.call(app, method, "/api/v1/endless", headers=[HOST])
    assert (answer.status, answer.json()["code"], answer.json()["outcome"]) == (503, "request_timeout", outcome)
    assert answer.header("retry-after") == "1"


async def test_another_deadline_that_passes_is_a_fault() -> None:
    answer = await raw.call(small_app(get_late), "GET", "/api/v1/late", headers=[HOST])
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")


async def test_a_fault_behind_the_first_bytes_breaks_the_answer_off() -> None:
    with pytest.raises(LitestarException, match="after response started"):
        await raw.call(small_app(get_halfway), "GET", "/api/v1/halfway")


async def test_websockets_are_closed(site: Site) -> None:
    sent: list[Message] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Any = raw.scope(site.app, "GET", "/api/v1/tasks", b"", [HOST]) | {"type": "websocket", "subprotocols": []}
    await site.app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@get("/address", Access(Policy.PUBLIC))
async def get_address(request: ApiRequest) -> dict[str, str | None]:
    """Say where the request comes from."""
    return {"ip": request.actor.trace.ip}


@pytest.mark.parametrize(("trusted", "ip"), [((), "192.0.2.7"), (("192.0.2.0/24",), "198.51.100.7")])
async def test_the_trace_has_the_client_s_address_and_not_a_trusted_proxy_s(trusted: tuple[str, ...], ip: str) -> None:
    app = small_app(get_address, trusted_proxies=trusted)
    answer = await raw.call(app, "GET", "/api/v1/address", headers=[HOST, (b"x-forwarded-for", b"127.0.0.1, 198.51.100.7")])
    assert answer.json() == {"ip": ip}
