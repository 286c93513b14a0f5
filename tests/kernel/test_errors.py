"""Kinds of refusal: what they say, and that no two share a code."""

from __future__ import annotations

import msgspec
import pytest

from service.kernel.errors import Conflict, FieldError, Invalid, NotFound, Refusal, Unavailable, invalid


def test_a_refusal_speaks_by_its_title_unless_it_has_more_to_say() -> None:
    assert (NotFound().detail, str(NotFound())) == ("There is no such object.", "There is no such object.")
    assert str(NotFound("Task WEB-7 is not here.")) == "Task WEB-7 is not here."


def test_members_and_a_pause_come_along() -> None:
    refusal = Conflict("No.", retry_after=3, cycle=["WEB-1", "WEB-2"])
    assert (refusal.retry_after, refusal.members) == (3, {"cycle": ["WEB-1", "WEB-2"]})


def test_whoever_is_unavailable_says_when_and_what_became_of_the_request() -> None:
    assert (Unavailable().retry_after, Unavailable().members) == (1, {"outcome": "not_applied"})
    assert Unavailable(retry_after=5, outcome="unknown").members == {"outcome": "unknown"}


def test_an_invalid_request_names_everything_and_counts_it() -> None:
    first, second = FieldError("body", "/a", "missing", "Needed."), FieldError("query", "/b", "unknown", "What?")
    assert Invalid(first, second).errors == (first, second)
    assert Invalid(first).detail.startswith("1 thing must")
    assert Invalid(first, second).detail.startswith("2 things must")
    assert invalid("/a", "missing", "Needed.").errors == (first,)
    assert invalid("/b", "unknown", "What?", "query").errors == (second,)


def test_a_field_error_is_called_in_on_the_wire() -> None:
    assert msgspec.to_builtins(FieldError("body", "/a", "missing", "Needed."))["in"] == "body"


def test_a_code_finds_its_refusal() -> None:
    assert Refusal.registry["not_found"] is NotFound


def test_the_same_class_may_be_made_again_but_no_other_with_its_code() -> None:
    def make() -> type[Refusal]:
        class Burnt(Conflict):
            code = "test_burnt"
            title = "Burnt"

        return Burnt

    assert make().code == make().code
    with pytest.raises(TypeError, match=r"two refusals share the code test_burnt: .*Burnt and Scorched"):
        type("Scorched", (Conflict,), {"code": "test_burnt", "title": "Scorched"})
    with pytest.raises(TypeError, match="two refusals share the code"):
        type("Burnt", (Conflict,), {"code": "test_burnt", "__qualname__": make().__qualname__, "__module__": "elsewhere"})
