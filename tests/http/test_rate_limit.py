"""Limits per address and for everyone: which routes have them, what a caller is told, and what is left behind."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from service.app import create_app
from service.composition import compose
from service.http.routes import Pace, Policy, handlers
from service.settings import Limits, Settings
from tests.support import raw
from tests.support.raw import HOST, JSON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg
    from litestar import Litestar

    from tests.support.fakes import FakeClock
    from tests.support.raw import Answer

pytestmark = pytest.mark.anyio

LOGIN = b'{"email": "nobody@example.com", "password": "Wrong-horse-8-battery"}'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, rate_limits="on", limits=Limits(per_address=3, overall=8), trusted_proxies=("192.0.2.7/32",))


@pytest.fixture
async def instances(
    settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> AsyncIterator[tuple[Litestar, Litestar]]:
    """The service twice, on one database."""
    async with AsyncExitStack() as stack:
        apps = [create_app(settings, compose(settings, clock=clock)) for _ in range(2)]
        for app in apps:
            await stack.enter_async_context(app.lifespan())
        yield apps[0], apps[1]


@pytest.fixture
def one(instances: tuple[Litestar, Litestar]) -> Litestar:
    return instances[0]


async def login(app: Litestar, ip: str = "198.51.100.7", body: bytes = LOGIN, path: str = "login") -> Answer:
    headers = [HOST, JSON, (b"x-forwarded-for", ip.encode())]
    return await raw.call(app, "POST", f"/api/v1/auth/{path}", headers=headers, body=body)


@pytest.fixture
async def seen(connection: asyncpg.Connection[Any]) -> int:
    """How far the audit went before the test: it is never emptied."""
    number: int = await connection.fetchval("SELECT coalesce(max(sequence), 0) FROM audit_events")
    return number


async def throttled(connection: asyncpg.Connection[Any], seen: int) -> list[tuple[Any, ...]]:
    """What the audit has of refusals since then."""
    rows = await connection.fetch(
        "SELECT ip, target_type, reason, outcome, actor_kind FROM audit_events "
        "WHERE action = 'request.throttled' AND sequence > $1 ORDER BY sequence",
        seen,
    )
    return [tuple(row) for row in rows]


async def test_a_caller_is_told_what_is_left_and_refused_when_nothing_is(one: Litestar) -> None:
    for left in (2, 1, 0):
        answer = await login(one)
        assert answer.status == 401
        assert answer.header("ratelimit-policy") == '"address";q=3;w=60, "overall";q=8;w=60'
        assert answer.header("ratelimit") == f'"address";r={left};t=60, "overall";r={left + 5};t=60'
    answer = await login(one)
    assert (answer.status, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.json()["detail"] == "Your address has sent its 3 requests; send the next in 60 s."
    assert answer.header("retry-after") == "60"
    assert answer.header("ratelimit") == '"address";r=0;t=60'


async def test_another_address_and_another_route_go_on_and_so_does_the_same_one_a_minute_later(
    one: Litestar, clock: FakeClock
) -> None:
    assert [(await login(one)).status for _ in range(4)] == [401, 401, 401, 429]
    assert (await login(one, "198.51.100.8")).status == 401
    assert (await login(one, path="verify-email/resend", body=b'{"email": "nobody@example.com"}')).status == 202
    clock.advance(timedelta(seconds=60))
    assert (await login(one)).status == 401


async def test_addresses_of_one_ipv6_household_count_as_one(one: Litestar) -> None:
    answers = [await login(one, f"2001:db8:1:2:{number}::1") for number in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert (await login(one, "2001:db8:1:3::1")).status == 401


async def test_everyone_together_has_a_limit_and_a_single_address_can_not_use_it_up(
    one: Litestar, connection: asyncpg.Connection[Any], seen: int
) -> None:
    for _ in range(20):
        await login(one)
    answers = [await login(one, f"198.51.100.{number}") for number in range(20, 27)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 2
    assert answers[-1].json()["code"] == "too_many_requests_overall"
    assert answers[-1].header("ratelimit") == '"address";r=2;t=60, "overall";r=0;t=60'
    assert answers[-1].header("retry-after") == "60"
    assert await throttled(connection, seen) == [
        ("198.51.100.7", "login", "too_many_requests", "failure", "anonymous"),
        ("198.51.100.25", "login", "too_many_requests_overall", "failure", "anonymous"),
    ]


async def test_parallel_requests_to_two_instances_pass_exactly_as_often_as_the_limit_says(
    instances: tuple[Litestar, Litestar], connection: asyncpg.Connection[Any], clock: FakeClock, seen: int
) -> None:
    for _ in range(3):
        answers = await asyncio.gather(*(login(instances[number % 2]) for number in range(30)))
        statuses = [answer.status for answer in answers]
        assert (statuses.count(401), statuses.count(429)) == (3, 27)
        clock.advance(timedelta(seconds=60))
    assert await throttled(connection, seen) == [("198.51.100.7", "login", "too_many_requests", "failure", "anonymous")] * 3


async def test_a_refused_request_costs_one_statement_and_is_neither_read_nor_hashed(one: Litestar) -> None:
    for _ in range(4):
        await login(one)
    statements: list[str] = []
    one.state.ports.database.observer = statements.append
    one.state.ports.passwords.close()
    answer = await login(one, body=b"{")
    assert answer.status == 429
    assert len(statements) == 1


async def test_a_request_that_is_refused_for_another_reason_counts_too(one: Litestar) -> None:
    answers = [await login(one, body=body) for body in (b"{", b"{}", b"[]", LOGIN)]
    assert [answer.status for answer in answers] == [400, 422, 422, 429]


async def test_refreshing_which_clients_do_all_the_time_has_ten_times_the_limit(one: Litestar) -> None:
    answer = await login(one, path="refresh", body=b'{"refresh_token": "none"}')
    assert answer.header("ratelimit-policy") == '"address";q=30;w=60, "overall";q=80;w=60'


async def test_who_has_a_token_and_who_only_reads_is_not_limited(one: Litestar) -> None:
    limited = {handler.name for _, handler in handlers(one) if handler.opt["pace"] is not None}
    for _, handler in handlers(one):
        public = handler.opt["access"].policy is Policy.PUBLIC
        assert (handler.name in limited) == (public and handler.http_methods != {"GET"})
    assert {"login", "register", "refresh", "confirm_password_reset"} <= limited
    paces = {handler.name: handler.opt["pace"] for _, handler in handlers(one)}
    assert [name for name, pace in paces.items() if pace is Pace.ROUTINE] == ["refresh"]
    answer = await raw.call(one, "GET", "/api/v1/health")
    assert (answer.header("ratelimit"), answer.header("ratelimit-policy")) == (None, None)


async def test_limits_that_are_off_cost_nothing(settings: Settings, connection: asyncpg.Connection[Any]) -> None:
    app = create_app(replace(settings, rate_limits="off"))
    async with app.lifespan():
        answers = [await login(app) for _ in range(5)]
    assert [answer.status for answer in answers] == [401] * 5
    assert answers[0].header("ratelimit") is None
    assert await connection.fetchval("SELECT count(*) FROM rate_limits") == 0
