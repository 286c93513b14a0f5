"""Events: facts in the past tense."""

from __future__ import annotations

from uuid import UUID

from service.kernel.events import Event


class LampLit(Event, frozen=True):
    type = "lamp.lit"


def test_the_subject_is_named_by_the_type() -> None:
    assert LampLit(subject_id=UUID(int=1), subject_version=1).subject_type == "lamp"


def test_an_event_holds_nothing_that_another_one_holds() -> None:
    first, second = (LampLit(subject_id=UUID(int=1), subject_version=1) for _ in range(2))
    assert first.changes is not second.changes
    assert (first.data, first.project_id, first.subject_key) == ({}, None, None)
