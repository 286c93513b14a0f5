"""From an admin's invitation to a login: the mailed link sets the password, and its token is nowhere else."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from service import worker
from service.composition import compose
from tests.support.http import Api, made, refused
from tests.support.scenes import PASSWORD, an_admin
from tests.support.smtp import token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from service.adapters.outbox.relay import Relay
    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

BOB = {"email": "bob@example.com", "full_name": "Bob Example", "role": "user"}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Mails of this test are files of its own."""
    return replace(settings, data_dir=tmp_path)


@pytest.fixture
async def relay(settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]) -> AsyncIterator[Relay]:
    """The worker's own relay, in the test's event loop."""
    ports = compose(settings, clock=clock)
    await ports.database.open()
    try:
        yield worker.work(ports)[0]
    finally:
        await ports.database.close()
        ports.passwords.close()


@pytest.fixture
async def admin(api: Api, connection: asyncpg.Connection[Any], relay: Relay, settings: Settings) -> Api:
    """An admin whose own mail is out of the way."""
    admin = await an_admin(api, connection)
    await relay.run_due()
    for path in (settings.data_dir / "mail").glob("*.eml"):
        path.unlink()
    return admin


def the_mail(settings: Settings) -> EmailMessage:
    (path,) = (settings.data_dir / "mail").glob("*.eml")
    return message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTPUTF8)


async def test_the_mailed_link_sets_the_password_once(api: Api, admin: Api, relay: Relay, settings: Settings) -> None:
    user = made(await admin.post("/users", BOB))
    assert await relay.run_due() == 1
    mail = the_mail(settings)
    assert mail["To"] == "bob@example.com"
    confirmation = {"token": token_in(mail), "new_password": PASSWORD}
    made(await api.post("/auth/password-reset/confirm", confirmation))
    refused(await api.post("/auth/password-reset/confirm", confirmation), 400, "invalid_token")
    tokens = made(await api.post("/auth/login", {"email": "bob@example.com", "password": PASSWORD}))
    bob = made(await api.as_user(tokens["access_token"], user).get("/users/me"))
    assert (bob["id"], bob["email_verified_at"] is not None, bob["version"]) == (user["id"], True, 2)


async def test_the_token_is_made_for_the_mail_and_lives_a_day(
    api: Api, admin: Api, relay: Relay, settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    made(await admin.post("/users", BOB))
    assert await connection.fetchval("SELECT count(*) FROM one_time_tokens WHERE purpose = 'password'") == 0
    await relay.run_due()
    token = token_in(the_mail(settings))
    stored = await connection.fetch("SELECT t::text FROM one_time_tokens t UNION ALL SELECT e::text FROM events e")
    assert not [row[0] for row in stored if token in row[0]]
    clock.advance(timedelta(hours=24))
    refused(
        await api.post("/auth/password-reset/confirm", {"token": token, "new_password": PASSWORD}), 400, "invalid_token"
    )  # fmt: skip


async def test_nothing_is_mailed_to_who_was_deactivated_meanwhile(admin: Api, relay: Relay, settings: Settings) -> None:
    user = made(await admin.post("/users", BOB))
    made(await admin.post(f"/users/{user['id']}/deactivate"))
    assert await relay.run_due() == 1
    assert list((settings.data_dir / "mail").glob("*.eml")) == []
