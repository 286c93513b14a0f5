"""How features plug in: who subscribes to what."""

from __future__ import annotations

import pytest

from service.features import FEATURES
from service.kernel.events import Event
from service.wiring import Feature, Subscription, no_jobs, subscribers_by_event


class BellRung(Event, frozen=True):
    type = "bell.rung"


class BellCast(Event, frozen=True):
    type = "bell.cast"


def a_feature(name: str, **subscriptions: tuple[type[Event], ...]) -> Feature:
    return Feature(
        name,
        (),
        lambda _ports, _provided: {},
        no_jobs,
        {subscriber: Subscription(events, lambda _ports, _provided: told) for subscriber, events in subscriptions.items()},
    )


async def told(_event: object) -> None:
    raise AssertionError


def test_an_event_knows_all_who_subscribe_to_it() -> None:
    features = [a_feature("tower", ringer=(BellRung, BellCast)), a_feature("village", sleeper=(BellRung,)), a_feature("hill")]
    assert subscribers_by_event(features) == {"bell.rung": ("ringer", "sleeper"), "bell.cast": ("ringer",)}


def test_two_subscribers_of_one_name_are_refused_since_they_would_share_deliveries() -> None:
    with pytest.raises(ValueError, match="ringer"):
        subscribers_by_event([a_feature("tower", ringer=(BellRung,)), a_feature("village", ringer=(BellCast,))])


def test_creating_a_task_waits_for_no_subscriber_s_row() -> None:
    # A commit that notifies waits for every other one that does, so the busiest write should have a reason for it.
    assert "task.created" not in subscribers_by_event(FEATURES)
