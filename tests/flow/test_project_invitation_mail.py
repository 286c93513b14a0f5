"""From an invitation to a membership: the mailed link works once, tells nothing a stranger wrote, and is nowhere else."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from service import worker
from service.composition import compose
from tests.support.http import Api, made, refused
from tests.support.scenes import a_project, a_user
from tests.support.smtp import text_of, token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from service.adapters.outbox.relay import Relay
    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

ADVERT = "You won, see casino.example.com"


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
async def ann(api: Api, relay: Relay, settings: Settings) -> Api:
    """Ann with a project WEB, the mail of her own registration out of the way."""
    ann = await a_user(api, "Ann")
    await a_project(ann, key="WEB", name=ADVERT, description=ADVERT)
    await relay.run_due()
    empty(settings)
    return ann


def empty(settings: Settings) -> None:
    """Throw every mail away."""
    for path in (settings.data_dir / "mail").glob("*.eml"):
        path.unlink()


def the_mail(settings: Settings) -> EmailMessage:
    (path,) = (settings.data_dir / "mail").glob("*.eml")
    return message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTPUTF8)


async def test_who_has_no_account_yet_registers_and_accepts_by_the_mailed_link(
    api: Api, ann: Api, relay: Relay, settings: Settings, connection: asyncpg.Connection[Any]
) -> None:
    wish = {"email": "bob@example.org", "role": "member"}
    invitation = made(await ann.post("/projects/WEB/invitations", wish))
    assert await connection.fetchval("SELECT token_hash FROM invitations") is None
    assert await relay.run_due() == 1
    mail = the_mail(settings)
    assert (mail["To"], mail["Subject"]) == ("bob@example.org", "An invitation to the project WEB")
    for stranger in (ADVERT, "casino", "Ann"):
        assert stranger not in text_of(mail)
    token = token_in(mail)
    stored = await connection.fetch("SELECT i::text FROM invitations i UNION ALL SELECT e::text FROM events e")
    assert not [row[0] for row in stored if token in row[0]]
    bob = await a_user(api, "Bob")
    await connection.execute(
        "UPDATE users SET email = $1, canonical_email = $1 WHERE id = $2::uuid", "bob@example.org", bob.user["id"]
    )  # fmt: skip
    assert made(await bob.post("/invitations/accept", {"token": token}))["my_role"] == "member"
    refused(await bob.post("/invitations/accept", {"token": token}), 400, "invalid_token")
    refused(await ann.get(f"/invitations/{invitation['id']}"), 404, "invitation_not_found")


async def test_nothing_is_mailed_for_an_invitation_that_was_taken_back(ann: Api, relay: Relay, settings: Settings) -> None:
    invitation = made(await ann.post("/projects/WEB/invitations", {"email": "bob@example.org", "role": "member"}))
    assert (await ann.delete(f"/invitations/{invitation['id']}")).status_code == 204
    assert await relay.run_due() == 1
    assert list((settings.data_dir / "mail").glob("*.eml")) == []
