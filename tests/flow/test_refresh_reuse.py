"""A refresh token that is used again, by many at once on two servers: all are refused, and it is told exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.support.http import made, refused
from tests.support.scenes import PASSWORD, a_user
from tests.support.stored import the_events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from tests.support.http import Api
    from tests.support.serving import Serving

    # Tokens of a session: all that were given out, oldest first, and the newest access token.
    Session = tuple[list[str], str]

pytestmark = pytest.mark.anyio

AT_ONCE = 10


async def refresh(api: Api, session: Session) -> Session:
    """The session one token later."""
    tokens = made(await api.post("/auth/refresh", {"refresh_token": session[0][-1]}))
    return [*session[0], tokens["refresh_token"]], tokens["access_token"]


async def late_parent(api: Api, connection: asyncpg.Connection[Any], session: Session) -> tuple[Session, str]:
    session = await refresh(api, session)
    # The clock of a server can't be moved, so what it compares with is.
    await connection.execute("UPDATE sessions SET last_used_at = last_used_at - interval '11 seconds'")
    return session, session[0][-2]


async def ancestor(api: Api, connection: asyncpg.Connection[Any], session: Session) -> tuple[Session, str]:
    session = await refresh(api, await refresh(api, session))
    return session, session[0][0]


async def after_logout(api: Api, connection: asyncpg.Connection[Any], session: Session) -> tuple[Session, str]:
    assert (await api.as_user(session[1], {}).post("/auth/logout")).status_code == 204
    return session, session[0][-1]


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("use", [late_parent, ancestor, after_logout], ids=lambda use: use.__name__)
async def test_reuse_is_refused_to_all_ends_the_session_and_is_told_once(
    instances: tuple[Api, Api],
    servers: tuple[Serving, Serving],
    connection: asyncpg.Connection[Any],
    use: Callable[[Api, asyncpg.Connection[Any], Session], Awaitable[tuple[Session, str]]],
    rounds: int,
) -> None:
    here, there = instances
    ann = await a_user(here)
    # Of one that is not verified only so many notices are sent.
    await connection.execute("UPDATE users SET email_verified_at = now()")
    for _ in range(rounds):
        tokens = made(await here.post("/auth/login", {"email": ann.user["email"], "password": PASSWORD}))
        session, reused = await use(here, connection, ([tokens["refresh_token"]], tokens["access_token"]))
        body = {"refresh_token": reused}
        answers = await asyncio.gather(*(instances[number % 2].post("/auth/refresh", body) for number in range(AT_ONCE)))
        for answer in answers:
            refused(answer, 401, "token_reused")
        for one in (here, there):
            assert (await one.as_user(session[1], {}).get("/users/me")).status_code == 401
            assert (await one.post("/auth/refresh", {"refresh_token": session[0][-1]})).status_code == 401
        await told_once(connection, jwt.decode(session[1], options={"verify_signature": False})["sid"])
    await nothing_waits(connection)
    letters = [path.read_text(encoding="utf-8") for path in (servers[0].folder / "mail").glob("*token-reuse*.eml")]
    assert len([letter for letter in letters if f"To: {ann.user['email']}" in letter]) == rounds


async def nothing_waits(connection: asyncpg.Connection[Any]) -> None:
    """Return when the worker has delivered everything."""
    while await connection.fetchval("SELECT count(*) FROM deliveries"):  # noqa: ASYNC110  (others empty it)
        await asyncio.sleep(0.02)


async def told_once(connection: asyncpg.Connection[Any], session_id: str) -> None:
    """By one event, and by one entry of the audit that says from where."""
    types = Counter(event["type"] for event in await the_events(connection, session_id))
    assert types["session.reuse_detected"] == 1
    entries = await connection.fetch(
        "SELECT outcome, ip, user_agent, request_id, event_id FROM audit_events "
        "WHERE action = 'session.reuse_detected' AND target_id = $1::uuid",
        session_id,
    )
    (entry,) = entries
    assert (entry["outcome"], entry["ip"]) == ("success", "127.0.0.1")
    assert entry["user_agent"].startswith("python-httpx/")
    assert entry["request_id"]
    assert entry["event_id"]
