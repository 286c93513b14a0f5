"""What the audit keeps stays as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from service.kernel.actor import Actor, Trace
from service.kernel.audit import AuditEntry
from service.kernel.events import Event

if TYPE_CHECKING:
    from service.wiring import Ports

pytestmark = pytest.mark.anyio


class Audited(Event, frozen=True):
    """A fact that the audit keeps."""

    type = "user.tested"
    audited = True


class Plain(Event, frozen=True):
    """One that it does not keep."""

    type = "task.tested"


@pytest.fixture
def actor() -> Actor:
    trace = Trace(f"audit-{uuid4().hex}", "192.0.2.1", "curl/8")
    return Actor("user", trace, uuid4(), uuid4(), token_id=uuid4())


@pytest.fixture
async def audit(ports: Ports, connection: asyncpg.Connection[Any]) -> Any:
    await ports.database.open()
    try:
        yield ports
    finally:
        await ports.database.close()
        ports.passwords.close()


async def kept(connection: asyncpg.Connection[Any], actor: Actor) -> list[dict[str, Any]]:
    rows = await connection.fetch("SELECT * FROM audit_events WHERE request_id = $1 ORDER BY sequence", actor.trace.request_id)
    return [dict(row) for row in rows]


async def test_an_audited_event_leaves_an_entry_that_points_to_it(
    audit: Ports, connection: asyncpg.Connection[Any], actor: Actor
) -> None:
    user_id = uuid4()
    events = (Plain(subject_id=uuid4(), subject_version=1), Audited(subject_id=user_id, subject_version=1))

    await audit.database.run(lambda: audit.outbox.publish(actor, *events))

    (entry,) = await kept(connection, actor)
    assert entry["event_id"] == await connection.fetchval("SELECT id FROM events WHERE type = 'user.tested'")
    assert (entry["action"], entry["outcome"], entry["target_type"], entry["target_id"]) == (
        "user.tested", "success", "user", user_id,
    )  # fmt: skip
    assert (entry["actor_id"], entry["actor_kind"], entry["session_id"], entry["token_id"]) == (
        actor.user_id, "user", actor.session_id, actor.token_id,
    )  # fmt: skip
    assert (entry["ip"], entry["user_agent"]) == ("192.0.2.1", "curl/8")


async def test_a_failure_leaves_an_entry_without_an_event(
    audit: Ports, connection: asyncpg.Connection[Any], actor: Actor
) -> None:
    nobody = replace(actor, user_id=None, session_id=None, token_id=None)
    entry = AuditEntry(action="login.failed", target_digest=b"d" * 32, reason="login_failed")

    await audit.database.run(lambda: audit.outbox.record(nobody, entry, entry))

    found = await kept(connection, actor)
    assert [(row["action"], row["outcome"], row["reason"], row["target_digest"]) for row in found] == [
        ("login.failed", "failure", "login_failed", b"d" * 32)
    ] * 2
    assert {row["event_id"] for row in found} == {None}


async def test_what_is_undone_leaves_no_entry(audit: Ports, connection: asyncpg.Connection[Any], actor: Actor) -> None:
    async def work() -> None:
        await audit.outbox.publish(actor, Audited(subject_id=uuid4(), subject_version=1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await audit.database.run(work)

    assert await kept(connection, actor) == []


@pytest.mark.parametrize(
    "change", ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events WHERE false", "TRUNCATE audit_events"]
)
async def test_an_entry_can_be_neither_changed_nor_taken_away(connection: asyncpg.Connection[Any], change: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
        await connection.execute(change)
