"""How tasks of a project are related: the kinds, how each is stored, and what is refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from service.features.tasks.domain import Status
from service.kernel.errors import Conflict

# The most relations of one task, of all kinds together.
MOST_RELATIONS = 200


class RelationKind(StrEnum):
    """What a task is to another; answers list them in this order."""

    BLOCKED_BY = "blocked_by"
    BLOCKS = "blocks"
    DUPLICATES = "duplicates"
    # Never said by a client: it is `duplicates`, seen from the other task.
    DUPLICATED_BY = "duplicated_by"
    RELATES_TO = "relates_to"


SETTABLE = (RelationKind.BLOCKS, RelationKind.BLOCKED_BY, RelationKind.RELATES_TO, RelationKind.DUPLICATES)
_SEEN_FROM_THE_TARGET = {
    RelationKind.BLOCKS: RelationKind.BLOCKED_BY,
    RelationKind.DUPLICATES: RelationKind.DUPLICATED_BY,
    RelationKind.RELATES_TO: RelationKind.RELATES_TO,
}


class DependencyCycle(Conflict):
    """A task can't wait for itself, by way of others either."""

    code = "dependency_cycle"
    title = "Tasks would block each other in a circle"


class TooManyRelations(Conflict):
    """One of the two tasks has as many relations as it may."""

    code = "too_many_relations"
    title = "A task has too many relations"


class Link(Struct, frozen=True):
    """A relation as it is stored: said by its source, and for both ways alike from the lesser id to the greater."""

    kind: RelationKind
    source_id: UUID
    target_id: UUID


class RelatedTask(Struct, frozen=True):
    """The task at the other end of a relation."""

    id: UUID
    key: str
    title: str
    status: Status


class Relation(Struct, frozen=True):
    """What a task is to another."""

    relation: RelationKind
    task: RelatedTask
    created_at: datetime


class Meeting(Struct, frozen=True):
    """Two tasks of a project: whether they are linked so already, and how many relations the busier one has."""

    is_linked: bool
    most: int


def link(kind: RelationKind, task_id: UUID, other_id: UUID) -> Link:
    """How it is stored that the task is this to the other."""
    if kind is RelationKind.BLOCKED_BY:
        return Link(RelationKind.BLOCKS, other_id, task_id)
    if kind is RelationKind.RELATES_TO:
        return Link(kind, min(task_id, other_id), max(task_id, other_id))
    return Link(kind, task_id, other_id)


def seen(kind: RelationKind, *, from_source: bool) -> RelationKind:
    """A stored kind as one of the two tasks sees it."""
    return kind if from_source else _SEEN_FROM_THE_TARGET[kind]


def refuse_cycle(new: Link, links: Iterable[tuple[UUID, UUID]]) -> None:
    """Guard of a new block; `links` are the blocks by which its target reaches others, as pairs of a source and a target.

    Raises:
        DependencyCycle: the source is one of those; `cycle` is the shortest circle, in which each blocks the next.
    """
    blocked: dict[UUID, list[UUID]] = {}
    for source, target in links:
        blocked.setdefault(source, []).append(target)
    came_from: dict[UUID, UUID] = {new.target_id: new.source_id}
    waiting = deque([new.target_id])
    while waiting:
        task_id = waiting.popleft()
        for further in blocked.get(task_id, ()):
            if further == new.source_id:
                raise DependencyCycle(_ROUND, cycle=_way(came_from, task_id, new.source_id))
            if further not in came_from:
                came_from[further] = task_id
                waiting.append(further)


_ROUND = (
    "The blocked task blocks the other one already, by way of those in cycle: remove one of these relations first. "
    "Deleted tasks count, since they may be restored."
)


def _way(came_from: dict[UUID, UUID], last: UUID, first: UUID) -> list[str]:
    way = [last]
    while way[-1] != first:
        way.append(came_from[way[-1]])
    return [str(id_) for id_ in reversed(way)]
