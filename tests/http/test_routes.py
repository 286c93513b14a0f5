"""What a route declares, and that one which declares too little stops the start."""

from __future__ import annotations

from typing import Any

import litestar
import pytest
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from service.http.problems import status_of
from service.http.requests import ApiRequest
from service.http.routes import Access, NoQuery, Policy, UndeclaredRoute, delete, get, handlers, patch, post, put
from service.kernel.actor import Scope
from service.kernel.errors import Conflict
from tests.http.small_app import small_app

READING = Access(Policy.SIGNED_IN, Scope.TASKS_READ)
EVERYONE = Access(Policy.PUBLIC)


class Asked(Struct, forbid_unknown_fields=True):
    page: int = 1


class Sent(Struct, forbid_unknown_fields=True):
    text: str = ""


class Careless(Struct):
    text: str = ""


def statuses(handler: Any) -> set[int]:
    """The refusals that a route documents."""
    return {status_of(refusal) for refusal in handler.opt["refusals"]}


def test_a_route_without_policy_stops_the_start() -> None:
    @litestar.get("/plain")
    async def plain() -> None:
        """Nothing."""

    with pytest.raises(UndeclaredRoute, match=r"\['GET'\] /api/v1/plain declares no policy or no scope"):
        small_app(plain)


@pytest.mark.parametrize("policy", [policy for policy in Policy if policy not in {Policy.PUBLIC, Policy.SESSION}])
def test_a_route_that_needs_a_token_and_names_no_scope_stops_the_start(policy: Policy) -> None:
    @get("/unscoped", Access(policy))
    async def unscoped() -> None:
        """Nothing."""

    with pytest.raises(UndeclaredRoute):
        small_app(unscoped)


def test_a_public_route_needs_no_scope() -> None:
    @get("/open", EVERYONE)
    async def get_open() -> None:
        """Nothing."""

    assert [path for path, _ in handlers(small_app(get_open))] == ["/api/v1/open"]


def test_a_body_or_query_that_would_drop_what_it_does_not_know_stops_the_start() -> None:
    @get("/asked", EVERYONE, query=Careless)
    async def asked() -> None:
        """Nothing."""

    @post("/sent", EVERYONE)
    async def sent(request: ApiRequest, data: JSONBody[Careless]) -> None:
        """Nothing."""

    for handler in (asked, sent):
        with pytest.raises(TypeError, match="forbid_unknown_fields"):
            small_app(handler)


def test_the_name_of_a_handler_is_its_operation() -> None:
    @get("/named", EVERYONE)
    async def get_named() -> None:
        """Nothing."""

    assert (get_named.name, get_named.operation_id) == ("get_named", "get_named")


def test_a_route_documents_what_its_declaration_implies() -> None:
    @get("/open", EVERYONE)
    async def get_open() -> None:
        """Nothing."""

    @get("/one/{key:str}", READING, query=Asked, raises=(Conflict,))
    async def get_one(key: FromPath[str]) -> None:
        """Nothing."""

    @post("/all", READING)
    async def create(data: JSONBody[Sent]) -> None:
        """Nothing."""

    @put("/one/{key:str}", READING)
    async def set_one(key: FromPath[str], data: JSONBody[Sent]) -> None:
        """Nothing."""

    @delete("/all", READING)
    async def remove() -> None:
        """Nothing."""

    assert statuses(get_open) == {400, 406, 422, 503}
    assert statuses(get_one) == {400, 401, 403, 404, 406, 409, 422, 503}
    assert statuses(create) == {400, 401, 403, 406, 408, 413, 415, 422, 503}
    assert statuses(set_one) == {400, 401, 403, 404, 406, 408, 413, 415, 422, 503}
    assert statuses(remove) == {400, 401, 403, 406, 422, 503}


def test_a_plan_says_what_is_checked_before_the_handler() -> None:
    @patch("/sent", READING, query=Asked)
    async def sent(request: ApiRequest, data: JSONBody[Sent]) -> None:
        """Nothing."""

    @post("/acted", READING)
    async def acted(request: ApiRequest) -> None:
        """Nothing."""

    @get("/read", READING)
    async def read() -> None:
        """Nothing."""

    plans = {handler.name: handler.opt["plan"] for _, handler in handlers(small_app(sent, acted, read))}
    assert (plans["sent"].query.struct, plans["sent"].body.struct, plans["sent"].merge_patch) == (Asked, Sent, True)
    assert plans["acted"].body.struct.__struct_fields__ == ()
    assert not plans["acted"].merge_patch
    assert (plans["read"].access, plans["read"].query.struct, plans["read"].body) == (READING, NoQuery, None)
