"""The SQL of the outbox: writing events, claiming deliveries and settling them."""

from __future__ import annotations

from piccolo.querystring import QueryString

from service.adapters.database.statements import Param, Statement
from service.adapters.outbox.tables import DeliveryRow, EpochRow

# Where PostgreSQL tells that there are new deliveries; the message says nothing, whoever hears it looks.
CHANNEL = "worklane_deliveries"

_COLUMNS = (
    "id, type, time, actor_id, actor_kind, project_id, subject_type, subject_id, subject_key, subject_version, "
    "changes, data, request_id"
)
# What is written of an event; subscribers are told the columns above.
_WRITTEN = f"{_COLUMNS}, token_id, about_id"
_TYPES = "uuid, text, timestamptz, uuid, text, uuid, text, uuid, text, integer, jsonb, jsonb, text, uuid, uuid"
_COUNT = _TYPES.count(",") + 1


def _insert(returning: str) -> QueryString:
    # Arrays, so that one event and a thousand are one statement.
    arrays = ", ".join(f"{{}}::{type_.strip()}[]" for type_ in _TYPES.split(","))
    epoch = EpochRow.select(QueryString("max(epoch)")).querystrings[0]
    return QueryString(
        f"INSERT INTO events (epoch, xid, {_WRITTEN}) "
        f"SELECT ({{}}), pg_current_xact_id()::text::bigint, told.* FROM unnest({arrays}) AS told ({_WRITTEN}) "
        f"RETURNING {returning}",
        epoch,
        *(Param(number) for number in range(1, _COUNT + 1)),
    )


def _insert_one() -> QueryString:
    epoch = EpochRow.select(QueryString("max(epoch)")).querystrings[0]
    values = ", ".join("{}" for _ in _TYPES.split(","))
    return QueryString(
        f"INSERT INTO events (epoch, xid, {_WRITTEN}) "
        f"VALUES (({{}}), pg_current_xact_id()::text::bigint, {values}) RETURNING epoch, xid, sequence",
        epoch,
        *(Param(number) for number in range(1, _COUNT + 1)),
    )


INSERT = Statement(lambda: _insert("epoch, xid, sequence"))
# Most writes tell one event, for which fifteen arrays of one are much encoding (64 type checks in asyncpg per write).
INSERT_ONE = Statement(_insert_one)

# Only here is anybody notified: a commit that notifies waits for every other one that does.
INSERT_WITH_DELIVERIES = Statement(
    lambda: QueryString(
        "WITH placed AS ({}), booked AS ("
        "INSERT INTO deliveries (id, event_sequence, subscriber, attempts, next_attempt_at, created_at) "
        "SELECT due.id, placed.sequence, due.subscriber, 0, {}::timestamptz, {}::timestamptz "
        "FROM unnest({}::uuid[], {}::uuid[], {}::text[]) AS due (id, event_id, subscriber) "
        "JOIN placed ON placed.id = due.event_id) "
        f"SELECT epoch, xid, sequence FROM placed, pg_notify('{CHANNEL}', '') ORDER BY sequence",
        _insert("epoch, xid, sequence, id"),
        *(Param(_COUNT + number) for number in (1, 1, 2, 3, 4)),
    )
)  # fmt: skip

# What the first change after a version found there.
VALUES_AT = Statement(
    lambda: QueryString(
        "SELECT DISTINCT ON (changed.field) changed.field, changed.change -> 'old' "
        "FROM events, jsonb_each(changes) AS changed (field, change) "
        "WHERE subject_id = {} AND subject_version > {} AND changed.field = ANY ({}::text[]) "
        "ORDER BY changed.field, subject_version, sequence",
        Param(1), Param(2), Param(3),
    )
)  # fmt: skip

# Of what was purged, events say that something was done to it, and nothing of what it was.
_EMPTIED = "UPDATE events SET changes = jsonb_build_object(), data = jsonb_build_object()"

