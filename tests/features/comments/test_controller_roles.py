"""Who may do what with comments: every route of theirs, called by every kind of person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.anyio

PEOPLE = ("outsider", "viewer", "member", "maintainer", "owner", "admin")

# Method and path, then the expected status for each of PEOPLE. OWN is the caller's comment, THEIR somebody else's, GONE a deleted
# one of somebody else's; in the archived project AA they are OLD (the caller's) and AGED (deleted).
MATRIX: list[tuple[Any, ...]] = [
    ("GET    /tasks/PP-1/comments", 404, 200, 200, 200, 200, 200),
    ("GET    /tasks/PP-1/comments?include_deleted=true", 404, 403, 403, 200, 200, 200),
    ("GET    /tasks/AA-1/comments", 404, 200, 200, 200, 200, 200),
    ("GET    /tasks/PP-1/history", 404, 200, 200, 200, 200, 200),
    ("GET    /tasks/AA-1/history", 404, 200, 200, 200, 200, 200),
    ("POST   /tasks/PP-1/comments", 404, 201, 201, 201, 201, 201),
    ("POST   /tasks/AA-1/comments", 404, 409, 409, 409, 409, 409),
    ("GET    /comments/OWN", 404, 200, 200, 200, 200, 200),
    ("PATCH  /comments/OWN", 404, 200, 200, 200, 200, 200),
    ("DELETE /comments/OWN", 404, 204, 204, 204, 204, 204),
    ("GET    /comments/THEIR", 404, 200, 200, 200, 200, 200),
    ("PATCH  /comments/THEIR", 404, 403, 403, 403, 403, 403),
    ("DELETE /comments/THEIR", 404, 403, 403, 204, 204, 204),
    ("POST   /comments/THEIR/restore", 404, 403, 403, 200, 200, 200),
    ("GET    /comments/GONE", 404, 404, 404, 404, 404, 404),
    ("PATCH  /comments/GONE", 404, 404, 404, 404, 404, 404),
    ("DELETE /comments/GONE", 404, 404, 404, 404, 404, 404),
    ("POST   /comments/GONE/restore", 404, 404, 404, 200, 200, 200),
    ("GET    /comments/OLD", 404, 200, 200, 200, 200, 200),
    ("PATCH  /comments/OLD", 404, 409, 409, 409, 409, 409),
    ("DELETE /comments/OLD", 404, 409, 409, 409, 409, 409),
    ("POST   /comments/AGED/restore", 404, 404, 404, 409, 409, 409),
]


@pytest.fixture
async def people(api: Api, connection: asyncpg.Connection[Any]) -> dict[str, Api]:
    """One person of each kind, and an author; the owner's projects are PP and AA, with a task in each."""
    everyone = {kind: await a_user(api, kind) for kind in (*PEOPLE, "author") if kind != "admin"}
    everyone["admin"] = await an_admin(api, connection)
    for key in ("PP", "AA"):
        project = await a_project(everyone["owner"], key=key)
        await a_task(everyone["owner"], project)
        for role in ("viewer", "member", "maintainer"):
            await a_member(connection, project, everyone[role], role)
        await a_member(connection, project, everyone["author"], "viewer")
    return everyone


@pytest.fixture
async def comments(people: dict[str, Api], connection: asyncpg.Connection[Any]) -> dict[str, str]:
    """The ids of the author's comments, by the names of the table; AA is archived afterwards."""
    author = people["author"]
    names = {"OWN": "PP", "THEIR": "PP", "GONE": "PP", "OLD": "AA", "AGED": "AA"}
    found = {name: made(await author.post(f"/tasks/{key}-1/comments", {"body": name}))["id"] for name, key in names.items()}
    await connection.execute("UPDATE projects SET archived_at = now() WHERE key = 'AA'")
    return found


