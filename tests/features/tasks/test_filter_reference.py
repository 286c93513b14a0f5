"""The reference of the filter language: every example in it is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.features.tasks.filter_domain import FIELDS
from service.kernel.filter import durations, parser, tokens, values
from tests.support.http import made, refused
from tests.support.scenes import a_user

if TYPE_CHECKING:
    from tests.support.http import Api

pytestmark = [pytest.mark.anyio, pytest.mark.api]

PAGE = Path("docs/filter-language.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    """The lines of the page's blocks of a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


async def test_every_example_is_run_as_it_stands(api: Api) -> None:
    ann = await a_user(api)
    assert len(examples("cql2")) > 40
    for text in examples("cql2"):
        made(await ann.get("/tasks", params={"filter": text}))
        made(await ann.post("/tasks/filter-check", {"filter": text}))


async def test_every_example_of_what_is_wrong_is_refused(api: Api) -> None:
    ann = await a_user(api)
    assert len(examples("wrong")) > 10
    messages = []
    for text in examples("wrong"):
        problem = refused(await ann.get("/tasks", params={"filter": text}), 422, "validation_failed")
        messages.append(problem["errors"][0]["message"])
    assert all(message.startswith("column ") for message in messages)
    assert messages[0] in PAGE


def test_every_field_and_function_is_described() -> None:
    for name in FIELDS:
        assert f"`{name}`" in PAGE
    for name in values.FUNCTIONS:
        assert f"`{name}()`" in PAGE


def test_the_bounds_are_those_of_the_code() -> None:
    for bound in (
        f"at most {parser.MAX_LENGTH} characters, {parser.MAX_CONDITIONS} conditions and {parser.MAX_DEPTH} levels",
        f"at most {parser.MAX_ITEMS} values",
        f"at most {tokens.MAX_DIGITS} digits",
        f"at most {durations.MAX_YEARS} years",
        "up to four durations",
    ):
        assert bound in PAGE
    assert values.MAX_MOVES == 4
