"""From registering to a verified address: the mail arrives whatever fails on the way, and its token is nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import asyncpg
import pytest
import structlog
from msgspec.structs import replace

import service
from service.adapters.logs import configure_logs
from service.settings import Settings, SmtpUrl
from tests.support.http import Api, made, refused
from tests.support.mailing import dumped, emptied, mails, relay_of
from tests.support.scenes import PASSWORD, a_user
from tests.support.smtp import MailServer, mail_server, token_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from service.adapters.outbox.relay import Relay
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Mails of this test are files of its own."""
    return replace(settings, data_dir=tmp_path)


@pytest.fixture
async def relay(settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]) -> AsyncIterator[Relay]:
    """The worker's own relay, in the test's event loop."""
    async with relay_of(settings, clock) as made:
        yield made


async def verified_at(person: Api) -> object:
    return made(await person.get("/users/me"))["email_verified_at"]


async def test_who_registers_verifies_the_address_by_the_mailed_token(api: Api, relay: Relay, settings: Settings) -> None:
    ann = await a_user(api)
    await relay.run_due()
    (mail,) = mails(settings)
    assert mail["To"] == ann.user["email"]
    assert await verified_at(ann) is None
    response = await api.post("/auth/verify-email", {"token": token_in(mail)})
    assert (response.status_code, response.content) == (204, b"")
    assert await verified_at(ann) is not None
    refused(await api.post("/auth/verify-email", {"token": token_in(mail)}), 400, "invalid_token")


async def test_a_token_is_nowhere_but_in_its_mail(
    api: Api,
    relay: Relay,
    settings: Settings,
    connection: asyncpg.Connection[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("debug")
    try:
        await a_user(api)
        await relay.run_due()
        (mail,) = mails(settings)
        token = token_in(mail)
        before = await dumped(connection)
        assert status_of(await api.post("/auth/verify-email", {"token": token})) == 204
        after = await dumped(connection)
        printed = capsys.readouterr()
    finally:
        structlog.reset_defaults()
    assert "verify" in before
    assert "mail_written" in printed.out
    for place in (before, after, printed.out, printed.err):
        assert token not in place
    assert str(mail["To"]) not in printed.out


def status_of(response: Any) -> int:
    status: int = response.status_code
    return status


async def test_a_token_of_yesterday_is_refused(api: Api, relay: Relay, settings: Settings, clock: FakeClock) -> None:
    await a_user(api)
    await relay.run_due()
    clock.advance(timedelta(hours=24))
    (mail,) = mails(settings)
    refused(await api.post("/auth/verify-email", {"token": token_in(mail)}), 400, "invalid_token")


async def test_asking_again_answers_everybody_alike_and_mails_only_who_waits(api: Api, relay: Relay, settings: Settings) -> None:
    ann, bob = await a_user(api, "Ann"), await a_user(api, "Bob")
    await relay.run_due()
    first = {str(mail["To"]): token_in(mail) for mail in mails(settings)}
    await api.post("/auth/verify-email", {"token": first[bob.user["email"]]})
    emptied(settings)
    addresses = (ann.user["email"].upper(), bob.user["email"], "nobody@example.com")
    answers = [await api.post("/auth/verify-email/resend", {"email": address}) for address in addresses]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted({*answer.headers} - {"x-request-id"})) for answer in answers}) == 1
    assert await relay.run_due() == len(addresses)
    (mail,) = mails(settings)
    assert mail["To"] == ann.user["email"]
    refused(await api.post("/auth/verify-email", {"token": first[ann.user["email"]]}), 400, "invalid_token")
    assert status_of(await api.post("/auth/verify-email", {"token": token_in(mail)})) == 204


@pytest.mark.parametrize("change", ["email_verified_at = now()", "is_active = false", "deleted_at = now()"])
async def test_nothing_is_mailed_to_who_waits_for_nothing_by_now(
    api: Api, relay: Relay, settings: Settings, connection: asyncpg.Connection[Any], change: str
) -> None:
    await a_user(api)
    await connection.execute(f"UPDATE users SET {change}")  # noqa: S608
    await relay.run_due()
    assert mails(settings) == []
    assert await connection.fetchval("SELECT count(*) FROM deliveries") == 0
    assert await connection.fetchval("SELECT count(*) FROM one_time_tokens") == 0


