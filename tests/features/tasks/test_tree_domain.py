"""The rules of trees of tasks: how deep they go, and where a task may not stand."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.features.tasks.tree_domain import (
    MAX_DEPTH,
    ParentCycle,
    ParentDeleted,
    ParentTooDeep,
    levels,
    refuse_misplaced,
    refuse_unfitting,
)
from service.kernel.errors import Invalid
from tests.support.factories import TaskStateFactory

PATH = [UUID(int=number) for number in range(1, MAX_DEPTH + 1)]


@pytest.mark.parametrize(("above", "height"), [(1, 1), (4, 1), (1, 4), (2, 3)])
def test_a_tree_of_five_levels_is_allowed(above: int, height: int) -> None:
    refuse_misplaced(PATH[:above], height, UUID(int=99))


@pytest.mark.parametrize(("above", "height"), [(5, 1), (1, 5), (3, 3)])
def test_a_tree_of_six_levels_is_refused(above: int, height: int) -> None:
    with pytest.raises(Invalid) as caught:
        refuse_misplaced(PATH[:above], height, None)
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/parent_id", "too_deep")


@pytest.mark.parametrize("task_id", PATH[:3])
def test_a_task_can_neither_be_its_own_parent_nor_stand_below_itself(task_id: UUID) -> None:
    with pytest.raises(ParentCycle) as caught:
        refuse_misplaced(PATH[:3], 1, task_id)
    assert caught.value.members == {"path": [str(id_) for id_ in PATH[:3]]}


def test_a_tree_has_as_many_levels_as_its_longest_branch() -> None:
    top = TaskStateFactory.build(parent_id=UUID(int=9))
    left, right = (TaskStateFactory.build(parent_id=top.id) for _ in range(2))
    leaf = TaskStateFactory.build(parent_id=right.id)
    assert levels(top.id, [top]) == 1
    assert levels(top.id, [leaf, left, right, top]) == 3
    assert levels(right.id, [leaf, left, right, top]) == 2


def test_a_tree_comes_back_where_its_parent_is_there_and_stands_high_enough() -> None:
    path = [UUID(int=number) for number in range(1, 4)]
    refuse_unfitting(path, MAX_DEPTH - 3)
    with pytest.raises(ParentTooDeep, match="5 levels"):
        refuse_unfitting(path, MAX_DEPTH - 2)
    with pytest.raises(ParentDeleted, match="restore that first"):
        refuse_unfitting(None, 1)
