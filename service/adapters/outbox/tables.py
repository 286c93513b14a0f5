"""How events and their deliveries are stored."""

from piccolo.columns import JSONB, UUID, BigInt, BigSerial, Bytea, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE


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
    # The personal access token that was used, if one was.
    token_id = UUID(null=True, default=None)
    # In whose history the event stands, where that is not its subject's own.
    about_id = UUID(null=True, default=None)


class AuditRow(Table, tablename="audit_events", db=ENGINE):
    """One row per act that the audit keeps; `event` names the event that tells of it, if one does. Only ever added to."""

    sequence = BigSerial(primary_key=True)
    id = UUID(default=None, unique=True)
    time = Timestamptz(default=None)
    action = Text(default=None)
    outcome = Text(default=None)
    reason = Text(null=True, default=None)
    actor_id = UUID(null=True, default=None)
    actor_kind = Text(default=None)
    session_id = UUID(null=True, default=None)
    token_id = UUID(null=True, default=None)
    target_type = Text(null=True, default=None)
    target_id = UUID(null=True, default=None)
    target_digest = Bytea(null=True, default=None)
    event_id = UUID(null=True, default=None)
    request_id = Text(default=None)
    ip = Text(null=True, default=None)
    user_agent = Text(null=True, default=None)


class DeliveryRow(Table, tablename="deliveries", db=ENGINE):
    """One row per event and subscriber, from the change's own transaction until the subscriber has done its work."""

    id = UUID(primary_key=True, default=None)
    event = ForeignKey(
        EventRow, target_column=EventRow.sequence, db_column_name="event_sequence", on_delete=OnDelete.cascade, null=False
    )
    subscriber = Text(default=None)
    # Begun ones: whoever claims the row counts, whatever becomes of it.
    attempts = Integer(default=None)
    next_attempt_at = Timestamptz(default=None)
    # In words that hold no secret: see relay.described.
    last_error = Text(null=True, default=None)
    # After the last attempt; such a row waits for the operator.
    dead_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)