async def test_a_request_sends_no_mail_itself(api: Api, settings: Settings, connection: asyncpg.Connection[Any]) -> None:
    ann = await a_user(api)
    await api.post("/auth/verify-email/resend", {"email": ann.user["email"]})
    assert mails(settings) == []
    waiting = await connection.fetch("SELECT subscriber FROM deliveries ORDER BY created_at, id")
    assert [row[0] for row in waiting] == ["verification_mails", "security_notices", "requested_verification_mails"]
    assert await connection.fetchval("SELECT count(*) FROM one_time_tokens") == 0


async def test_a_mail_server_that_is_down_for_a_minute_delays_a_mail_and_loses_none(
    api: Api, settings: Settings, clock: FakeClock, connection: asyncpg.Connection[Any]
) -> None:
    with mail_server() as server:
        pass
    people = [await a_user(api) for _ in range(3)]
    down_until = clock.now() + timedelta(minutes=1)
    async with relay_of(replace(settings, smtp_url=SmtpUrl(server.url)), clock) as relay:
        tries = 0
        while clock.now() < down_until:
            tries += await relay.run_due()
            clock.advance(timedelta(seconds=5))
        assert tries > len(people)
        errors = await connection.fetch("SELECT last_error FROM deliveries")
        assert {row[0] for row in errors} == {f"The mail server 127.0.0.1:{server.port} can't be used (SMTPConnectError)."}
        with mail_server(server):
            while await connection.fetchval("SELECT count(*) FROM deliveries"):
                clock.advance(timedelta(seconds=5))
                await relay.run_due()
    # The third try comes half a minute after the second, the fourth two minutes after that.
    assert clock.now() - down_until < timedelta(minutes=3)
    assert sorted(server.addresses()) == sorted(person.user["email"] for person in people)
    for mail in server.mails:
        assert status_of(await api.post("/auth/verify-email", {"token": token_in(mail)})) == 204


@contextmanager
def a_worker(settings: Settings, server: MailServer, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running `worklane worker`."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("WORKLANE_")}
    environ = {
        **told,
        "PYTHONPATH": str(Path(service.__file__).parents[1]),
        "DATABASE_URL": settings.database.url or "",
        "WORKLANE_DATA_DIR": str(settings.data_dir),
        "WORKLANE_KEYS_FILE": str(settings.key_ring),
        "WORKLANE_SMTP_URL": server.url,
        "WORKLANE_LOG_LEVEL": "debug",
    }
    command = [sys.executable, "-m", "service.cli", "worker"]
    with log.open("ab") as output, subprocess.Popen(command, env=environ, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.kill()


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code; pytest's own timeout ends a wait in vain."""
    return await anyio.to_thread.run_sync(process.wait)


@pytest.mark.slow
async def test_a_worker_that_is_killed_five_times_still_mails_everybody(
    api: Api, settings: Settings, connection: asyncpg.Connection[Any], tmp_path: Path
) -> None:
    # Nobody logs in: a login would have a delivery of its own.
    people = [f"ann-{number}@example.com" for number in range(6)]
    for email in people:
        made(await api.post("/auth/register", {"email": email, "password": PASSWORD}))
    log = tmp_path / "worker.log"
    with mail_server() as server:
        for number in range(5):
            with a_worker(settings, server, log) as process:
                # In turns before the server has the mail, and after, when nobody has told the worker.
                server.on_mail = lambda process=process, kept=number % 2 == 1: killed(process) and kept  # type: ignore[misc]
                assert await ended(process) == -signal.SIGKILL
            assert await connection.fetchval("SELECT count(*) FROM deliveries") == len(people)
            # The clock of a process can't be moved, so what it waits for is.
            await connection.execute("UPDATE deliveries SET next_attempt_at = now()")
        server.on_mail = lambda: True
        with a_worker(settings, server, log) as process:
            # Another process: nobody here could set an event.
            while await connection.fetchval("SELECT count(*) FROM deliveries"):  # noqa: ASYNC110
                await anyio.sleep(0.02)
            process.terminate()
            assert await ended(process) == 0
    assert set(server.addresses()) == set(people)
    assert len(server.mails) > len(people)
    tokens = [token_in(mail) for mail in server.mails]
    assert len(set(tokens)) == len(tokens)
    everything = await dumped(connection) + log.read_text(encoding="utf-8")
    assert "mail_sent" in everything
    assert not [token for token in tokens if token in everything]
    newest = {str(mail["To"]): token_in(mail) for mail in server.mails}
    for token in newest.values():
        assert status_of(await api.post("/auth/verify-email", {"token": token})) == 204


def killed(process: subprocess.Popen[bytes]) -> bool:
    process.kill()
    return True
