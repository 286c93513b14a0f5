"""Each kind of one-time token, used by many at once: it works once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.adapters.tokens import digest
from tests.support.stored import a_stored_user, insert

if TYPE_CHECKING:
    import asyncpg

    from tests.support.fakes import FakeClock
    from tests.support.http import Api

pytestmark = pytest.mark.anyio

# Path and purpose of each, what is sent beside the token, and whether the account has a password before.
KINDS = {
    "verify": ("/auth/verify-email", "verify", {}, True),
    "reset": ("/auth/password-reset/confirm", "password", {"new_password": "wandering-otter-38"}, True),
    "set-password": ("/auth/password-reset/confirm", "password", {"new_password": "wandering-otter-38"}, False),
    "email-change": ("/auth/email-change/confirm", "email", {}, True),
}


async def raced(crowd: Api, connection: asyncpg.Connection[Any], clock: FakeClock, kind: str, number: int, many: int) -> None:
    """One round: a new account, one token, and all that many uses of it may leave."""
    path, purpose, body, has_password = KINDS[kind]
    actor = await a_stored_user(connection)
    if has_password:
        await connection.execute("UPDATE users SET password_hash = 'hash' WHERE id = $1", actor.id)
    secret, now = f"secret-{kind}-{number}", clock.now()
    new_email = f"new-{number}@example.org" if purpose == "email" else None
    await insert(
        connection, "one_time_tokens", token_hash=digest(secret), user_id=actor.id, purpose=purpose, created_at=now,
        expires_at=now + timedelta(minutes=30), new_email=new_email,
    )  # fmt: skip
    refused_before = await connection.fetchval("SELECT count(*) FROM audit_events WHERE reason = 'invalid_token'")
    answers = await asyncio.gather(*(crowd.post(path, {"token": secret, **body}) for _ in range(many)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] in {200, 204}
    assert statuses[1:] == [400] * (many - 1)
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"invalid_token"}
    assert await connection.fetchval("SELECT version FROM users WHERE id = $1", actor.id) == 2
    assert await connection.fetchval("SELECT count(*) FROM events WHERE subject_id = $1", actor.id) == 1
    refused = await connection.fetchval("SELECT count(*) FROM audit_events WHERE reason = 'invalid_token'") - refused_before
    assert refused == many - 1


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_token_used_by_ten_at_once_works_once(
    crowd: Api, connection: asyncpg.Connection[Any], clock: FakeClock, kind: str
) -> None:
    await raced(crowd, connection, clock, kind, 0, 10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_token_used_by_fifty_at_once_works_once_in_twenty_of_twenty_rounds(
    crowd: Api, connection: asyncpg.Connection[Any], clock: FakeClock, kind: str
) -> None:
    for number in range(20):
        await raced(crowd, connection, clock, kind, number, 50)
