"""Labels over HTTP: who makes them, what is refused, and what becomes of the tasks that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.features.labels.domain import MOST_LABELS
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_label, a_member, a_personal_token, a_project, a_task, a_user, an_admin
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


def when(version: int, **headers: str) -> dict[str, Any]:
    """The headers of a change that is made for this version."""
    return {"headers": {"If-Match": f'"{version}.0"'} | headers}


async def names(person: Api, path: str) -> list[str]:
    """The names of a list of labels."""
    return [label["name"] for label in made(await person.get(path))["items"]]


async def test_a_label_is_made_and_read_with_its_name_tidied(ann: Api, web: dict[str, Any]) -> None:
    answer = await ann.post("/projects/WEB/labels", {"name": "  Cafe\u0301 ", "color": "#D73A4A"})
    label = made(answer)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/labels/{label['id']}"
    assert {key: label[key] for key in ("project_id", "name", "color", "version")} == {
        "project_id": web["id"],
        "name": "Caf\u00e9",
        "color": "#d73a4a",
        "version": 1,
    }
    read = await ann.get(f"/labels/{label['id']}")
    assert made(read) == label
    assert read.headers["etag"] == answer.headers["etag"]
    assert made(await ann.post("/projects/WEB/labels", {"name": "plain"}))["color"] == "#ededed"


async def test_labels_are_listed_by_name_and_paged(ann: Api, web: dict[str, Any]) -> None:
    for name in ("docs", "bug", "api"):
        await a_label(ann, web, name)
    await a_label(ann, await a_project(ann, key="API"), "elsewhere")
    assert await names(ann, "/projects/WEB/labels") == ["api", "bug", "docs"]
    assert await names(ann, f"/projects/{web['id']}/labels?sort=-name&limit=2") == ["docs", "bug"]
    assert await names(ann, "/projects/WEB/labels?sort=created_at&skip=1&limit=1") == ["bug"]
    assert made(await ann.get("/projects/WEB/labels"))["total"] == 3


@pytest.mark.parametrize("name", ["Bug", " bug ", "BUG"])
async def test_a_name_is_taken_whatever_its_capitals(ann: Api, web: dict[str, Any], name: str) -> None:
    await a_label(ann, web, "bug")
    docs = await a_label(ann, web, "docs")
    problem = refused(await ann.post("/projects/WEB/labels", {"name": name}), 409, "label_taken")
    assert "another name" in problem["detail"]
    refused(await ann.patch(f"/labels/{docs['id']}", {"name": name}), 409, "label_taken")
    assert await names(ann, "/projects/WEB/labels") == ["bug", "docs"]
    # Another project has its own names, and a deleted label's is free.
    await a_label(ann, await a_project(ann, key="API"), name)
    made(await ann.patch(f"/labels/{docs['id']}", {"name": "Docs"}))


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"/name": "missing"}),
        ({"name": ""}, {"/name": "too_short"}),
        ({"name": "   "}, {"/name": "not_allowed"}),
        ({"name": "a\nb"}, {"/name": "not_allowed"}),
        ({"name": "x" * 51}, {"/name": "too_long"}),
        ({"name": None}, {"/name": "wrong_type"}),
        ({"name": "a", "color": "red"}, {"/color": "wrong_format"}),
        ({"name": "a", "color": "#12345g"}, {"/color": "wrong_format"}),
        ({"name": "a", "color": "#12345\n"}, {"/color": "wrong_format"}),
        ({"name": "a", "color": "#123456\n"}, {"/color": "not_allowed"}),
        ({"name": "a", "colour": "#123456"}, {"/colour": "unknown"}),
    ],
)
async def test_what_is_no_label_is_refused(ann: Api, web: dict[str, Any], body: dict[str, Any], wrong: dict[str, str]) -> None:
    assert wrong_fields(refused(await ann.post("/projects/WEB/labels", body), 422, "validation_failed")) == wrong


async def test_maintainers_make_labels_and_everyone_in_the_project_reads_them(
    api: Api, connection: asyncpg.Connection[Any], ann: Api, web: dict[str, Any]
) -> None:
    label = await a_label(ann, web, "first")
    path = f"/labels/{label['id']}"
    for role in ("viewer", "member"):
        person = await a_user(api, role)
        await a_member(connection, web, person, role)
        assert await names(person, "/projects/WEB/labels") == ["first"]
        assert made(await person.get(path)) == label
        for answer in (
            await person.post("/projects/WEB/labels", {"name": "x"}),
            await person.patch(path, {"name": "x"}),
            await person.delete(path),
        ):
            assert refused(answer, 403, "insufficient_role")["required_role"] == "maintainer"
    for person in (await a_user(api, "Mia"), await an_admin(api, connection)):
        if person.user["full_name"].startswith("Mia"):
            await a_member(connection, web, person, "maintainer")
        made(await person.patch(path, {"name": person.user["full_name"]}))
        assert (await person.delete(f"/labels/{(await a_label(person, web, 'gone'))['id']}")).status_code == 204


async def test_to_outsiders_there_is_no_label(api: Api, ann: Api, web: dict[str, Any]) -> None:
    label = await a_label(ann, web)
    outsider = await a_user(api, "Out")
    narrowed = await a_personal_token(ann, "tasks:read", "tasks:write", project_ids=[(await a_project(ann))["id"]])
    for person in (outsider, narrowed):
        refused(await person.get("/projects/WEB/labels"), 404, "project_not_found")
        refused(await person.post("/projects/WEB/labels", {"name": "x"}), 404, "project_not_found")
        for id_ in (label["id"], NOBODY, "no-id"):
            refused(await person.get(f"/labels/{id_}"), 404, "label_not_found")
            refused(await person.patch(f"/labels/{id_}", {"name": "x"}), 404, "label_not_found")
            refused(await person.delete(f"/labels/{id_}"), 404, "label_not_found")
    assert (await ann.delete("/projects/WEB")).status_code == 204
    refused(await ann.get(f"/labels/{label['id']}"), 404, "label_not_found")
    refused(await ann.delete(f"/labels/{label['id']}"), 404, "label_not_found")


async def test_a_change_tells_what_changed_and_one_that_changes_nothing_tells_nothing(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    label = await a_label(ann, web, "bug", color="#aabbcc")
    changed = made(await ann.patch(f"/labels/{label['id']}", {"name": "Bug", "color": "#AABBCC"}))
    assert (changed["name"], changed["color"], changed["version"]) == ("Bug", "#aabbcc", 2)
    assert made(await ann.patch(f"/labels/{label['id']}", {"name": " Bug"})) == changed
    assert (await ann.delete(f"/labels/{label['id']}")).status_code == 204
    events = await the_events(connection, label["id"])
    assert [(event["type"], event["subject_version"], event["changes"], event["data"]) for event in events] == [
        ("label.created", 1, {}, {"name": "bug", "color": "#aabbcc"}),
        ("label.updated", 2, {"name": {"old": "bug", "new": "Bug"}}, {}),
        ("label.deleted", 3, {}, {"name": "Bug", "color": "#aabbcc"}),
    ]
    assert {str(event["project_id"]) for event in events} == {web["id"]}


async def test_a_deleted_label_is_off_every_task_and_its_name_is_free(ann: Api, web: dict[str, Any]) -> None:
    bug, docs = await a_label(ann, web, "bug"), await a_label(ann, web, "docs")
    task = await a_task(ann, web, label_ids=[bug["id"], docs["id"]])
    await ann.delete(f"/labels/{bug['id']}")
    after = made(await ann.get(f"/tasks/{task['id']}"))
    assert [label["name"] for label in after["labels"]] == ["docs"]
    assert after["version"] == task["version"]
    assert made(await ann.get("/tasks?label=bug"))["items"] == []
    await a_label(ann, web, "bug")
    assert made(await ann.get("/tasks?label=bug"))["items"] == []


async def test_a_renamed_label_shows_its_new_name_on_its_tasks(ann: Api, web: dict[str, Any]) -> None:
    bug = await a_label(ann, web, "bug")
    task = await a_task(ann, web, label_ids=[bug["id"]])
    made(await ann.patch(f"/labels/{bug['id']}", {"name": "defect", "color": "#000000"}))
    expected = [{"id": bug["id"], "name": "defect", "color": "#000000"}]
    assert made(await ann.get(f"/tasks/{task['id']}"))["labels"] == expected


async def test_labels_are_changed_conditionally(ann: Api, web: dict[str, Any]) -> None:
    label = await a_label(ann, web, "bug")
    path = f"/labels/{label['id']}"
    made(await ann.patch(path, {"color": "#000000"}, **when(1)))
    problem = refused(await ann.patch(path, {"color": "#111111"}, **when(1, Prefer="merge")), 412, "precondition_failed")
    assert problem["conflicts"] == [{"field": "color", "base": "#ededed", "theirs": "#000000", "yours": "#111111"}]
    merged = await ann.patch(path, {"name": "Bug"}, **when(1, Prefer="merge"))
    assert (made(merged)["version"], merged.headers["preference-applied"]) == (3, "merge")
    refused(await ann.delete(path, **when(2)), 412, "precondition_failed")
    made(await ann.patch("/projects/WEB", {"require_if_match": True}))
    refused(await ann.patch(path, {"name": "x"}), 428, "precondition_required")
    refused(await ann.delete(path), 428, "precondition_required")
    assert (await ann.delete(path, **when(3))).status_code == 204


async def test_the_labels_of_an_archived_project_stay_as_they_are(ann: Api, web: dict[str, Any]) -> None:
    label = await a_label(ann, web)
    made(await ann.post("/projects/WEB/archive"))
    refused(await ann.post("/projects/WEB/labels", {"name": "x"}), 409, "project_archived")
    refused(await ann.patch(f"/labels/{label['id']}", {"name": "x"}), 409, "project_archived")
    refused(await ann.delete(f"/labels/{label['id']}"), 409, "project_archived")
    assert made(await ann.get(f"/labels/{label['id']}")) == label


async def test_a_project_has_so_many_labels_and_no_more(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute(
        "INSERT INTO labels (id, project_id, name, name_key, color, created_at, updated_at, version, field_versions) "
        "SELECT gen_random_uuid(), $1::uuid, n, n, '#ededed', now(), now(), 1, '{}' FROM generate_series(2, $2) AS n",
        web["id"],
        MOST_LABELS,
    )
    last = await a_label(ann, web, "last")
    problem = refused(await ann.post("/projects/WEB/labels", {"name": "more"}), 409, "too_many_labels")
    assert "delete one first" in problem["detail"]
    await ann.delete(f"/labels/{last['id']}")
    await a_label(ann, web, "more")


@pytest.mark.parametrize("path", ["/projects/WEB/labels", "/projects/WEB/labels?limit=1&count=exact"])
async def test_lists_of_labels_cost_four_statements(ann: Api, web: dict[str, Any], path: str) -> None:
    label = await a_label(ann, web, "a")
    for name in ("b", "c"):
        await a_label(ann, web, name)
    seen = ann.statements()
    made(await ann.get(path))
    assert len(seen) <= 4
    seen.clear()
    made(await ann.get(f"/labels/{label['id']}"))
    assert len(seen) == 2
