"""The outbox: events in one table, written in the transaction of the change that they tell of, readable in commit order.

A sequence number alone lies about that order, since a transaction that took its number early may commit late; so a
row also carries its transaction id, and readers stay below `pg_snapshot_xmin`. Transaction ids start anew when a dump
is restored into another cluster; then start-up opens a new epoch, and older epochs are always visible.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import msgspec
from piccolo.columns import JSONB, UUID, BigInt, BigSerial, Integer, Text, Timestamptz
from piccolo.querystring import QueryString
from piccolo.table import Table

from service.adapters.database import Database, Statement
from service.adapters.database.engine import ENGINE
from service.adapters.database.statements import Param

if TYPE_CHECKING:
    from datetime import datetime

    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.ports import Clock, Ids


class EpochRow(Table, tablename="event_epochs", db=ENGINE):
    """One row per cluster that this data has lived in."""

    epoch = Integer(primary_key=True, default=None)
    system_identifier = BigInt()
    opened_at = Timestamptz(default=None)


class EventRow(Table, tablename="events", db=ENGINE):
    """One row per event; (epoch, xid, sequence) is its place."""

    sequence = BigSerial(primary_key=True)
    id = UUID(default=None, unique=True)
    epoch = Integer(default=None)
    xid = BigInt(default=None)
    type = Text(default=None)
    time = Timestamptz(default=None)
    actor_id = UUID(null=True, default=None)
    actor_kind = Text(default=None)
    project_id = UUID(null=True, default=None)
    subject_type = Text(default=None)
    subject_id = UUID(default=None)
    subject_key = Text(null=True, default=None)
    subject_version = Integer(default=None)
    changes = JSONB(default="{}")
    data = JSONB(default="{}")
    request_id = Text(default=None)


_COLUMNS = (
    "id, type, time, actor_id, actor_kind, project_id, subject_type, subject_id, subject_key, subject_version, "
    "changes, data, request_id"
)
_TYPES = "uuid, text, timestamptz, uuid, text, uuid, text, uuid, text, integer, jsonb, jsonb, text"


def _insert() -> QueryString:
    # Arrays, so that one event and a thousand are one statement.
    arrays = ", ".join(f"{{}}::{type_.strip()}[]" for type_ in _TYPES.split(","))
    epoch = EpochRow.select(QueryString("max(epoch)")).querystrings[0]
    return QueryString(
        f"INSERT INTO events (epoch, xid, {_COLUMNS}) "
        f"SELECT ({{}}), pg_current_xact_id()::text::bigint, told.* FROM unnest({arrays}) AS told ({_COLUMNS}) "
        "RETURNING epoch, xid, sequence",
        epoch,
        *(Param(number) for number in range(1, 14)),
    )


INSERT = Statement(_insert)

OPEN_EPOCH = Statement(
    lambda: QueryString(
        "INSERT INTO event_epochs (epoch, system_identifier, opened_at) "
        "SELECT coalesce(max(epoch), 0) + 1, (pg_control_system()).system_identifier, now() FROM event_epochs "
        "HAVING coalesce((array_agg(system_identifier ORDER BY epoch DESC))[1], 0) <> (pg_control_system()).system_identifier "
        "ON CONFLICT (epoch) DO NOTHING"
    )
)


class PostgresOutbox:
    """Fills ports.Outbox."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def publish(self, actor: Actor, *events: Event) -> None:
        """Write the events in the open transaction; note in the actor's trace how far the sequence now goes."""
        self._database.require_unit()
        if not events:
            return
        now = self._clock.now()
        columns = zip(*(self._row(actor, event, now) for event in events), strict=True)
        placed = await self._database.fetch(INSERT, *(list(column) for column in columns))
        actor.trace.change_cursor = cursor(*placed[-1])

    def _row(self, actor: Actor, event: Event, now: datetime) -> tuple[object, ...]:
        return (
            self._ids.new(),
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
        )


def cursor(epoch: int, xid: int, sequence: int) -> str:
    """An opaque place in the sequence of changes."""
    return urlsafe_b64encode(f"{epoch}.{xid}.{sequence}".encode()).decode().rstrip("=")
