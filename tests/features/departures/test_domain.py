"""What is in the way of a departure, and what ends by it."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.features.accounts.domain import OwnsProjects
from service.features.departures.domain import Place, given_up, refuse_owner
from service.features.projects.domain import ProjectRole


def a_place(number: int, role: ProjectRole, *, is_deleted: bool = False) -> Place:
    return Place(UUID(int=number), UUID(int=100 + number), f"P{number}", role, is_deleted, 1)


PLACES = [
    a_place(3, ProjectRole.OWNER),
    a_place(2, ProjectRole.OWNER, is_deleted=True),
    a_place(1, ProjectRole.OWNER),
    a_place(4, ProjectRole.MAINTAINER),
    a_place(5, ProjectRole.VIEWER, is_deleted=True),
]


def test_the_owner_of_living_projects_stays_and_is_told_which() -> None:
    with pytest.raises(OwnsProjects, match="P1, P3") as refusal:
        refuse_owner(PLACES)
    assert refusal.value.members == {"projects": ["P1", "P3"]}


def test_whoever_owns_only_what_is_deleted_may_leave() -> None:
    refuse_owner(place for place in PLACES if place.project_key not in {"P1", "P3"})
    refuse_owner([])


def test_an_owner_s_memberships_outlast_the_account() -> None:
    assert [place.project_key for place in given_up(PLACES)] == ["P4", "P5"]
