"""The checks before a handler: in their order, and what passes them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from litestar.params import JSONBody
from msgspec import Struct

from service.http import requests
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, delete, get, patch, post
from service.kernel.actor import Scope
from tests.http.small_app import small_app, with_scopes
from tests.support import raw
from tests.support.fakes import an_actor
from tests.support.raw import HOST, JSON

if TYPE_CHECKING:
    from tests.support.raw import Answer

pytestmark = pytest.mark.anyio


class Note(Struct, forbid_unknown_fields=True):
    text: str = "nothing"


class Filter(Struct, forbid_unknown_fields=True):
    text: str = ""


@get("/mine", Access(Policy.SIGNED_IN, Scope.TASKS_READ), query=Filter)
async def get_mine(request: ApiRequest) -> dict[str, str]:
    """Say who asks, and for what."""
    return {"user": str(request.actor.id), "text": request.query(Filter).text, "request": request.trace.request_id}


@get("/all", Access(Policy.ADMIN, Scope.ADMIN))
async def get_all(request: ApiRequest) -> dict[str, bool]:
    """Say that an admin asks."""
    return {"admin": request.actor.is_admin}


@get("/wrong", Access(Policy.PUBLIC))
async def get_wrong(request: ApiRequest) -> str:
    """Read another query than is declared."""
    return request.query(Filter).text


@get("/public", Access(Policy.PUBLIC))
async def get_public(request: ApiRequest) -> dict[str, str | None]:
    """Say who asks, which nobody has to."""
    return {"kind": request.actor.kind, "ip": request.actor.trace.ip, "agent": request.actor.trace.user_agent}


@post("/notes", Access(Policy.MEMBER, Scope.TASKS_WRITE))
async def create_note(request: ApiRequest, data: JSONBody[Note]) -> dict[str, str]:
    """Say what was sent."""
    return {"text": data.text}


@patch("/notes", Access(Policy.MEMBER, Scope.TASKS_WRITE))
async def update_note(request: ApiRequest, data: JSONBody[Note]) -> dict[str, str]:
    """Say what was sent."""
    return {"text": data.text}


@get("/account", Access(Policy.SESSION))
async def get_account() -> dict[str, bool]:
    """Say that a session asks."""
    return {"session": True}


@post("/act", Access(Policy.MEMBER, Scope.TASKS_WRITE))
async def act(request: ApiRequest) -> dict[str, bool]:
    """Do something that needs no words."""
    return {"acted": True}


@delete("/notes", Access(Policy.MEMBER, Scope.TASKS_WRITE))
async def delete_note(request: ApiRequest) -> None:
    """Do nothing."""


APP = small_app(
    get_mine,
    get_all,
    get_wrong,
    get_account,
    get_public,
    create_note,
    update_note,
    act,
    delete_note,
    ann=an_actor(1),
    root=an_actor(2, is_admin=True),
    reader=with_scopes("tasks:read"),
)


async def call(method: str, path: str, body: bytes = b"", *, token: str | None = "ann", **headers: str) -> Answer:
    """A request with a token; `content_type` and the like become headers."""
    given = [HOST]
    given += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if body and "content_type" not in headers:
        given.append(JSON)
    if token:
        given.append((b"authorization", f"Bearer {token}".encode()))
    path, _, query = path.partition("?")
    return await raw.call(APP, method, f"/api/v1{path}", query=query.encode(), headers=given, body=body)


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["code"]


async def test_a_handler_sees_who_asks_and_what_was_decoded() -> None:
    answer = await call("GET", "/mine?text=x", x_request_id="from-the-client")
    assert answer.json() == {"user": str(an_actor(1).id), "text": "x", "request": "from-the-client"}


async def test_nobody_stands_behind_a_public_request_even_with_a_token() -> None:
    for token in (None, "ann", "unknown"):
        answer = await call("GET", "/public", token=token, user_agent="curl/8 " + "x" * 1000)
        assert answer.json() == {"kind": "anonymous", "ip": "192.0.2.7", "agent": ("curl/8 " + "x" * 1000)[:400]}


async def test_a_token_without_the_scope_is_told_which_it_lacks() -> None:
    assert (await call("GET", "/mine", token="reader")).status == 200
    answer = await call("POST", "/notes", b"{}", token="reader")
    assert problem(answer) == (403, "insufficient_scope")
    assert answer.json()["required_scope"] == "tasks:write"


async def test_what_takes_a_session_is_refused_to_a_personal_token() -> None:
    assert (await call("GET", "/account")).json() == {"session": True}
    assert problem(await call("GET", "/account", token="reader")) == (403, "session_required")
    assert problem(await call("GET", "/account", token=None)) == (401, "unauthenticated")


async def test_what_is_for_admins_is_for_admins() -> None:
    assert (await call("GET", "/all", token="root")).json() == {"admin": True}
    answer = await call("GET", "/all")
    assert problem(answer) == (403, "admin_required")
    assert answer.json()["required_role"] == "admin"


@pytest.mark.parametrize(
    ("path", "body", "token", "expected"),
    [
        ("/notes", b"{", None, (400, "malformed_request")),
        ("/notes?%ff", b'{"x":1}', None, (400, "malformed_request")),
        ("/notes", b'{"x":1}', None, (401, "unauthenticated")),
        ("/notes", b'{"x":1}', "unknown", (401, "unauthenticated")),
        ("/notes", b'{"x":1}', "reader", (403, "insufficient_scope")),
        ("/notes?x=1", b"{}", "reader", (403, "insufficient_scope")),
        ("/notes", b'{"x":1}', "ann", (422, "validation_failed")),
        ("/notes?x=1", b"{}", "ann", (422, "validation_failed")),
    ],
)
async def test_400_goes_before_401_before_403_before_422(
    path: str, body: bytes, token: str | None, expected: tuple[int, str]
) -> None:
    assert problem(await call("POST", path, body, token=token)) == expected


async def test_mistakes_in_body_and_query_are_told_together() -> None:
    errors = (await call("PATCH", "/notes?y=1", b'{"x":1}')).json()["errors"]
    assert [(error["in"], error["pointer"]) for error in errors] == [("body", "/x"), ("query", "/y")]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json;",
    ],
)
async def test_json_goes_by_several_names(content_type: str) -> None:
    assert (await call("POST", "/notes", b'{"text":"x"}', content_type=content_type)).json() == {"text": "x"}


async def test_a_merge_patch_may_say_so_where_there_is_something_to_patch() -> None:
    merge_patch = "application/merge-patch+json"
    assert (await call("PATCH", "/notes", b'{"text":"x"}', content_type=merge_patch)).json() == {"text": "x"}
    assert problem(await call("POST", "/notes", b'{"text":"x"}', content_type=merge_patch)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
async def test_a_body_as_it_is_may_be_called_identity(encoding: str) -> None:
    assert (await call("POST", "/notes", b"{}", content_encoding=encoding)).status == 201


async def test_no_body_needs_no_type() -> None:
    assert (await call("POST", "/act", content_type="text/plain")).json() == {"acted": True}
    assert (await call("POST", "/act", b"{}")).json() == {"acted": True}


async def test_no_body_is_no_patch() -> None:
    answer = await call("PATCH", "/notes")
    assert problem(answer) == (400, "malformed_request")
    assert answer.json()["detail"] == "The body is empty: send a JSON object."


@pytest.mark.parametrize("size", [1024 * 1024 - 11, 1024 * 1024 - 12])
async def test_one_mebibyte_is_accepted(size: int) -> None:
    body = b'{"text":"' + b"x" * size + b'"}'
    answer = await call("POST", "/notes", body, content_length=str(len(body)))
    assert (answer.status, len(answer.json()["text"])) == (201, size)


async def test_one_byte_more_is_too_much() -> None:
    assert (await call("POST", "/notes", b'{"text":"' + b"x" * (1024 * 1024 - 10) + b'"}')).status == 413


async def test_a_body_that_breaks_off_is_refused() -> None:
    outgoing: list[Any] = []
    incoming = [{"type": "http.request", "body": b'{"te', "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        outgoing.append(message)

    headers = [HOST, JSON, (b"authorization", b"Bearer ann")]
    await APP(raw.scope(APP, "POST", "/api/v1/notes", b"", headers), receive, send)
    assert outgoing[0]["status"] == 400
    assert b"The connection ended before the body did." in outgoing[1]["body"]


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.01)
    outgoing: list[Any] = []
    incoming = [{"type": "http.request", "body": b'{"te', "more_body": True}]

    async def receive() -> Any:
        return incoming.pop(0) if incoming else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        outgoing.append(message)

    headers = [HOST, JSON, (b"authorization", b"Bearer ann")]
    await APP(raw.scope(APP, "POST", "/api/v1/notes", b"", headers), receive, send)
    assert outgoing[0]["status"] == 408
    assert b'"code":"body_timeout"' in outgoing[1]["body"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_of_a_token_is_written_in_any_case(scheme: str) -> None:
    assert (await call("GET", "/mine", token=None, authorization=f"{scheme} ann")).status == 200


async def test_a_deleted_thing_has_no_body() -> None:
    answer = await call("DELETE", "/notes")
    assert (answer.status, answer.body, answer.header("content-type")) == (204, b"", None)


async def test_a_handler_that_reads_another_query_than_it_declares_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert problem(await call("GET", "/wrong")) == (500, "internal_error")


def test_every_test_actor_is_somebody() -> None:
    actor: Any = an_actor()
    assert actor.id == actor.user_id
