"""What is decided about a change whose row may have moved on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from msgspec import Struct, field, to_builtins

from service.kernel.errors import PreconditionFailed, PreconditionRequired
from service.kernel.preconditions import UNKNOWN, Precondition, hold, hold_unversioned

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

pytestmark = pytest.mark.anyio


class Row(Struct, frozen=True):
    """At version 7: the title changed last at 5, the colour at 3, the size never."""

    id: UUID = UUID(int=1)
    version: int = 7
    field_versions: dict[str, int] = field(default_factory=lambda: {"title": 5, "colour": 3})
    title: str = "Theirs"
    colour: str = "red"
    size: int = 4


class Past:
    """What the events remember, and what they were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, list[str]]] = []

    async def values_at(self, subject_id: UUID, version: int, fields: Collection[str]) -> Mapping[str, Any]:
        self.asked.append((version, list(fields)))
        return {"title": "Base"}


def made_for(*versions: int, merge: bool = False) -> Precondition:
    """What If-Match with these versions says."""
    return Precondition(frozenset(versions), is_given=True, merge=merge)


async def refusal(precondition: Precondition, sent: dict[str, Any] | None) -> dict[str, Any]:
    """The members of the refusal."""
    with pytest.raises(PreconditionFailed) as caught:
        await hold(precondition, Row(), Past(), sent=sent)
    assert not precondition.merged
    members: dict[str, Any] = to_builtins(caught.value.members)
    return members


@pytest.mark.parametrize("precondition", [Precondition(), Precondition(is_given=True), made_for(7), made_for(2, 7)])
async def test_a_row_at_a_version_that_is_named_is_changed(precondition: Precondition) -> None:
    await hold(precondition, Row(), Past(), sent={"title": "Yours"})
    await hold(precondition, Row(), Past())
    assert not precondition.merged


async def test_only_where_it_is_required_must_a_state_be_named() -> None:
    with pytest.raises(PreconditionRequired, match="If-Match"):
        await hold(Precondition(merge=True), Row(), Past(), sent={}, required=True)
    for named in (Precondition(is_given=True), made_for(7)):
        await hold(named, Row(), Past(), required=True)


async def test_a_field_that_was_changed_on_both_sides_is_told_with_its_three_values() -> None:
    past = Past()
    with pytest.raises(PreconditionFailed, match="at version 7 by now") as caught:
        await hold(made_for(4), Row(), past, sent={"title": "Yours", "size": 9})
    assert to_builtins(caught.value.members) == {
        "mergeable": False,
        "conflicts": [{"field": "title", "base": "Base", "theirs": "Theirs", "yours": "Yours"}],
        "version": 7,
    }
    assert past.asked == [(4, ["title"])]


async def test_what_both_sides_changed_alike_is_no_conflict() -> None:
    assert await refusal(made_for(4), {"title": "Theirs"}) == {"mergeable": True, "conflicts": [], "version": 7}


async def test_a_change_of_other_fields_is_merged_for_who_prefers_that() -> None:
    sent = {"size": 9, "colour": "blue"}
    assert (await refusal(made_for(3), sent))["mergeable"]
    precondition = made_for(3, merge=True)
    await hold(precondition, Row(), Past(), sent=sent)
    assert precondition.merged
    with pytest.raises(PreconditionFailed):
        await hold(precondition, Row(version=8, field_versions={"size": 8}), Past(), sent=sent)
    assert not precondition.merged


async def test_of_several_versions_the_oldest_decides_what_was_changed_since() -> None:
    conflicts = (await refusal(made_for(2, 4, merge=True), {"colour": "blue", "title": "Yours"}))["conflicts"]
    assert {conflict["field"]: conflict["base"] for conflict in conflicts} == {"title": "Base", "colour": None}


@pytest.mark.parametrize("version", [UNKNOWN, 8, 0])
async def test_for_a_version_that_never_was_every_other_value_is_a_conflict(version: int) -> None:
    found = await refusal(made_for(version, merge=True), {"size": 9, "title": "Theirs"})
    assert found["mergeable"] is False
    assert [conflict["field"] for conflict in found["conflicts"]] == ["size"]


@pytest.mark.parametrize("version", [UNKNOWN, 8])
async def test_for_a_version_that_never_was_nothing_is_merged(version: int) -> None:
    assert await refusal(made_for(version, merge=True), {"size": 4}) == {"mergeable": False, "conflicts": [], "version": 7}


async def test_an_act_that_is_no_patch_is_not_merged() -> None:
    assert await refusal(made_for(6, merge=True), None) == {"mergeable": False, "conflicts": [], "version": 7}


def test_what_has_no_version_goes_by_its_own_tag() -> None:
    hold_unversioned(Precondition())
    hold_unversioned(made_for(0))
    with pytest.raises(PreconditionFailed, match="names no state of this"):
        hold_unversioned(made_for(1, UNKNOWN))
