"""Which requests are wrapped: by what the route declares, and in whose name."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from msgspec import Struct
from msgspec.structs import replace

from service.http.dry_run import DryRunQuery, without_new
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, UndeclaredRoute, delete, post
from service.kernel.actor import Scope
from tests.http.small_app import small_app
from tests.support import raw
from tests.support.fakes import an_actor
from tests.support.raw import HOST

if TYPE_CHECKING:
    from tests.support.raw import Answer

pytestmark = pytest.mark.anyio

WRITING = Access(Policy.MEMBER, Scope.TASKS_WRITE)
_NUMBERS = count(1)


@post("/numbers", WRITING)
async def take_number(request: ApiRequest) -> dict[str, int]:
    """Give each request another answer."""
    return {"number": next(_NUMBERS)}


@post("/secrets", WRITING, keyed=False)
async def make_secret(request: ApiRequest) -> dict[str, int]:
    """Give each request another answer, once."""
    return {"number": next(_NUMBERS)}


ANN = an_actor(1)
TOKEN = replace(ANN, token_id=UUID(int=9), scopes=frozenset({"tasks:write"}))
APP = small_app(
    take_number,
    make_secret,
    ann=ANN,
    elsewhere=replace(ANN, session_id=UUID(int=5)),
    token=TOKEN,
    other=replace(TOKEN, token_id=UUID(int=8)),
    bob=an_actor(2),
)


async def call(path: str, token: str, *keys: bytes) -> Answer:
    """A POST with these keys."""
    headers = [HOST, (b"authorization", f"Bearer {token}".encode()), *((b"idempotency-key", key) for key in keys)]
    return await raw.call(APP, "POST", f"/api/v1{path}", headers=headers)


async def test_sessions_share_their_keys_and_a_personal_token_has_its_own() -> None:
    answers = {who: await call("/numbers", who, b"k") for who in ("ann", "token", "other", "bob")}
    assert len({answer.body for answer in answers.values()}) == 4
    for who, answer in {**answers, "elsewhere": answers["ann"]}.items():
        again = await call("/numbers", who, b"k")
        assert (again.body, again.header("idempotency-replayed")) == (answer.body, "true")


async def test_a_route_without_keys_says_so_and_works_without_one() -> None:
    assert (await call("/secrets", "ann")).status == 201
    answer = await call("/secrets", "ann", b"k")
    assert (answer.status, answer.json()["code"]) == (422, "idempotency_not_supported")
    assert answer.json()["errors"][0]["pointer"] == "/Idempotency-Key"


async def test_two_keys_are_none() -> None:
    answer = await call("/numbers", "ann", b"k", b"k")
    assert (answer.status, answer.json()["errors"][0]["code"]) == (422, "not_allowed")


def test_a_write_that_takes_no_request_stops_the_start() -> None:
    @delete("/numbers", WRITING)
    async def forget_numbers() -> None:
        """Nothing."""

    with pytest.raises(UndeclaredRoute, match="takes no `request`"):
        small_app(forget_numbers)


def test_signing_in_needs_no_request() -> None:
    @post("/auth/nothing", Access(Policy.PUBLIC))
    async def sign_in() -> None:
        """Nothing."""

    assert sign_in.opt["writing"] is not None
    app = small_app(sign_in)
    assert [handler.opt["plan"].writing for route in app.routes for handler in getattr(route, "route_handlers", ())[:1]] == [None]


def test_signing_in_can_not_be_tried_out() -> None:
    @post("/auth/nothing", Access(Policy.PUBLIC), validate_only=True)
    async def sign_in(request: ApiRequest) -> None:
        """Nothing."""

    with pytest.raises(UndeclaredRoute, match="part of signing in"):
        small_app(sign_in)


class Own(Struct, forbid_unknown_fields=True):
    force: bool = False


class OwnTried(DryRunQuery, kw_only=True):
    force: bool = False


def test_a_query_of_its_own_has_what_can_be_tried_out() -> None:
    @post("/own", WRITING, query=Own, validate_only=True)
    async def own(request: ApiRequest) -> None:
        """Nothing."""

    @post("/tried", WRITING, query=OwnTried, validate_only=True)
    async def tried(request: ApiRequest) -> None:
        """Nothing."""

    with pytest.raises(UndeclaredRoute, match="its query must be a DryRunQuery"):
        small_app(own)
    assert small_app(tried).routes


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"id":"1","key":"A-1","title":"T"}', b'{"id":null,"key":null,"title":"T"}'),
        (b'{"id":"1","owner":{"id":"2","key":"B"}}', b'{"id":null,"owner":{"id":"2","key":"B"}}'),
        (b'{"id":"1","part":[{"of":{"id":"1","key":"A"}}]}', b'{"id":null,"part":[{"of":{"id":null,"key":null}}]}'),
        (
            b'{"items":[{"id":"1"},{"id":"2","parent":{"id":"1","key":"A"}}],"created_count":2}',
            b'{"items":[{"id":null},{"id":null,"parent":{"id":null,"key":null}}],"created_count":2}',
        ),
    ],
)
def test_what_would_be_new_is_null_wherever_it_is_named(body: bytes, shown: bytes) -> None:
    assert without_new(body, ("id", "key")) == shown
    assert without_new(body, ()) == body
