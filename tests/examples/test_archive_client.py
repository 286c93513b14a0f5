"""The loader's client: when it asks again, and how it tells what it was refused."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from examples.client import Client, LoadFailed
from tests.support.tracker import BUSY, Reply, answering


def test_a_busy_service_is_asked_again() -> None:
    replies = iter([BUSY, (429, {"detail": "slower"}, {"Retry-After": "0"}), (201, {"id": "1"}, {})])
    with answering(lambda *_: next(replies)) as url, closing(Client(url)) as client:
        assert client.expect(201, "POST", "/tasks", {}) == {"id": "1"}


def test_a_service_that_stays_busy_is_given_up_after_six_tries() -> None:
    asked = []

    def reply(*request: Any) -> Reply:
        asked.append(request)
        return BUSY

    with answering(reply) as url, closing(Client(url)) as client, pytest.raises(LoadFailed, match="503 busy"):
        client.expect(201, "POST", "/tasks", {})
    assert len(asked) == 6


def test_a_write_whose_outcome_is_unknown_is_not_sent_twice() -> None:
    asked = []

    def reply(*request: Any) -> Reply:
        asked.append(request)
        return 503, {"detail": "lost at COMMIT", "outcome": "unknown"}, {"Retry-After": "0"}

    with answering(reply) as url, closing(Client(url)) as client, pytest.raises(LoadFailed, match="lost at COMMIT"):
        client.expect(201, "POST", "/tasks", {})
    assert len(asked) == 1


def test_a_refusal_is_printed_with_the_fields_it_names() -> None:
    problem = {"detail": "1 field is wrong", "errors": [{"pointer": "/title", "message": "too long"}]}
    with answering(lambda *_: (422, problem, {})) as url, closing(Client(url)) as client:
        message = "POST /tasks: 422 1 field is wrong; /title: too long"
        with pytest.raises(LoadFailed, match=f"^{message}$"):
            client.expect(201, "POST", "/tasks", {})
