"""The worker's relay in a test's own loop, the mails that it wrote, and everything that the database holds."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING, Any

from service import worker
from service.composition import compose
from tests.support.smtp import token_in

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.outbox.relay import Relay
    from service.settings import Settings
    from tests.support.fakes import FakeClock


class relay_of:  # noqa: N801  (a context manager)
    """The relay of a worker with these settings."""

    def __init__(self, settings: Settings, clock: FakeClock) -> None:
        self._ports = compose(settings, clock=clock)

    async def __aenter__(self) -> Relay:
        await self._ports.database.open()
        return worker.work(self._ports)[0]

    async def __aexit__(self, *_: object) -> None:
        await self._ports.database.close()
        self._ports.passwords.close()


def mails(settings: Settings) -> list[EmailMessage]:
    """The mails that were written, by their addresses."""
    paths = (settings.data_dir / "mail").glob("*.eml")
    found = [message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTPUTF8) for path in paths]
    return sorted(found, key=lambda mail: str(mail["To"]))


def emptied(settings: Settings) -> None:
    """Take the mails away that were written so far."""
    for path in (settings.data_dir / "mail").glob("*.eml"):
        path.unlink()


class Post:
    """The worker's relay, and the mails that it writes."""

    def __init__(self, settings: Settings, relay: Relay) -> None:
        self.settings = settings
        self._relay = relay

    async def delivered(self) -> list[EmailMessage]:
        """What is mailed by all that is due, until nothing is."""
        emptied(self.settings)
        while await self._relay.run_due():
            pass
        return mails(self.settings)

    async def token(self, subject: str | None = None) -> str:
        """The token of the only mail that is due, or of the one with this subject."""
        (mail,) = [mail for mail in await self.delivered() if subject in (None, mail["Subject"])]
        return token_in(mail)


async def dumped(connection: asyncpg.Connection[Any]) -> str:
    """Every value of every row of every table, as text."""
    tables = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
    rows = [await connection.fetch(f"SELECT t::text FROM {table['relname']} AS t") for table in tables]  # noqa: S608
    return "\n".join(row[0] for found in rows for row in found)
