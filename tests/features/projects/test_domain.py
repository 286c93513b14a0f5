"""Roles, keys made from names, and the guards of a project."""

from __future__ import annotations

from itertools import islice
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from service.features.projects.domain import (
    KEY_PATTERN,
    InsufficientRole,
    ProjectArchived,
    ProjectNotFound,
    ProjectRole,
    acting_role,
    keys_for,
    require_role,
)
from tests.support.factories import SOME_DAY, ProjectStateFactory
from tests.support.fakes import an_actor

VIEWER, MEMBER, MAINTAINER, OWNER = ProjectRole


@pytest.mark.parametrize(
    ("role", "covered"),
    [
        (VIEWER, {VIEWER}),
        (MEMBER, {VIEWER, MEMBER}),
        (MAINTAINER, {VIEWER, MEMBER, MAINTAINER}),
        (OWNER, {VIEWER, MEMBER, MAINTAINER, OWNER}),
    ],
)
def test_a_role_covers_itself_and_those_below(role: ProjectRole, covered: set[ProjectRole]) -> None:
    assert {needed for needed in ProjectRole if role.covers(needed)} == covered


def test_who_has_no_role_must_not_learn_that_the_project_exists() -> None:
    with pytest.raises(ProjectNotFound) as caught:
        require_role(None, VIEWER)
    assert caught.value.detail == ProjectNotFound().detail


def test_a_refusal_for_the_role_names_the_role_that_is_needed() -> None:
    with pytest.raises(InsufficientRole, match="You are viewer in this project; this needs maintainer or above") as caught:
        require_role(VIEWER, MAINTAINER)
    assert caught.value.members == {"required_role": MAINTAINER}
    with pytest.raises(InsufficientRole, match=r"this needs its owner\.") as caught:
        require_role(MAINTAINER, OWNER)
    assert caught.value.members == {"required_role": OWNER}


def test_a_role_that_covers_the_need_passes() -> None:
    require_role(MAINTAINER, MEMBER)


def test_an_archived_project_refuses_and_says_which_it_is() -> None:
    with pytest.raises(ProjectArchived, match="WEB is archived"):
        ProjectStateFactory.build(key="WEB", archived_at=SOME_DAY).refuse_archived()


def test_a_writable_project_refuses_nothing() -> None:
    ProjectStateFactory.build(archived_at=None).refuse_archived()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Web Site", ["WS", "WS2", "WS3"]),
        ("website", ["WEBS", "WEBS2", "WEBS3"]),
        ("Go", ["GO", "GO2", "GO3"]),
        ("Über Äpfel", ["UA", "UA2", "UA3"]),
        ("2026 plans", ["2P", "2P2", "2P3"]),
        ("a b c d e f g h i", ["ABCDEF", "ABCDEF2", "ABCDEF3"]),
        ("one-two_three", ["OTT", "OTT2", "OTT3"]),
        ("x", ["X2", "X3", "X4"]),
        ("日本", ["PR", "PR2", "PR3"]),
        ("🎉", ["PR", "PR2", "PR3"]),
    ],
)
def test_a_key_is_made_of_initials_or_of_the_start_of_a_single_word(name: str, keys: list[str]) -> None:
    assert list(islice(keys_for(name), 3)) == keys


@settings(deadline=None)
@given(st.text(min_size=1, max_size=100))
def test_every_key_made_of_any_name_is_one_that_a_client_could_have_chosen(name: str) -> None:
    keys = list(islice(keys_for(name), 50))
    assert all(KEY_PATTERN.fullmatch(key) for key in keys)
    assert len(set(keys)) == 50


def test_the_last_of_the_keys_made_is_no_longer_than_a_key_may_be() -> None:
    keys = list(keys_for("a b c d e f g h i"))
    assert (len(keys), keys[-1]) == (9_999, "ABCDEF9999")


WEB, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("role", [None, VIEWER, OWNER])
def test_a_member_acts_by_the_role_and_an_admin_as_owner(role: ProjectRole | None) -> None:
    assert acting_role(an_actor(), WEB, role) is role
    assert acting_role(an_actor(is_admin=True), WEB, role) is OWNER


@pytest.mark.parametrize("is_admin", [True, False])
def test_who_is_narrowed_to_another_project_acts_as_nobody(*, is_admin: bool) -> None:
    narrowed = replace(an_actor(is_admin=is_admin), project_ids=frozenset({OTHER}))
    assert acting_role(narrowed, WEB, OWNER) is None
    assert acting_role(narrowed, OTHER, OWNER) is OWNER
