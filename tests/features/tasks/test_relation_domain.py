"""How relations are stored, how each end sees them, and which circles of blocks are refused."""

from __future__ import annotations

from random import Random
from uuid import UUID

import pytest

from service.features.tasks.relation_domain import (
    SETTABLE,
    DependencyCycle,
    Link,
    RelationKind,
    link,
    refuse_cycle,
    seen,
)

LOW, HIGH = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("kind", SETTABLE)
@pytest.mark.parametrize(("task", "other"), [(LOW, HIGH), (HIGH, LOW)], ids=["up", "down"])
def test_what_a_task_says_of_another_is_what_both_see(kind: RelationKind, task: UUID, other: UUID) -> None:
    stored = link(kind, task, other)
    assert {stored.source_id, stored.target_id} == {task, other}
    assert seen(stored.kind, from_source=stored.source_id == task) is kind
    contrary = {
        RelationKind.BLOCKS: RelationKind.BLOCKED_BY,
        RelationKind.BLOCKED_BY: RelationKind.BLOCKS,
        RelationKind.DUPLICATES: RelationKind.DUPLICATED_BY,
        RelationKind.RELATES_TO: RelationKind.RELATES_TO,
    }
    assert seen(stored.kind, from_source=stored.source_id == other) is contrary[kind]


def test_what_is_the_same_for_both_is_stored_once() -> None:
    assert link(RelationKind.RELATES_TO, LOW, HIGH) == link(RelationKind.RELATES_TO, HIGH, LOW)
    assert link(RelationKind.BLOCKS, LOW, HIGH) == link(RelationKind.BLOCKED_BY, HIGH, LOW)
    assert link(RelationKind.DUPLICATES, LOW, HIGH) != link(RelationKind.DUPLICATES, HIGH, LOW)


def blocks(text: str) -> list[tuple[UUID, UUID]]:
    """`12 23` as 1 blocks 2, 2 blocks 3."""
    return [(UUID(int=int(pair[0])), UUID(int=int(pair[1]))) for pair in text.split()]


@pytest.mark.parametrize(
    ("new", "stored", "cycle"),
    [
        ("12", "21", "12"),
        ("12", "23 31", "123"),
        ("12", "23 34 24 41", "124"),
        ("12", "23 32 25 51 36 61", "125"),
    ],
)
def test_the_shortest_circle_is_told(new: str, stored: str, cycle: str) -> None:
    ((source, target),) = blocks(new)
    with pytest.raises(DependencyCycle) as refusal:
        refuse_cycle(Link(RelationKind.BLOCKS, source, target), blocks(stored))
    assert refusal.value.members["cycle"] == [str(UUID(int=int(id_))) for id_ in cycle]


@pytest.mark.parametrize("stored", ["", "23 34", "13 32", "12", "23 24 35 45", "23 32"])
def test_what_closes_no_circle_is_accepted(stored: str) -> None:
    refuse_cycle(Link(RelationKind.BLOCKS, UUID(int=1), UUID(int=2)), blocks(stored))


def test_links_that_are_let_in_one_by_one_never_hold_a_circle() -> None:
    random = Random(7)
    for _ in range(50):
        stored: list[tuple[UUID, UUID]] = []
        for _ in range(60):
            source, target = (UUID(int=id_) for id_ in random.sample(range(8), 2))
            try:
                refuse_cycle(Link(RelationKind.BLOCKS, source, target), stored)
            except DependencyCycle as refusal:
                cycle = [UUID(id_) for id_ in refusal.members["cycle"]]
                steps = set(zip(cycle, cycle[1:] + cycle[:1], strict=True))
                assert steps - {(source, target)} <= set(stored)
            else:
                stored.append((source, target))
        waiting = {id_ for pair in stored for id_ in pair}
        # Whatever nobody blocks any more can be done; with a circle something would be left.
        while free := waiting - {target for source, target in stored if source in waiting}:
            waiting -= free
        assert not waiting
