"""Labels in PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
from piccolo.querystring import QueryString

from service.adapters.database import Database, Param, Statement
from service.adapters.database.failures import constraint_of
from service.adapters.database.lists import Condition, Key, ListStatements
from service.features.labels.domain import Label, LabelNotFound, LabelState, LabelTaken, name_key
from service.features.labels.ports import Labels
from service.features.labels.tables import LabelRow
from service.features.projects.tables import MembershipRow
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from piccolo.query import Select

    from service.kernel.actor import Actor
    from service.kernel.paging import Slice, Window

_L = LabelRow


def _select() -> Select[Any]:
    return _L.select(_L.id, _L.project, _L.name, _L.color, _L.created_at, _L.updated_at, _L.version)


def _visible() -> QueryString:
    mine = MembershipRow.select(MembershipRow.project).where(MembershipRow.user == Param(1)).querystrings[0]
    return QueryString("({}::boolean OR {} IN ({}))", Param(2), _L.project, mine)


FIND = Statement(lambda: _select().where(_L.id == Param(3)).where(_L.project.deleted_at.is_null()).where(_visible()))
LIST = ListStatements(
    _select,
    {"name": Key(_L.name, str), "created_at": Key(_L.created_at, datetime)},
    _L.id,
    counted=lambda: _L.select(_L.id),
)
PROJECT_OF = Statement(lambda: _L.select(_L.project).where(_L.id == Param(1)))
COUNT = Statement(lambda: QueryString("SELECT count(*) FROM labels WHERE project_id = {}", Param(1)))
LOCK = Statement(
    lambda: QueryString(
        "SELECT id, project_id, name, color, version, field_versions FROM labels WHERE id = {} FOR UPDATE", Param(1)
    )
)
ADD = Statement(
    lambda: QueryString(
        "INSERT INTO labels (id, project_id, name, name_key, color, created_at, updated_at, version, field_versions) "
        "VALUES ({}, {}, {}, {}, {}, {}, {}, {}, jsonb_build_object())",
        *(Param(number) for number in range(1, 9)),
    )
)
CHANGE = Statement(
    lambda: QueryString(
        "UPDATE labels SET name = {}, name_key = {}, color = {}, updated_at = {}, version = version + 1, "
        "field_versions = field_versions || {}::jsonb WHERE id = {}",
        *(Param(number) for number in (2, 3, 4, 5, 6, 1)),
    )
)
DELETE = Statement(lambda: QueryString("DELETE FROM labels WHERE id = {}", Param(1)))


class PiccoloLabels(Labels):
    """Fills ports.Labels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, actor: Actor, reference: str) -> Label:
        """See ports.Labels."""
        label_id = parse_id(reference)
        row = label_id and await self._database.fetch_row(FIND, actor.id, actor.is_admin, label_id)
        if not row or not actor.reaches(row[1]):
            raise LabelNotFound
        return _label(row)

    async def page(self, project_id: UUID, window: Window) -> Slice[Label]:
        """See ports.Labels."""
        within = Condition("project", lambda project: _L.project == project, project_id, generic=True)
        return await LIST.page(self._database, [within], window, _label)

    async def project_of(self, reference: str) -> UUID:
        """See ports.Labels."""
        label_id = parse_id(reference)
        row = label_id and await self._database.fetch_row(PROJECT_OF, label_id)
        if not row:
            raise LabelNotFound
        project_id: UUID = row[0]
        return project_id

    async def lock(self, reference: str) -> LabelState:
        """See ports.Labels."""
        label_id = parse_id(reference)
        row = label_id and await self._database.fetch_row(LOCK, label_id)
        if not row:
            raise LabelNotFound
        *columns, field_versions = row
        return LabelState(*[*columns, msgspec.json.decode(field_versions)])

    async def count(self, project_id: UUID) -> int:
        """See ports.Labels."""
        found: int = (await self._database.fetch(COUNT, project_id))[0][0]
        return found

    async def add(self, label: Label) -> None:
        """See ports.Labels."""
        with _taken(label.name):
            await self._database.fetch(
                ADD, label.id, label.project_id, label.name, name_key(label.name), label.color,
                label.created_at, label.updated_at, label.version,
            )  # fmt: skip

    async def change(self, state: LabelState, changes: Mapping[str, Any], now: datetime) -> int:
        """See ports.Labels."""
        version = state.version + 1
        name, color = changes.get("name", state.name), changes.get("color", state.color)
        stamped = msgspec.json.encode(dict.fromkeys(changes, version)).decode()
        with _taken(name):
            await self._database.fetch(CHANGE, state.id, name, name_key(name), color, now, stamped)
        return version

    async def delete(self, label_id: UUID) -> None:
        """See ports.Labels."""
        await self._database.fetch(DELETE, label_id)


def _label(row: Iterable[Any]) -> Label:
    return Label(*row)


@contextmanager
def _taken(name: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        if constraint_of(error) != "labels_name_unique":
            raise
        message = f"The project has a label {name!r} already, in these or other capitals; choose another name."
        raise LabelTaken(message) from error
