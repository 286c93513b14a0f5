"""Whoever names an address learns nothing of whether it has an account: not by the answer, and not by what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.support.http import Api, made, refused
from tests.support.mailing import Post, dumped, relay_of
from tests.support.scenes import PASSWORD
from tests.support.smtp import text_of, token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg
    import httpx

    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

KNOWN, UNKNOWN = "known@example.com", "nobody@example.com"
OTHER_PASSWORD = "wandering-otter-38"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """An instance that conceals who has an account, with mail files of its own."""
    return replace(settings, data_dir=tmp_path, registration="conceal")


@pytest.fixture
async def post(settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]) -> AsyncIterator[Post]:
    """The worker's own relay, in the test's event loop."""
    async with relay_of(settings, clock) as relay:
        yield Post(settings, relay)


async def register(api: Api, email: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
    return await api.post("/auth/register", {"email": email, "password": password, **fields})


@pytest.fixture
async def known(api: Api, post: Post) -> str:
    """An address that has a verified account."""
    assert (await register(api, KNOWN, full_name="Kim Known")).status_code == 202
    token = await post.token("Verify your e-mail address")
    assert (await api.post("/auth/verify-email", {"token": token})).status_code == 204
    return KNOWN


async def login(api: Api, email: str, password: str = PASSWORD) -> httpx.Response:
    return await api.post("/auth/login", {"email": email, "password": password})


@pytest.mark.parametrize(
    ("path", "status", "more"),
    [
        ("/auth/register", 202, {"password": OTHER_PASSWORD, "full_name": "A Name"}),
        ("/auth/password-reset", 200, {}),
        ("/auth/verify-email/resend", 202, {}),
    ],
)
async def test_known_and_unknown_addresses_are_answered_alike_and_cost_the_same(
    api: Api, known: str, connection: asyncpg.Connection[Any], path: str, status: int, more: dict[str, str]
) -> None:
    seen: list[tuple[Any, ...]] = []
    hashed = counted_hashes(api)
    for address in (known, UNKNOWN):
        hashed.clear()
        before = await counts(connection)
        statements = api.statements()
        response = await api.post(path, {"email": address, **more})
        rows = {table: after - before[table] for table, after in (await counts(connection)).items()}
        own = {"x-request-id", "x-change-cursor", "date"}
        headers = {name: value for name, value in response.headers.items() if name not in own}
        seen.append((response.status_code, response.content, headers, list(statements), rows, len(hashed)))
        assert response.headers["x-change-cursor"]
    assert seen[0] == seen[1]
    assert seen[0][0] == status
    rows = seen[0][4]
    assert {table for table, number in rows.items() if number} == {"mail_requests", "events", "deliveries", "audit_events"}
    assert seen[0][5] == (1 if more else 0)


def counted_hashes(api: Api) -> list[str]:
    """A list that every password is written to which is hashed from now on."""
    passwords = api.app.state.ports.passwords
    hashed: list[str] = []
    real = passwords.hash

    async def hash_(password: str) -> str:
        hashed.append(password)
        result: str = await real(password)
        return result

    passwords.hash = hash_
    return hashed


async def counts(connection: asyncpg.Connection[Any]) -> dict[str, int]:
    """How many rows there are."""
    tables = ("users", "mail_requests", "events", "deliveries", "audit_events", "one_time_tokens", "mail_allowances")
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


async def test_who_registers_has_an_account_once_the_mail_is_read(
    api: Api, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    response = await register(api, "Ann@Example.com", full_name="Ann Example")
    assert (response.status_code, list(response.json())) == (202, ["message"])
    (mail,) = await post.delivered()
    assert mail["To"] == "Ann@example.com"
    assert await connection.fetchval("SELECT count(*) FROM mail_requests") == 0
    refused(await login(api, "ann@example.com"), 401, "login_failed")
    assert (await api.post("/auth/verify-email", {"token": token_in(mail)})).status_code == 204
    tokens = made(await login(api, "ann@example.com"))
    me = made(await api.as_user(tokens["access_token"], {}).get("/users/me"))
    assert (me["email"], me["full_name"], me["role"], me["version"]) == ("Ann@example.com", "Ann Example", "user", 2)
    told = await connection.fetch("SELECT type, actor_kind FROM events WHERE subject_type = 'user' ORDER BY sequence")
    assert [tuple(row) for row in told] == [("user.registered", "anonymous"), ("user.email_verified", "anonymous")]


async def test_the_login_after_it_tells_nothing_either(api: Api, known: str, post: Post) -> None:
    for address in (known, UNKNOWN):
        assert (await register(api, address, OTHER_PASSWORD)).status_code == 202
    await post.delivered()
    answers = [await login(api, address, OTHER_PASSWORD) for address in (known, UNKNOWN)]
    problems = [refused(answer, 401, "login_failed") for answer in answers]
    assert len({tuple(sorted(problem.items() - {("request_id", problem["request_id"])})) for problem in problems}) == 1


async def test_the_right_password_counts_like_a_wrong_one_until_the_address_is_verified(api: Api, known: str, post: Post) -> None:
    """`known` has another password, UNKNOWN this one and a mail that nobody has read."""
    for address in (known, UNKNOWN):
        assert (await register(api, address, OTHER_PASSWORD)).status_code == 202
    await post.delivered()
    seen: list[list[tuple[Any, ...]]] = []
    for address in (known, UNKNOWN):
        seen.append([])
        for _ in range(6):
            statements = api.statements()
            answer = await login(api, address, OTHER_PASSWORD)
            problem = answer.json() | {"request_id": None}
            seen[-1].append((answer.status_code, problem, answer.headers.get("retry-after"), list(statements)))
    assert seen[0] == seen[1]
    assert [problem["code"] for _, problem, _, _ in seen[0]] == ["login_failed"] * 5 + ["login_locked"]


async def test_who_has_an_account_is_told_that_somebody_tried_and_keeps_the_password(
    api: Api, known: str, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    for _ in range(4):
        await register(api, known.upper(), OTHER_PASSWORD, full_name="Visit evil.example")
    found = await post.delivered()
    # With the mail that verified the address, its share of this hour.
    assert [(mail["To"], mail["Subject"]) for mail in found] == [(known, "You have an account already")] * 2
    assert "evil" not in found[0].as_string()
    assert "?token=" not in text_of(found[0])
    assert await connection.fetchval("SELECT count(*) FROM users") == 1
    made(await login(api, known))
    refused(await login(api, known, OTHER_PASSWORD), 401, "login_failed")


async def test_a_registration_that_is_handled_twice_makes_one_account_and_tells_nobody(
    api: Api, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    await register(api, UNKNOWN)
    assert [mail["Subject"] for mail in await post.delivered()] == ["Verify your e-mail address"]
    # As after a worker that was killed before it could say that the delivery is done.
    await connection.execute(
        "INSERT INTO deliveries (id, event_sequence, subscriber, attempts, next_attempt_at, created_at) "
        "SELECT gen_random_uuid(), sequence, 'registration_attempt_mails', 1, '2000-01-01', now() "
        "FROM events WHERE type = 'registration.requested'"
    )
    assert await post.delivered() == []
    assert await connection.fetchval("SELECT count(*) FROM deliveries") == 0
    assert await connection.fetchval("SELECT count(*) FROM users") == 1


async def test_two_who_register_one_address_at_once_make_one_account(
    api: Api, post: Post, connection: asyncpg.Connection[Any], clock: FakeClock
) -> None:
    for number in range(5):
        await register(api, UNKNOWN, f"{OTHER_PASSWORD}-{number}")
    await post.delivered()
    await connection.execute("UPDATE deliveries SET next_attempt_at = $1", clock.now())
    await post.delivered()
    assert await connection.fetchval("SELECT count(*) FROM users") == 1
    assert await connection.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_an_account_that_is_deactivated_is_not_told(
    api: Api, known: str, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute("UPDATE users SET is_active = false")
    await register(api, known)
    assert await post.delivered() == []


async def test_what_was_sent_is_gone_once_it_is_handled(
    api: Api, known: str, post: Post, connection: asyncpg.Connection[Any]
) -> None:
    await register(api, known, OTHER_PASSWORD, full_name="Somebody Else")
    await post.delivered()
    everything = await dumped(connection)
    assert "Somebody Else" not in everything
    assert OTHER_PASSWORD not in everything
    assert everything.count("$argon2id$") == 1


async def test_a_bad_password_is_refused_alike_for_known_and_unknown(api: Api, known: str) -> None:
    answers = [await register(api, address, "password123") for address in (known, UNKNOWN)]
    errors = [refused(answer, 422, "validation_failed")["errors"] for answer in answers]
    assert errors[0] == errors[1]
