"""Who may do what in a project: every route of projects and tasks, called by every kind of person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.scenes import a_member, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg
    import httpx

pytestmark = [pytest.mark.anyio, pytest.mark.api]

PEOPLE = ("outsider", "viewer", "member", "maintainer", "owner", "admin")

# Method and path, then the expected status for each of PEOPLE. P is the project, T a task in it, A an archived project.
MATRIX: list[tuple[Any, ...]] = [
    ("GET    /projects/P", 404, 200, 200, 200, 200, 200),
    ("PATCH  /projects/P", 404, 403, 403, 200, 200, 200),
    ("DELETE /projects/P", 404, 403, 403, 403, 204, 204),
    ("POST   /projects/P/archive", 404, 403, 403, 403, 200, 200),
    ("POST   /projects/P/unarchive", 404, 403, 403, 403, 200, 200),
    ("GET    /projects/A", 404, 200, 200, 200, 200, 200),
    ("PATCH  /projects/A", 404, 403, 403, 409, 409, 409),
    ("DELETE /projects/A", 404, 403, 403, 403, 409, 409),
    ("POST   /projects/A/archive", 404, 403, 403, 403, 200, 200),
    ("POST   /projects/A/unarchive", 404, 403, 403, 403, 200, 200),
    ("POST   /tasks?P", 404, 403, 201, 201, 201, 201),
    ("POST   /tasks?A", 404, 403, 409, 409, 409, 409),
    ("GET    /tasks/P-1", 404, 200, 200, 200, 200, 200),
    ("PATCH  /tasks/P-1", 404, 403, 200, 200, 200, 200),
    ("DELETE /tasks/P-1", 404, 403, 204, 204, 204, 204),
    ("GET    /tasks/A-1", 404, 200, 200, 200, 200, 200),
    ("PATCH  /tasks/A-1", 404, 403, 409, 409, 409, 409),
    ("DELETE /tasks/A-1", 404, 403, 409, 409, 409, 409),
    ("POST   /projects", 201, 201, 201, 201, 201, 201),
    ("GET    /projects", 200, 200, 200, 200, 200, 200),
    ("GET    /tasks", 200, 200, 200, 200, 200, 200),
]

MISSING = "00000000-0000-7000-8000-000000000000"


def request_of(row: str, projects: dict[str, str]) -> tuple[str, str, dict[str, Any] | None]:
    """Method, path and body of a row; `projects` are the ids by letter."""
    method, path = row.split()
    path, _, letter = path.partition("?")
    body: dict[str, Any] | None = {"title": "New"} if path.startswith("/tasks") else {"name": "New"}
    if letter:
        body = {"title": "New", "project_id": projects[letter]}
    if method in {"GET", "DELETE"} or path.endswith("archive"):
        body = None
    return method, path.replace("/P", "/PP").replace("/A", "/AA"), body


@pytest.fixture
async def people(api: Api, connection: asyncpg.Connection[Any]) -> dict[str, Api]:
    """One person of each kind; the owner's projects are PP and, archived, AA, with a task in each."""
    everyone = {kind: await a_user(api, kind) for kind in PEOPLE if kind != "admin"}
    everyone["admin"] = await an_admin(api, connection)
    for key in ("PP", "AA"):
        project = await a_project(everyone["owner"], key=key)
        await a_task(everyone["owner"], project)
        for role in ("viewer", "member", "maintainer"):
            await a_member(connection, project, everyone[role], role)
    made(await everyone["owner"].post("/projects/AA/archive"))
    return everyone


async def ids(people: dict[str, Api]) -> dict[str, str]:
    """The ids of the projects by their first letter."""
    projects = made(await people["owner"].get("/projects?include_archived=true"))["items"]
    return {project["key"][0]: project["id"] for project in projects}


async def test_every_route_answers_each_kind_of_person_as_the_table_says(
    people: dict[str, Api], connection: asyncpg.Connection[Any]
) -> None:
    projects = await ids(people)
    deviations = []
    for row, *statuses in MATRIX:
        method, path, body = request_of(row, projects)
        for kind, expected in zip(PEOPLE, statuses, strict=True):
            response = await people[kind].call(method, path, body)
            if response.status_code != expected or not gives_the_reason(response, path):
                deviations.append(f"{row} by {kind}: {expected} expected, came {response.status_code} {response.text}")
            # What one person could do is undone, so that the next one finds it as it was.
            await connection.execute("UPDATE tasks SET deleted_at = NULL")
            await connection.execute("UPDATE projects SET deleted_at = NULL, archived_at = CASE key WHEN 'AA' THEN now() END")
    assert deviations == []


def gives_the_reason(response: httpx.Response, path: str) -> bool:
    """Whether a refusal has the code of its cause, and names the role where that is missing."""
    problem = response.json() if response.status_code >= 400 else {}
    if response.status_code == 403:
        return problem["code"] == "insufficient_role" and problem["required_role"] in PEOPLE
    if response.status_code == 404:
        return bool(problem["code"] == ("task_not_found" if path.startswith("/tasks/") else "project_not_found"))
    return response.status_code != 409 or problem["code"] == "project_archived"


async def test_without_a_token_every_route_is_closed(api: Api) -> None:
    for row, *_ in MATRIX:
        refused(await api.call(*request_of(row, {"P": MISSING, "A": MISSING})), 401, "unauthenticated")


async def test_the_lists_of_each_kind_of_person_hold_what_he_may_see(people: dict[str, Api]) -> None:
    for kind in PEOPLE:
        expected = [] if kind == "outsider" else ["AA", "PP"]
        projects = made(await people[kind].get("/projects?include_archived=true&sort=key"))["items"]
        assert [project["key"] for project in projects] == expected, kind
        roles = {project["my_role"] for project in projects}
        assert roles == ({kind} if kind in PEOPLE[1:5] else {None} if kind == "admin" else set())
        tasks = made(await people[kind].get("/tasks?sort=created_at"))["items"]
        assert sorted(task["key"] for task in tasks) == [f"{key}-1" for key in expected], kind


async def test_a_person_who_is_removed_has_no_way_back_in(people: dict[str, Api], connection: asyncpg.Connection[Any]) -> None:
    maintainer = people["maintainer"]
    await connection.execute("DELETE FROM memberships WHERE user_id = $1::uuid", maintainer.user["id"])
    for method, path, body in (("GET", "/tasks/PP-1", None), ("PATCH", "/tasks/PP-1", {"title": "New"})):
        refused(await maintainer.call(method, path, body), 404, "task_not_found")
    refused(await maintainer.patch("/projects/PP", {"name": "New"}), 404, "project_not_found")