async def prepare(connection: asyncpg.Connection[Any], comments: dict[str, str], caller: Api) -> None:
    """Every comment as the table finds it, whatever the one before did; the caller's are his."""
    ids = [comments[name] for name in ("GONE", "AGED")]
    own = [comments[name] for name in ("OWN", "OLD")]
    deleted = "deleted_at = CASE WHEN id = ANY($1::uuid[]) THEN now() END"
    author = "author_id = CASE WHEN id = ANY($2::uuid[]) THEN $3::uuid ELSE author_id END"
    await connection.execute(f"UPDATE comments SET {deleted}, {author}", ids, own, caller.user["id"])  # noqa: S608


async def test_every_route_answers_each_kind_of_person_as_the_table_says(
    people: dict[str, Api], comments: dict[str, str], connection: asyncpg.Connection[Any]
) -> None:
    deviations = []
    for row, *statuses in MATRIX:
        method, path = row.split()
        for name, id_ in comments.items():
            path = path.replace(f"/{name}", f"/{id_}")
        body = {"body": "New"} if method in {"POST", "PATCH"} and not path.endswith("restore") else None
        for kind, expected in zip(PEOPLE, statuses, strict=True):
            await prepare(connection, comments, people[kind])
            response = await people[kind].call(method, path, body)
            if response.status_code != expected or not gives_the_reason(response.json() if response.content else {}, path):
                deviations.append(f"{row} by {kind}: {expected} expected, came {response.status_code} {response.text}")
    assert deviations == []


def gives_the_reason(problem: dict[str, Any], path: str) -> bool:
    """Whether a refusal has the code of its cause, and names the role where that is missing."""
    if problem.get("status") == 403:
        return problem["code"] == "author_required" or bool(problem["required_role"] == "maintainer")
    if problem.get("status") == 404:
        return bool(problem["code"] == ("task_not_found" if path.startswith("/tasks/") else "comment_not_found"))
    return problem.get("status") != 409 or problem["code"] == "project_archived"


async def test_without_a_token_every_route_is_closed(api: Api) -> None:
    for row, *_ in MATRIX:
        method, path = row.split()
        body = {"body": "New"} if method in {"POST", "PATCH"} else None
        refused(await api.call(method, path, body), 401, "unauthenticated")


async def test_a_comment_that_one_may_not_see_reads_like_one_that_is_not_there(
    people: dict[str, Api], comments: dict[str, str]
) -> None:
    missing = "00000000-0000-7000-8000-000000000000"
    foreign = refused(await people["outsider"].get(f"/comments/{comments['THEIR']}"), 404, "comment_not_found")
    none = refused(await people["outsider"].get(f"/comments/{missing}"), 404, "comment_not_found")
    own = {"instance", "request_id"}
    assert {k: v for k, v in foreign.items() if k not in own} == {k: v for k, v in none.items() if k not in own}


async def test_a_token_that_is_narrowed_away_from_the_project_finds_no_comment(
    people: dict[str, Api], comments: dict[str, str]
) -> None:
    author = people["author"]
    projects = made(await author.get("/projects?include_archived=true"))["items"]
    ids = {project["key"]: project["id"] for project in projects}
    script = await a_personal_token(author, "tasks:read", "tasks:write", project_ids=[ids["PP"]])
    away = await a_personal_token(author, "tasks:read", "tasks:write", project_ids=[ids["AA"]])
    path = f"/comments/{comments['OWN']}"
    assert made(await script.patch(path, {"body": "By a script"}))["body"] == "By a script"
    for call in (away.get(path), away.patch(path, {"body": "x"}), away.delete(path), away.post(f"{path}/restore")):
        refused(await call, 404, "comment_not_found")
    for call in (
        away.get("/tasks/PP-1/comments"),
        away.post("/tasks/PP-1/comments", {"body": "x"}),
        away.get("/tasks/PP-1/history"),
    ):
        refused(await call, 404, "task_not_found")
    told = made(await author.get("/tasks/PP-1/history"))["items"][0]
    assert (told["actor"]["kind"], told["actor"]["id"]) == ("token", author.user["id"])
    own = made(await author.get("/auth/tokens"))["items"]
    assert told["actor"]["token_id"] in {token["id"] for token in own}
