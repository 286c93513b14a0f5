"""The outbox: events in one table, written in the transaction of the change that they tell of, readable in commit order.

A sequence number alone lies about that order, since a transaction that took its number early may commit late; so a
row also carries its transaction id, and readers stay below `pg_snapshot_xmin`. Transaction ids start anew when a dump
is restored into another cluster; then start-up opens a new epoch, and older epochs are always visible.

Whoever has subscribed to an event gets a delivery in the same statement; the relay hands it over after COMMIT.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from service.adapters.outbox.statements import (
    FORGET,
    FORGET_PROJECT,
    INSERT,
    INSERT_AUDIT,
    INSERT_ONE,
    INSERT_WITH_DELIVERIES,
    OPEN_EPOCH,
    VALUES_AT,
)
from service.adapters.outbox.tables import AuditRow, DeliveryRow, EpochRow, EventRow
from service.kernel.audit import AuditEntry, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.adapters.database import Database
    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.ports import Clock, Ids

__all__ = ["OPEN_EPOCH", "AuditRow", "DeliveryRow", "EpochRow", "EventRow", "PostgresOutbox", "cursor"]


class PostgresOutbox:
    """Fills ports.Outbox."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, subscribers: Mapping[str, Sequence[str]]) -> None:
        """`subscribers` are the names of those who want to be told, by the type of event."""
        self._database = database
        self._clock = clock
        self._ids = ids
        self._subscribers = subscribers

    async def publish(self, actor: Actor, *events: Event) -> None:
        """Write the events in the open transaction; note in the actor's trace how far the sequence now goes."""
        self._database.require_unit()
        if not events:
            return
        now = self._clock.now()
        if actor.trace.touched is not None:
            actor.trace.touched |= {_about(event) for event in events}
        told = [(self._ids.new(), event) for event in events]
        rows = [_row(id_, actor, event, now) for id_, event in told]
        deliveries = [
            (self._ids.new(), id_, subscriber) for id_, event in told for subscriber in self._subscribers.get(event.type, ())
        ]
        if deliveries:
            placed = await self._database.fetch(INSERT_WITH_DELIVERIES, *_columns(rows), now, *_columns(deliveries))
        elif len(rows) == 1:
            placed = await self._database.fetch(INSERT_ONE, *rows[0])
        else:
            placed = await self._database.fetch(INSERT, *_columns(rows))
        actor.trace.change_cursor = cursor(*placed[-1])
        if kept := [_told(id_, event) for id_, event in told if event.audited]:
            await self._audit(actor, kept, now)

    async def record(self, actor: Actor, *entries: AuditEntry) -> None:
        """Write audit entries that no event stands behind, in the open transaction."""
        self._database.require_unit()
        await self._audit(actor, [(None, entry) for entry in entries], self._clock.now())

    async def forget(self, subject_ids: Collection[UUID]) -> None:
        """See ports.Outbox."""
        self._database.require_unit()
        await self._database.fetch(FORGET, list(subject_ids))

    async def forget_project(self, project_id: UUID, after: int, most: int) -> int | None:
        """See ports.Outbox."""
        self._database.require_unit()
        rows = await self._database.fetch(FORGET_PROJECT, project_id, after, most)
        return max((row[0] for row in rows), default=None)

    async def values_at(self, subject_id: UUID, version: int, fields: Collection[str]) -> Mapping[str, Any]:
        """See ports.Outbox."""
        rows = await self._database.fetch(VALUES_AT, subject_id, version, list(fields))
        return {field: msgspec.json.decode(old) for field, old in rows}

    async def _audit(self, actor: Actor, entries: Sequence[tuple[UUID | None, AuditEntry]], now: datetime) -> None:
        rows = [_audit_row(self._ids.new(), actor, event_id, entry, now) for event_id, entry in entries]
        await self._database.fetch(INSERT_AUDIT, *_columns(rows))


def _about(event: Event) -> tuple[str, UUID]:
    # Whoever sees a project sees what is in it, so the rest goes by itself.
    return ("project", event.project_id) if event.project_id else (event.subject_type, event.subject_id)


def _row(id_: UUID, actor: Actor, event: Event, now: datetime) -> tuple[object, ...]:
    return (
        id_,
        event.type,
        now,
        actor.user_id,
        actor.kind,
        event.project_id,
        event.subject_type,
        event.subject_id,
        event.subject_key,
        event.subject_version,
        msgspec.json.encode(event.changes).decode(),
        msgspec.json.encode(event.data).decode(),
        actor.trace.request_id,
        actor.token_id,
        event.about_id,
    )


def _told(id_: UUID, event: Event) -> tuple[UUID, AuditEntry]:
    entry = AuditEntry(
        action=event.type, outcome=Outcome.SUCCESS, target_type=event.subject_type, target_id=event.subject_id
    )  # fmt: skip
    return id_, entry


def _audit_row(id_: UUID, actor: Actor, event_id: UUID | None, entry: AuditEntry, now: datetime) -> tuple[object, ...]:
    trace = actor.trace
    return (
        id_,
        now,
        entry.action,
        entry.outcome,
        entry.reason,
        actor.user_id,
        actor.kind,
        actor.session_id,
        actor.token_id,
        entry.target_type,
        entry.target_id,
        entry.target_digest,
        event_id,
        trace.request_id,
        trace.ip,
        trace.user_agent,
    )


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def cursor(epoch: int, xid: int, sequence: int) -> str:
    """An opaque place in the sequence of changes."""
    return urlsafe_b64encode(f"{epoch}.{xid}.{sequence}".encode()).decode().rstrip("=")
