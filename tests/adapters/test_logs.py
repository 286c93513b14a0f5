"""Logs: one JSON object per line, from the level that is asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import structlog

from service.adapters.logs import configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS = ["debug", "info", "warning", "error"]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leaves the logs of other tests as they were."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_an_object_with_event_level_time_and_what_was_added(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger("test").info("lamp_lit", lamp=UUID(int=7), text="a\nb — ü", count=3)
    (line,) = printed(capsys)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {"event": "lamp_lit", "level": "info", "lamp": str(UUID(int=7)), "text": "a\nb — ü", "count": 3}


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_less_severe_than_asked_for_is_left_out(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level)
    for each in LEVELS:
        getattr(structlog.get_logger("test"), each)("said")
    assert [line["level"] for line in printed(capsys)] == LEVELS[LEVELS.index(level) :]


def test_a_fault_comes_with_its_trace_in_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error")
    try:
        raise ValueError("out of oil")  # noqa: TRY301  (something to log)
    except ValueError as error:
        structlog.get_logger("test").error("lamp_failed", exc_info=error)
    (line,) = printed(capsys)
    assert "Traceback" in line["exception"]
    assert "ValueError: out of oil" in line["exception"]


def test_what_json_does_not_know_is_written_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger("test").info("said", of=ValueError("x"), kind=ValueError)
    (line,) = printed(capsys)
    assert (line["of"], line["kind"]) == ("x", "<class 'ValueError'>")
