"""PATCH as JSON Merge Patch, by chance: whichever fields are sent, every other one stays byte for byte, of each resource."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made
from tests.support.scenes import a_project, a_task, a_user

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.anyio, pytest.mark.api]

CASES = [pytest.param(50, id="50 cases"), pytest.param(1000, id="1000 cases", marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
LETTERS = "aZ09 \"\\/é漢😀'<>&"


def line(random: Random, longest: int = 60) -> str:
    """A line of text, awkward letters in it."""
    return "x" + "".join(random.choices(LETTERS, k=random.randrange(longest)))


def instant(random: Random) -> str:
    """An instant in UTC."""
    return (
        f"20{random.randrange(10, 99)}-0{random.randrange(1, 10)}-1{random.randrange(10)}T0{random.randrange(10)}:30:00.250000Z"
    )


def lines(random: Random) -> str | None:
    """Text of several lines, or none."""
    return random.choice([None, f"{line(random)}\n\n- {line(random)}"])


TASK: dict[str, Callable[[Random], Any]] = {
    "title": line,
    "description": lines,
    "status": lambda random: random.choice(["todo", "in_progress", "done", "cancelled"]),
    "priority": lambda random: random.randrange(1, 6),
    "due_date": lambda random: random.choice([None, instant(random)]),
    "assignee_id": lambda random: random.choice([None, "me"]),
    "parent_id": lambda random: random.choice([None, "above"]),
}
PROJECT: dict[str, Callable[[Random], Any]] = {
    "name": line,
    "description": lines,
    "require_if_match": lambda random: random.random() < 0.5,
}
USER: dict[str, Callable[[Random], Any]] = {
    "full_name": lambda random: random.choice([None, line(random)]),
    "timezone": lambda random: random.choice(["UTC", "Europe/Berlin", "Asia/Tokyo"]),
    "locale": lambda random: random.choice(["en", "de", "pt-BR"]),
}
LABEL: dict[str, Callable[[Random], Any]] = {
    "name": lambda random: line(random, 20).strip(),
    "color": lambda random: f"#{random.randrange(1 << 24):06x}",
}
COMMENT: dict[str, Callable[[Random], Any]] = {"body": lambda random: f"{line(random)}\n\n- {line(random)}"}
VIEW: dict[str, Callable[[Random], Any]] = {
    "name": line,
    "filter": lambda random: f"priority >= {random.randrange(1, 6)}",
    "sort": lambda random: random.choice(["-created_at", "due_date,-priority", "title"]),
    "shared": lambda random: random.random() < 0.5,
}
# What follows from a field that is sent, and from any change.
FOLLOWS = {"status": {"is_completed", "completed_at", "is_overdue"}, "due_date": {"is_overdue"}, "body": {"edited_at"}}
ANY_CHANGE = {"version", "updated_at"}


class Resource:
    """One object that is patched at random, and what its answers call the fields that are sent."""

    def __init__(self, person: Api, path: str, fields: dict[str, Callable[[Random], Any]], ids: dict[str, str]) -> None:
        self.person = person
        self.path = path
        self.fields = fields
        self.ids = ids

    def a_patch(self, random: Random) -> dict[str, Any]:
        """Values for some of the fields, for none, or for all."""
        some = random.sample(sorted(self.fields), random.randrange(len(self.fields) + 1))
        values = {field: self.fields[field](random) for field in some}
        return {field: self.ids.get(value, value) if isinstance(value, str) else value for field, value in values.items()}

    async def check(self, sent: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        """The object after the patch, of which nothing else has changed."""
        after = made(await self.person.patch(self.path, sent, headers={"If-Match": "*"}))
        shown = {field.removesuffix("_id"): value for field, value in sent.items()}
        changed = {name for name in after if as_bytes(after[name]) != as_bytes(before[name])}
        allowed = set(shown).union(*(FOLLOWS.get(field, set()) for field in sent)) | (ANY_CHANGE if changed else set())
        assert changed <= allowed, sent
        for name, value in shown.items():
            told = after[name]["id"] if isinstance(after[name], dict) else after[name]
            assert as_bytes(told) == as_bytes(value), sent
        assert after["version"] == before["version"] + bool(changed & set(shown)), sent
        assert as_bytes(made(await self.person.get(self.path))) == as_bytes(after)
        return after


def as_bytes(value: Any) -> bytes:
    """The value as JSON, byte for byte."""
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("kind", ["task", "project", "user", "label", "comment", "view"])
async def test_a_patch_of_any_fields_leaves_every_other_as_it_was(
    api: Api, kind: str, cases: int, request: pytest.FixtureRequest
) -> None:
    # Printed at the head of the run; `--randomly-seed` repeats it.
    random = Random(f"{kind} {cases} {request.config.getoption('randomly_seed')}")
    ann = await a_user(api, "Ann")
    web = await a_project(ann, key="WEB")
    above = await a_task(ann, web)
    task = await a_task(ann, web)
    label = made(await ann.post("/projects/WEB/labels", {"name": "bug"}))
    comment = made(await ann.post(f"/tasks/{task['id']}/comments", {"body": "Hm."}))
    view = made(await ann.post("/views", {"name": "All", "filter": "priority = 1", "project_id": web["id"], "shared": False}))
    resource = {
        "task": Resource(ann, "/tasks/WEB-2", TASK, {"me": ann.user["id"], "above": above["id"]}),
        "project": Resource(ann, "/projects/WEB", PROJECT, {}),
        "user": Resource(ann, "/users/me", USER, {}),
        "label": Resource(ann, f"/labels/{label['id']}", LABEL, {}),
        "comment": Resource(ann, f"/comments/{comment['id']}", COMMENT, {}),
        "view": Resource(ann, f"/views/{view['id']}", VIEW, {}),
    }[kind]
    state = made(await ann.get(resource.path))
    for _ in range(cases):
        state = await resource.check(resource.a_patch(random), state)