# With what was told of others in the subject's history: a task takes along what was said on it.
FORGET = Statement(
    lambda: QueryString(
        f"{_EMPTIED} WHERE subject_id = ANY ({{}}::uuid[]) OR coalesce(about_id, subject_id) = ANY ({{}}::uuid[])",
        Param(1),
        Param(1),
    )
)

FORGET_PROJECT = Statement(
    lambda: QueryString(
        "WITH told AS (SELECT sequence FROM events WHERE project_id = {} AND sequence > {} ORDER BY sequence LIMIT {}) "
        f"{_EMPTIED} FROM told WHERE events.sequence = told.sequence RETURNING told.sequence",
        Param(1), Param(2), Param(3),
    )
)  # fmt: skip

_AUDIT = (
    ("id", "uuid"), ("time", "timestamptz"), ("action", "text"), ("outcome", "text"), ("reason", "text"), ("actor_id", "uuid"),
    ("actor_kind", "text"), ("session_id", "uuid"), ("token_id", "uuid"), ("target_type", "text"), ("target_id", "uuid"),
    ("target_digest", "bytea"), ("event_id", "uuid"), ("request_id", "text"), ("ip", "text"), ("user_agent", "text"),
)  # fmt: skip


def _insert_audit() -> QueryString:
    names = ", ".join(name for name, _ in _AUDIT)
    arrays = ", ".join(f"{{}}::{type_}[]" for _, type_ in _AUDIT)
    return QueryString(
        f"INSERT INTO audit_events ({names}) SELECT * FROM unnest({arrays})",
        *(Param(number) for number in range(1, len(_AUDIT) + 1)),
    )


INSERT_AUDIT = Statement(_insert_audit)

OPEN_EPOCH = Statement(
    lambda: QueryString(
        "INSERT INTO event_epochs (epoch, system_identifier, opened_at) "
        "SELECT coalesce(max(epoch), 0) + 1, (pg_control_system()).system_identifier, now() FROM event_epochs "
        "HAVING coalesce((array_agg(system_identifier ORDER BY epoch DESC))[1], 0) <> (pg_control_system()).system_identifier "
        "ON CONFLICT (epoch) DO NOTHING"
    )
)

# Now, the subscribers that this process knows, and how many seconds each attempt is given.
CLAIM = Statement(
    lambda: QueryString(
        "WITH due AS (SELECT id FROM deliveries "
        "WHERE dead_at IS NULL AND next_attempt_at <= {}::timestamptz AND subscriber = ANY ({}::text[]) "
        "ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED) "
        "UPDATE deliveries SET attempts = attempts + 1, next_attempt_at = {}::timestamptz "
        "+ make_interval(secs => ({}::float8[])[least(attempts + 1, cardinality({}::float8[]))]) "
        "FROM due, events AS told WHERE deliveries.id = due.id AND told.sequence = deliveries.event_sequence "
        f"RETURNING deliveries.id, attempts, subscriber, {', '.join(f'told.{name}' for name in _COLUMNS.split(', '))}",
        Param(1), Param(2), Param(1), Param(3), Param(3),
    )
)  # fmt: skip

NEXT_DUE = Statement(
    lambda: QueryString(
        "SELECT min(next_attempt_at) FROM deliveries WHERE dead_at IS NULL AND subscriber = ANY ({}::text[])", Param(1)
    )
)

DONE = Statement(lambda: DeliveryRow.delete().where(DeliveryRow.id == Param(1)))

# Only while the attempt is the newest one: who comes back late must not move another's claim.
FAILED = Statement(
    lambda: DeliveryRow.update(
        {
            DeliveryRow.next_attempt_at: Param(3),
            DeliveryRow.last_error: Param(4),
            DeliveryRow.dead_at: Param(5),
        }
    ).where(DeliveryRow.id == Param(1), DeliveryRow.attempts == Param(2))
)
