"""Addresses in every spelling, to a real mail server: one account per mailbox, and mail to the stored address only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from service.features.accounts.addresses import UnusableEmail, canonical_email
from service.settings import SmtpUrl
from tests.support.http import Api, made, refused
from tests.support.mailing import relay_of
from tests.support.scenes import PASSWORD
from tests.support.smtp import MailServer, mail_server, token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg

    from service.adapters.outbox.relay import Relay
    from service.settings import Settings
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

# One line per mailbox, in its spellings.
MAILBOXES = [
    ["kim@example.com", "KIM@EXAMPLE.COM", "\u212aim@example.com", "ｋｉｍ@example.com", "Kim@ｅｘａｍｐｌｅ．ｃｏｍ"],
    ["k.im@example.com", "K.IM@example.com"],
    ["kim+work@example.com", "KIM+WORK@example.com"],
    ["mike@example.com", "MIKE@example.com"],
    ["mıke@example.com"],
    ["kim@bücher.example", "kim@xn--bcher-kva.example", "KIM@BÜCHER.example", "kim@bu\u0308cher.example", "kim@bücher。example"],
    ["josé@example.com", "JOSÉ@example.com", "jose\u0301@example.com"],
    ["office@example.com", "o\ufb03ce@example.com"],
    ["sam@example.com", "\u017fam@example.com"],
    ["İrem@example.com", "i\u0307rem@example.com", "İREM@example.com"],
    ["irem@example.com", "IREM@example.com"],
    ["straße@example.com"],
    ["strasse@example.com"],
    ["用户@例子.广告"],
    ["o'brien@example.com", "O'BRIEN@example.com"],
    ["a" * 64 + "@" + ".".join(["b" * 61] * 3) + ".com"],
]
# What is no address, or would be a second line of a header.
REFUSED = [
    "kim@example.com.",
    '"kim"@example.com',
    '"kim\\"@evil.example"@example.com',
    "kim@example.com\r\nBcc: all@evil.example",
    "kim\r\n@example.com",
    "kim@example.com\n",
    "kim@example.com, all@evil.example",
    "Kim <kim@example.com>",
    "kim@example.com\x00",
    "kim@[127.0.0.1]",
    "kim\uff20evil.example@example.com",
    "kim\u202e@example.com",
    "a" * 243 + "@example.com",
    "a" + "é" * 121 + "@example.com",
    "",
    "@",
]
HEADERS = {
    "subject", "from", "to", "date", "message-id", "auto-submitted", "mime-version", "content-type",
    "x-peer", "x-mailfrom", "x-rcptto",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, server: MailServer) -> Settings:
    """An instance that mails by a real server."""
    return replace(settings, smtp_url=SmtpUrl(server.url))


@pytest.fixture
async def relay(settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]) -> AsyncIterator[Relay]:
    """The worker's own relay, in the test's event loop."""
    async with relay_of(settings, clock) as relay:
        yield relay


def wire(address: str) -> str:
    """A stored address as a mail names it: its domain in ASCII."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode() if not domain.isascii() else domain}"


async def test_every_mailbox_has_one_account_and_gets_its_mail_there(
    api: Api, relay: Relay, server: MailServer, connection: asyncpg.Connection[Any]
) -> None:
    stored = []
    for first, *others in MAILBOXES:
        user = made(await api.post("/auth/register", {"email": first, "password": PASSWORD}))
        stored.append(user["email"])
        for other in others:
            refused(await api.post("/auth/register", {"email": other, "password": PASSWORD}), 409, "email_taken")
    assert await connection.fetchval("SELECT count(*) FROM users") == len(MAILBOXES)
    while await relay.run_due():
        pass
    expected = sorted(wire(address) for address in stored)
    assert sorted(server.addresses()) == expected
    server.mails.clear()
    for spellings in MAILBOXES:
        for path in ("/auth/password-reset", "/auth/verify-email/resend"):
            assert (await api.post(path, {"email": spellings[-1]})).status_code in {200, 202}
    while await relay.run_due():
        pass
    # In whatever spelling somebody asks: the mail goes to the one that was registered.
    assert sorted(server.addresses()) == sorted(expected * 2)
    for mail in server.mails:
        assert {name.lower() for name in mail.keys()} <= HEADERS  # noqa: SIM118  (headers are no dict)


@pytest.mark.parametrize("path", ["/auth/register", "/auth/password-reset", "/auth/verify-email/resend", "/auth/login"])
async def test_what_is_no_address_is_refused_and_mails_nothing(
    api: Api, relay: Relay, server: MailServer, connection: asyncpg.Connection[Any], path: str
) -> None:
    for text in REFUSED:
        with pytest.raises(UnusableEmail):
            canonical_email(text)
        body = {"email": text} | ({"password": PASSWORD} if path in {"/auth/register", "/auth/login"} else {})
        refused(await api.post(path, body), 422, "validation_failed")
    assert await relay.run_due() == 0
    assert server.mails == []
    assert await connection.fetchval("SELECT count(*) FROM users") == 0
    assert await connection.fetchval("SELECT count(*) FROM mail_requests") == 0


async def test_an_account_can_t_take_another_spelling_of_a_mailbox_that_has_one(
    api: Api, relay: Relay, server: MailServer
) -> None:
    made(await api.post("/auth/register", {"email": "kim@bücher.example", "password": PASSWORD}))
    made(await api.post("/auth/register", {"email": "ann@example.com", "password": PASSWORD}))
    token = made(await api.post("/auth/login", {"email": "ann@example.com", "password": PASSWORD}))["access_token"]
    ann = api.as_user(token, {})
    while await relay.run_due():
        pass
    server.mails.clear()
    for spelling in ("KIM@xn--bcher-kva.example", "\u212aim@BÜCHER.example"):
        body = {"new_email": spelling, "password": PASSWORD}
        assert (await ann.post("/auth/email-change", body)).status_code == 202
        await relay.run_due()
        mail = server.mails.pop()
        assert wire(canonical_email(spelling)[0]) == mail["To"]
        refused(await api.post("/auth/email-change/confirm", {"token": token_in(mail)}), 409, "email_taken")
