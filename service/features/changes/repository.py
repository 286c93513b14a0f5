"""Histories in PostgreSQL, read from the outbox's events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from piccolo.querystring import QueryString

from service.adapters.database import Database
from service.adapters.database.lists import Condition, Key, ListStatements
from service.adapters.outbox import EventRow, cursor
from service.features.changes.domain import EventActor, EventSubject, ToldEvent
from service.features.changes.ports import Histories
from service.features.comments.tables import CommentRow
from service.kernel.events import Change
from service.kernel.paging import Slice, Window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from piccolo.columns import Column
    from piccolo.query import Select

_E = EventRow
_changes = msgspec.json.Decoder(dict[str, Change]).decode


def _shown() -> QueryString:
    # What a deleted comment said is gone for readers, also where it is told that it was said.
    # No EXISTS: for a long history PostgreSQL might read all comments into a hash instead of looking up a page's.
    alive = QueryString("SELECT {} IS NULL FROM comments WHERE {} = {}", CommentRow.deleted_at, CommentRow.id, _E.subject_id)
    text = "CASE WHEN {} = 'comment' AND ({}) IS NOT TRUE THEN {} - 'body' ELSE {} END"
    return QueryString(text, _E.subject_type, alive, _E.changes, _E.changes).as_alias("shown")


def _select() -> Select[Any]:
    columns: tuple[Column | QueryString, ...] = (
        _E.id, _E.epoch, _E.xid, _E.sequence, _E.type, _E.time, _E.actor_id, _E.actor_kind, _E.token_id, _E.project_id,
        _E.subject_type, _E.subject_id, _E.subject_key, _E.subject_version, _shown(), _E.request_id, _E.data,
    )  # fmt: skip
    return _E.select(*columns)


# By sequence: whoever changes a task or comments on it holds the task's row, so that this is also the order of commits.
LIST = ListStatements(_select, {"time": Key(_E.sequence, int)}, _E.id, counted=lambda: _E.select(_E.id))


def _of(subject_id: UUID) -> Condition:
    return Condition(
        "of", lambda p: QueryString("coalesce({}, {}) = {}", _E.about_id, _E.subject_id, p), subject_id, generic=True
    )


class PiccoloHistories(Histories):
    """Fills ports.Histories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, subject_id: UUID, window: Window) -> Slice[ToldEvent]:
        """See ports.Histories."""
        return await LIST.page(self._database, [_of(subject_id)], window, _told)


def _told(row: Iterable[Any]) -> ToldEvent:
    (id_, epoch, xid, sequence, type_, time, actor_id, actor_kind, token_id, project_id, subject_type, subject_id, subject_key,
     subject_version, changes, request_id, data) = row  # fmt: skip
    return ToldEvent(
        id=id_,
        cursor=cursor(epoch, xid, sequence),
        type=type_,
        time=time,
        actor=EventActor(actor_id, actor_kind, token_id),
        project_id=project_id,
        subject=EventSubject(subject_type, subject_id, subject_key, subject_version),
        changes=_changes(changes),
        request_id=request_id,
        data=msgspec.json.decode(data),
    )
