"""Codes used by many at once: each starts one session."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.scenes import PASSWORD, a_user
from tests.support.second_factors import Armed, armed, first_step, wrong

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

SESSIONS = "SELECT count(*) FROM sessions WHERE user_id = $1::uuid"
FAILURES = "SELECT count(*) FROM audit_events WHERE action = 'mfa.failed' AND target_id = $1::uuid"


async def statuses(crowd: Api, sent: Iterable[tuple[str, str]]) -> Counter[int]:
    """How often each status answers codes that are sent side by side."""
    answers = await asyncio.gather(
        *(crowd.post("/auth/mfa/verify", {"mfa_token": token, "code": code}) for token, code in sent)
    )  # fmt: skip
    return Counter(answer.status_code for answer in answers)


async def one_token(crowd: Api, ann: Armed, code: str, times: int) -> Counter[int]:
    return await statuses(crowd, [(await first_step(crowd, ann), code)] * times)


async def a_token_each(crowd: Api, ann: Armed, recovery_code: str | None, times: int) -> Counter[int]:
    # The wrong ones of the last time have locked the address.
    ann.clock.advance(timedelta(days=1))
    tokens = [await first_step(crowd, ann) for _ in range(times)]
    code = recovery_code or ann.next_code()
    return await statuses(crowd, [(token, code) for token in tokens])


async def test_one_login_with_one_code_starts_one_session(
    crowd: Api, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await armed(await a_user(crowd), clock)
    before = await connection.fetchval(SESSIONS, ann.person.user["id"])
    assert await one_token(crowd, ann, ann.next_code(), 20) == {200: 1, 401: 19}
    assert await one_token(crowd, ann, ann.recovery_codes[0], 20) == {200: 1, 401: 19}
    assert await connection.fetchval(SESSIONS, ann.person.user["id"]) == before + 2


async def test_many_logins_with_one_code_start_one_session(crowd: Api, clock: FakeClock) -> None:
    ann = await armed(await a_user(crowd), clock)
    assert await a_token_each(crowd, ann, None, 10) == {200: 1, 401: 9}
    assert await a_token_each(crowd, ann, ann.recovery_codes[0], 10) == {200: 1, 401: 9}


async def test_tries_that_are_made_at_once_are_counted_each(
    crowd: Api, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    ann = await armed(await a_user(crowd), clock)
    token = await first_step(crowd, ann)
    assert await statuses(crowd, [(token, wrong(ann.secret, clock))] * 20) == {401: 20}
    assert await connection.fetchval("SELECT tries FROM mfa_challenges") == 5
    assert await connection.fetchval(FAILURES, ann.person.user["id"]) == 5
    assert await connection.fetchval("SELECT count(*) FROM login_throttles WHERE locked_until IS NOT NULL") == 1
    assert await statuses(crowd, [(token, ann.next_code())]) == {401: 1}


async def test_turning_it_off_and_on_at_once_ends_one_way_or_the_other(crowd: Api, clock: FakeClock) -> None:
    person = await a_user(crowd)
    ann = await armed(person, clock)
    code = ann.next_code()
    token = await first_step(crowd, ann)
    calls = [person.post(f"/auth/mfa/{path}", {"password": PASSWORD}) for path in ("totp/remove", "recovery-codes", "totp") * 4]
    answers = await asyncio.gather(*calls, crowd.post("/auth/mfa/verify", {"mfa_token": token, "code": code}))
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 401, 409}
    assert made(await person.get("/users/me"))["mfa_enabled"] is False


@pytest.mark.slow
async def test_fifty_uses_of_one_code_start_one_session_twenty_times(crowd: Api, clock: FakeClock) -> None:
    ann = await armed(await a_user(crowd), clock)
    for _ in range(20):
        assert await one_token(crowd, ann, ann.next_code(), 50) == {200: 1, 401: 49}


@pytest.mark.slow
async def test_fifty_uses_of_one_recovery_code_start_one_session_twenty_times(crowd: Api, clock: FakeClock) -> None:
    for _ in range(2):
        ann = await armed(await a_user(crowd), clock)
        for code in ann.recovery_codes:
            assert await a_token_each(crowd, ann, code, 50) == {200: 1, 401: 49}
