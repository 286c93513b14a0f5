"""Labelling tasks through fakes: what is told, what is undone, and which locks are taken."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.features.labels.domain import LabelNotFound, TooManyLabels
from service.features.projects.domain import InsufficientRole
from service.features.tasks.domain import MOST_LABELS, TaskNotFound
from service.features.tasks.labelling import Labelling
from service.kernel.errors import Invalid
from service.kernel.events import Change
from tests.support.task_house import ADMIN, MEMBER, OUTSIDER, VIEWER, House

pytestmark = [pytest.mark.anyio, pytest.mark.unit]


class LabelHouse(House):
    """The house with two labels in its project."""

    def __init__(self) -> None:
        super().__init__()
        self.labelling = Labelling(self.unit_of_work, self.tasks, self.outbox, self.clock)
        self.docs = self.tasks.labels.a_label(self.project.id, 1, "docs")
        self.bug = self.tasks.labels.a_label(self.project.id, 2, "bug")


@pytest.fixture
def house() -> LabelHouse:
    return LabelHouse()


async def test_labels_are_put_on_and_taken_off_and_the_names_told(house: LabelHouse) -> None:
    task = house.a_task()
    await house.labelling.put(MEMBER, str(task.id), str(house.docs.id))
    await house.labelling.put(ADMIN, str(task.id), str(house.bug.id))
    await house.labelling.remove(MEMBER, str(task.id), str(house.docs.id))
    assert house.tasks.project_lock == "shared"
    assert [event.changes for event in house.outbox.events] == [
        {"labels": Change([], ["docs"])},
        {"labels": Change(["docs"], ["bug", "docs"])},
        {"labels": Change(["bug", "docs"], ["bug"])},
    ]
    assert [event.subject_version for event in house.outbox.events] == [2, 3, 4]
    assert house.tasks.rows[task.id].field_versions == {"labels": 4}


async def test_what_is_so_already_is_not_told(house: LabelHouse) -> None:
    task = house.a_task()
    await house.labelling.remove(MEMBER, str(task.id), str(house.docs.id))
    house.tasks.labels.pairs.add((task.id, house.docs.id))
    await house.labelling.put(MEMBER, str(task.id), str(house.docs.id))
    assert not house.outbox.events
    assert house.tasks.rows[task.id] == task


async def test_who_may_not_label_changes_nothing(house: LabelHouse) -> None:
    task = house.a_task()
    with pytest.raises(InsufficientRole):
        await house.labelling.put(VIEWER, str(task.id), str(house.docs.id))
    assert house.untouched()
    with pytest.raises(TaskNotFound):
        await house.labelling.remove(OUTSIDER, str(task.id), str(house.docs.id))
    other = house.tasks.labels.a_label(UUID(int=9), 3, "elsewhere")
    with pytest.raises(LabelNotFound):
        await house.labelling.put(VIEWER, str(task.id), str(other.id))
    assert not house.tasks.labels.pairs


async def test_a_task_has_so_many_labels_and_no_more(house: LabelHouse) -> None:
    task = house.a_task()
    for number in range(MOST_LABELS):
        label = house.tasks.labels.a_label(house.project.id, 10 + number, f"label {number}")
        house.tasks.labels.pairs.add((task.id, label.id))
    with pytest.raises(TooManyLabels, match="take one off"):
        await house.labelling.put(MEMBER, str(task.id), str(house.docs.id))
    assert house.untouched()


async def test_a_new_task_has_its_labels_by_name(house: LabelHouse) -> None:
    task = await house.create(label_ids=(house.docs.id, house.bug.id, house.docs.id))
    assert task.labels == (house.bug, house.docs)
    assert house.tasks.labels.pairs == {(task.id, house.docs.id), (task.id, house.bug.id)}
    assert house.event.data["labels"] == ["bug", "docs"]


async def test_every_label_that_is_not_of_the_project_is_pointed_at(house: LabelHouse) -> None:
    other = house.tasks.labels.a_label(UUID(int=9), 3, "elsewhere")
    with pytest.raises(Invalid) as refusal:
        await house.create(label_ids=(other.id, house.docs.id, UUID(int=404)))
    assert [error.pointer for error in refusal.value.errors] == ["/label_ids/0", "/label_ids/2"]
    assert house.untouched()
