"""Who is told of what happened to an account, in a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from service.features.accounts.domain import User
from service.features.accounts.events import UserPasswordChanged
from service.features.departures.events import UserDeleted
from service.features.notifications.ports import Recipient
from service.features.notifications.repository import PiccoloRecipients
from service.features.sessions.domain import Session
from service.features.sessions.events import SessionStarted
from service.features.sessions.refresh_tokens import RefreshToken
from service.features.sessions.repository import PiccoloSessions
from service.kernel.actor import Actor, Trace
from service.kernel.events import Event, PublishedEvent
from tests.support.people import People

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    import asyncpg

    from service.wiring import Ports
    from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio

FROM = "2001:db8::7"


class Street:
    """Somebody with an account, and what happens to it."""

    def __init__(self, ports: Ports, connection: asyncpg.Connection[Any], ann: User) -> None:
        self.ports = ports
        self.connection = connection
        self.ann = ann
        self.recipients = PiccoloRecipients(ports.database)

    async def tell(self, event: Event, ip: str | None = FROM) -> PublishedEvent:
        """Publish an event, as its subscribers are told of it."""
        ports = self.ports
        actor = Actor("user", Trace(f"request-{uuid4().hex}", ip, "Firefox"), self.ann.id)
        await ports.database.run(lambda: ports.outbox.publish(actor, event))
        id_ = await self.connection.fetchval("SELECT id FROM events WHERE request_id = $1", actor.trace.request_id)
        return PublishedEvent(
            id_, event.type, ports.clock.now(), self.ann.id, "user", None, event.subject_type, event.subject_id, None,
            event.subject_version, {}, {}, actor.trace.request_id,
        )  # fmt: skip

    async def log_in(self, session_id: UUID) -> PublishedEvent:
        """Another session of hers."""
        now = self.ports.clock.now()
        session = Session(session_id, self.ann.id, now, now + timedelta(days=30), now + timedelta(days=14), None, None, b"n" * 32)
        first = RefreshToken.first(session.id, b"s" * 32, session.nonce)
        await PiccoloSessions(self.ports.database, self.ports.clock).add(session, first)
        return await self.tell(SessionStarted(subject_id=session_id, subject_version=1))

    async def is_first(self, event: PublishedEvent) -> bool:
        found = await self.recipients.find(self.ann.id, event)
        assert found is not None
        return found.is_first


@pytest.fixture
async def street(ports: Ports, connection: asyncpg.Connection[Any], clock: FakeClock) -> AsyncIterator[Street]:
    await ports.database.open()
    try:
        yield Street(ports, connection, await People(ports.database, connection, clock).add("Ann", locale="de-AT"))
    finally:
        await ports.database.close()
        ports.passwords.close()


@pytest.mark.parametrize("ip", [FROM, None])
async def test_the_owner_is_told_at_the_address_of_now_with_where_it_came_from(street: Street, ip: str | None) -> None:
    await street.tell(UserPasswordChanged(subject_id=street.ann.id, subject_version=2), "192.0.2.1")
    event = await street.tell(UserPasswordChanged(subject_id=street.ann.id, subject_version=3), ip)
    found = await street.recipients.find(street.ann.id, event)
    assert found == Recipient("ann@example.com", "de-AT", is_verified=False, ip=ip, is_first=True)
    await street.connection.execute("UPDATE users SET email = 'new@example.com', email_verified_at = now()")
    found = await street.recipients.find(street.ann.id, event)
    assert found is not None
    assert (found.email, found.is_verified) == ("new@example.com", True)


async def test_an_account_that_is_gone_has_nobody_to_tell(street: Street) -> None:
    event = await street.tell(UserPasswordChanged(subject_id=street.ann.id, subject_version=2))
    assert await street.recipients.find(uuid4(), event) is None
    await street.connection.execute("UPDATE users SET deleted_at = now()")
    assert await street.recipients.find(street.ann.id, event) is None


async def test_of_the_deletion_alone_who_is_deleted_is_told_until_the_purge(street: Street) -> None:
    event = await street.tell(UserDeleted(subject_id=street.ann.id, subject_version=2))
    await street.connection.execute("UPDATE users SET deleted_at = now()")
    found = await street.recipients.find(street.ann.id, event)
    assert found is not None
    assert found.email == "ann@example.com"
    await street.connection.execute("UPDATE users SET purged_at = now()")
    assert await street.recipients.find(street.ann.id, event) is None


async def test_of_two_logins_at_once_one_is_the_first(street: Street) -> None:
    first_id, second_id = uuid7(), uuid7()
    second = await street.log_in(second_id)
    first = await street.log_in(first_id)
    assert (await street.is_first(first), await street.is_first(second)) == (True, False)


async def test_of_an_account_that_is_a_week_old_nobody_knows_which_login_is_the_first(street: Street, clock: FakeClock) -> None:
    clock.time = street.ann.created_at + timedelta(days=7)
    assert not await street.is_first(await street.log_in(uuid7()))
    await street.connection.execute("DELETE FROM sessions")
    clock.time -= timedelta(seconds=1)
    assert await street.is_first(await street.log_in(uuid7()))
