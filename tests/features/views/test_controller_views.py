"""Saved views over HTTP: who sees which, who may change one, and what each shows to whom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin
from tests.support.stored import the_events

if TYPE_CHECKING:
    import asyncpg

pytestmark = [pytest.mark.anyio, pytest.mark.api]

MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def ann(api: Api) -> Api:
    return await a_user(api, "Ann")


@pytest.fixture
async def web(ann: Api) -> dict[str, Any]:
    """Ann's project WEB."""
    return await a_project(ann, key="WEB")


@pytest.fixture
async def house(api: Api, ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]) -> dict[str, Api]:
    """Who is in WEB, by their role, an outsider and an instance admin."""
    people = {"owner": ann, "outsider": await a_user(api, "Out"), "admin": await an_admin(api, connection)}
    for role in ("maintainer", "member", "viewer"):
        people[role] = await a_user(api, role.title())
        await a_member(connection, web, people[role], role)
    return people


async def a_view(person: Api, project: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A saved view."""
    body = {"name": "Late", "filter": "is_overdue = TRUE", **({"project_id": project["id"]} if project else {}), **fields}
    return made(await person.post("/views", body))


async def names(person: Api, query: str = "") -> list[str]:
    """The names of the views that somebody sees."""
    return [view["name"] for view in made(await person.get(f"/views{query}"))["items"]]


async def test_a_view_is_stored_in_its_normal_form_and_read_back_whole(ann: Api, web: dict[str, Any]) -> None:
    body = {"name": "Urgent", "filter": "priority>=4 and(status='todo')", "sort": "-priority,title", "shared": True}
    response = await ann.post("/views", {**body, "project_id": web["id"]})
    view = made(response)
    assert response.headers["location"] == f"/api/v1/views/{view['id']}"
    assert view == {
        "id": view["id"],
        "name": "Urgent",
        "filter": "priority >= 4 AND status = 'todo'",
        "sort": "-priority,title",
        "project": {"id": web["id"], "key": "WEB", "name": "Web Site"},
        "shared": True,
        "owner": {"id": ann.user["id"], "full_name": "Ann Example"},
        "created_at": view["created_at"],
        "updated_at": view["created_at"],
        "version": 1,
    }
    read = await ann.get(f"/views/{view['id']}")
    assert made(read) == view
    assert read.headers["etag"] == response.headers["etag"]
    plain = await a_view(ann)
    assert (plain["project"], plain["shared"], plain["sort"]) == (None, False, "-created_at")


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"name": ""}, {"/name": "too_short"}),
        ({"name": "a\nb"}, {"/name": "not_allowed"}),
        ({"filter": "priority >"}, {"/filter": "not_allowed"}),
        ({"filter": "nothing = 1"}, {"/filter": "not_allowed"}),
        # Its normal form has a space more for each comma.
        ({"filter": "priority IN (" + ",".join("1" * 1 for _ in range(190)) + ")" + " AND title = '" + "x" * 3590 + "'"},
         {"/filter": "not_allowed"}),
        ({"sort": "rank"}, {"/sort": "not_allowed"}),
        ({"sort": "title,-title"}, {"/sort": "not_allowed"}),
        ({"sort": "title,number,status,priority"}, {"/sort": "not_allowed"}),
        ({"shared": True}, {"/shared": "not_allowed"}),
        ({"owner_id": MISSING}, {"/owner_id": "unknown"}),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_view_is_named(ann: Api, fields: dict[str, Any], errors: dict[str, str]) -> None:
    body = {"name": "Late", "filter": "TRUE", **fields}
    assert wrong_fields(refused(await ann.post("/views", body), 422, "validation_failed")) == errors
    if "owner_id" not in fields:
        view = await a_view(ann)
        response = await ann.patch(f"/views/{view['id']}", fields)
        assert wrong_fields(refused(response, 422, "validation_failed")) == errors


async def test_a_view_is_seen_by_its_owner_and_shared_by_everyone_in_the_project(
    house: dict[str, Api], web: dict[str, Any]
) -> None:
    await a_view(house["owner"], name="1 nowhere")
    private = await a_view(house["viewer"], web, name="2 private")
    shared = await a_view(house["member"], web, name="3 shared", shared=True)
    seen = {
        "owner": ["1 nowhere", "3 shared"],
        "maintainer": ["3 shared"],
        "member": ["3 shared"],
        "viewer": ["2 private", "3 shared"],
        "outsider": [],
        "admin": ["3 shared"],
    }
    for who, expected in seen.items():
        assert await names(house[who]) == expected, who
        for view in (private, shared):
            for path in ("", "/tasks", "/count"):
                response = await house[who].get(f"/views/{view['id']}{path}")
                if view["name"] in expected:
                    made(response)
                else:
                    refused(response, 404, "view_not_found")
    assert await names(house["owner"], f"?project_id={web['id']}") == ["3 shared"]
    for reference in (MISSING, "urgent", "WEB"):
        refused(await house["owner"].get(f"/views/{reference}"), 404, "view_not_found")
        refused(await house["owner"].patch(f"/views/{reference}", {"name": "N"}), 404, "view_not_found")
        refused(await house["owner"].delete(f"/views/{reference}"), 404, "view_not_found")


async def test_views_of_a_project_go_with_the_membership_and_the_project(
    house: dict[str, Api], web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    member = house["member"]
    own, shared = await a_view(member, web), await a_view(member, web, shared=True)
    await connection.execute("DELETE FROM memberships WHERE user_id = $1::uuid", member.user["id"])
    for view in (own, shared):
        refused(await member.get(f"/views/{view['id']}"), 404, "view_not_found")
        refused(await member.patch(f"/views/{view['id']}", {"name": "N"}), 404, "view_not_found")
    assert await names(house["viewer"]) == ["Late"]
    await house["owner"].delete("/projects/WEB")
    assert await names(house["viewer"]) == []
    refused(await house["admin"].delete(f"/views/{shared['id']}"), 404, "view_not_found")


@pytest.mark.parametrize("changes", [{"shared": True}, {}], ids=["shared", "private"])
async def test_of_a_deleted_view_it_is_told_what_was_done_and_nothing_of_what_it_was(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any], changes: dict[str, Any]
) -> None:
    view = await a_view(ann, web)
    made(await ann.patch(f"/views/{view['id']}", {"name": "Later", **changes}))
    other = await a_view(ann, web)
    await ann.delete(f"/views/{view['id']}")
    told = await the_events(connection, view["id"])
    assert [event["type"] for event in told] == ["view.created", "view.updated", "view.deleted"]
    assert [(event["changes"], event["data"]) for event in told] == [({}, {})] * 3
    assert [event["data"] for event in await the_events(connection, other["id"])] == [{"name": "Late"}]


async def test_members_share_and_everyone_saves_for_themselves(house: dict[str, Api], web: dict[str, Any]) -> None:
    for who in ("owner", "maintainer", "member", "admin"):
        await a_view(house[who], web, shared=True)
    body = {"name": "Late", "filter": "TRUE", "project_id": web["id"]}
    problem = refused(await house["viewer"].post("/views", body | {"shared": True}), 403, "insufficient_role")
    assert problem["required_role"] == "member"
    own = await a_view(house["viewer"], web)
    refused(await house["viewer"].patch(f"/views/{own['id']}", {"shared": True}), 403, "insufficient_role")
    assert made(await house["viewer"].patch(f"/views/{own['id']}", {"name": "Mine"}))["name"] == "Mine"
    for project_id in (web["id"], MISSING):
        refused(await house["outsider"].post("/views", body | {"project_id": project_id}), 404, "project_not_found")


async def test_a_shared_view_is_changed_by_its_owner_and_by_maintainers(house: dict[str, Api], web: dict[str, Any]) -> None:
    view = await a_view(house["member"], web, shared=True)
    path = f"/views/{view['id']}"
    second = await a_view(house["owner"], web, shared=True)
    problem = refused(await house["member"].patch(f"/views/{second['id']}", {"name": "N"}), 403, "insufficient_role")
    assert problem["required_role"] == "maintainer"
    refused(await house["viewer"].delete(path), 403, "insufficient_role")
    refused(await house["outsider"].patch(path, {"name": "N"}), 404, "view_not_found")
    changed = made(await house["maintainer"].patch(path, {"name": "Ours", "filter": "title like 'a%'", "shared": True}))
    assert (changed["name"], changed["filter"], changed["version"]) == ("Ours", "title LIKE 'a%'", 2)
    refused(await house["maintainer"].patch(path, {"shared": False}), 403, "view_of_another")
    assert made(await house["member"].patch(path, {"shared": False}))["shared"] is False
    for who in ("maintainer", "admin"):
        refused(await house[who].get(path), 404, "view_not_found")
        refused(await house[who].delete(path), 404, "view_not_found")
    made(await house["member"].patch(path, {"shared": True}))
    assert (await house["maintainer"].delete(path)).status_code == 204
    refused(await house["member"].get(path), 404, "view_not_found")


async def test_shared_views_of_an_archived_project_stay_as_they_are_and_private_ones_do_not(
    house: dict[str, Api], web: dict[str, Any]
) -> None:
    ann = house["owner"]
    shared, own = await a_view(ann, web, shared=True), await a_view(ann, web)
    made(await ann.post("/projects/WEB/archive"))
    body = {"name": "Late", "filter": "TRUE", "project_id": web["id"], "shared": True}
    refused(await ann.post("/views", body), 409, "project_archived")
    refused(await ann.patch(f"/views/{shared['id']}", {"name": "N"}), 409, "project_archived")
    refused(await ann.delete(f"/views/{shared['id']}"), 409, "project_archived")
    refused(await ann.patch(f"/views/{own['id']}", {"shared": True}), 409, "project_archived")
    assert made(await ann.patch(f"/views/{own['id']}", {"name": "N"}))["name"] == "N"
    assert (await ann.delete(f"/views/{own['id']}")).status_code == 204
    assert await names(ann) == ["Late"]


async def test_a_view_shows_its_reader_s_tasks_in_its_order(house: dict[str, Api], web: dict[str, Any]) -> None:
    ann, member, outsider = house["owner"], house["member"], house["outsider"]
    view = await a_view(ann, web, filter="assignee = me()", sort="-priority", shared=True)
    for number, person in enumerate([ann, member, ann, member, member]):
        await a_task(ann, web, title=f"T{number}", priority=number + 1, assignee_id=person.user["id"])
    other = await a_project(ann, key="API")
    await a_task(ann, other, assignee_id=ann.user["id"])
    path = f"/views/{view['id']}"

    async def shown(person: Api, query: str = "") -> list[str]:
        return [task["title"] for task in made(await person.get(f"{path}/tasks{query}"))["items"]]

    assert await shown(ann) == ["T2", "T0"]
    assert await shown(member) == ["T4", "T3", "T1"]
    assert await shown(member, "?sort=title&limit=2") == ["T1", "T3"]
    assert made(await ann.get(f"{path}/count")) == {"count": 2}
    assert made(await member.get(f"{path}/count")) == {"count": 3}
    everywhere = await a_view(ann, filter="assignee = me()")
    assert made(await ann.get(f"/views/{everywhere['id']}/count")) == {"count": 3}
    assert made(await ann.get(f"/views/{everywhere['id']}/tasks"))["total"] == 3
    refused(await outsider.get(f"{path}/tasks"), 404, "view_not_found")


async def test_a_page_of_a_view_belongs_to_its_filter(ann: Api, web: dict[str, Any]) -> None:
    view = await a_view(ann, filter="priority >= 1", sort="number")
    for _ in range(3):
        await a_task(ann, web)
    path = f"/views/{view['id']}"
    page = made(await ann.get(f"{path}/tasks?limit=1"))
    following = f"{path}/tasks?limit=1&cursor={page['next_cursor']}"
    assert [task["number"] for task in made(await ann.get(following))["items"]] == [2]
    made(await ann.patch(path, {"filter": "priority >= 2"}))
    refused(await ann.get(following), 400, "invalid_cursor")
    refused(await ann.get(f"/tasks?sort=number&limit=1&cursor={page['next_cursor']}"), 400, "invalid_cursor")
    refused(await ann.get(f"{path}/tasks?sort=rank"), 422, "validation_failed")
    # What can be judged without the view is judged before it is looked for.
    refused(await ann.get(f"/views/{MISSING}/tasks?sort=rank&limit=0"), 422, "validation_failed")
    refused(await ann.get(f"/views/{MISSING}/tasks?sort=rank"), 422, "validation_failed")


async def test_a_narrowed_token_sees_the_views_of_its_projects_alone(ann: Api, web: dict[str, Any]) -> None:
    other = await a_project(ann, key="API")
    views = [await a_view(ann, project, name=name) for project, name in ((web, "web"), (other, "api"), (None, "nowhere"))]
    script = await a_personal_token(ann, "tasks:read", "tasks:write", project_ids=[web["id"]])
    assert await names(script) == ["web"]
    for view in views[1:]:
        refused(await script.get(f"/views/{view['id']}"), 404, "view_not_found")
        refused(await script.get(f"/views/{view['id']}/count"), 404, "view_not_found")
        refused(await script.patch(f"/views/{view['id']}", {"name": "N"}), 404, "view_not_found")
        refused(await script.delete(f"/views/{view['id']}"), 404, "view_not_found")
    assert made(await script.patch(f"/views/{views[0]['id']}", {"name": "N"}))["name"] == "N"
    refused(await script.post("/views", {"name": "N", "filter": "TRUE"}), 403, "token_narrowed")
    refused(await script.post("/views", {"name": "N", "filter": "TRUE", "project_id": other["id"]}), 404, "project_not_found")


async def test_a_change_is_made_in_the_state_that_it_names(ann: Api, web: dict[str, Any]) -> None:
    view = await a_view(ann, web, shared=True)
    path = f"/views/{view['id']}"
    tag = (await ann.get(path)).headers["etag"]
    assert made(await ann.patch(path, {"name": "Late", "shared": True}))["version"] == 1
    made(await ann.patch(path, {"name": "Later"}))
    stale = {"If-Match": tag}
    problem = refused(await ann.patch(path, {"name": "Latest"}, headers=stale), 412, "precondition_failed")
    assert problem["conflicts"] == [{"field": "name", "base": "Late", "theirs": "Later", "yours": "Latest"}]
    merged = await ann.patch(path, {"sort": "title"}, headers=stale | {"Prefer": "merge"})
    assert (made(merged)["version"], merged.headers["preference-applied"]) == (3, "merge")
    refused(await ann.delete(path, headers=stale), 412, "precondition_failed")
    assert (await ann.delete(path, headers={"If-Match": merged.headers["etag"]})).status_code == 204
    refused(await ann.delete(path), 404, "view_not_found")


async def test_a_project_is_told_of_shared_views_and_of_private_ones_nobody(
    ann: Api, web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    view = await a_view(ann, web)
    path = f"/views/{view['id']}"
    made(await ann.patch(path, {"name": "Hidden"}))
    made(await ann.patch(path, {"shared": True}))
    made(await ann.patch(path, {"shared": False, "filter": "priority = 5"}))
    made(await ann.patch(path, {"shared": True}))
    events = await the_events(connection, view["id"])
    await ann.delete(path)
    events += (await the_events(connection, view["id"]))[-1:]
    told = [(event["type"], event["project_id"] and str(event["project_id"]), sorted(event["changes"])) for event in events]
    assert told == [
        ("view.created", None, []),
        ("view.updated", None, ["name"]),
        ("view.updated", web["id"], ["shared"]),
        ("view.updated", web["id"], ["shared"]),
        ("view.updated", web["id"], ["shared"]),
        ("view.deleted", web["id"], []),
    ]


async def test_a_repeated_request_is_answered_while_the_view_may_be_seen(
    house: dict[str, Api], web: dict[str, Any], connection: asyncpg.Connection[Any]
) -> None:
    member, key = house["member"], {"Idempotency-Key": "once"}
    body = {"name": "Late", "filter": "TRUE"}
    views = []
    for sent in (body, body | {"project_id": web["id"]}):
        own_key = {"Idempotency-Key": f"once {len(sent)}"}
        view = made(await member.post("/views", sent, headers=own_key))
        again = await member.post("/views", sent, headers=own_key)
        assert made(again) == view
        assert again.headers["idempotency-replayed"] == "true"
        views.append((sent, own_key, view))
    nowhere, of_project = (view for _, _, view in views)
    assert (await member.delete(f"/views/{nowhere['id']}", headers=key)).status_code == 204
    assert (await member.delete(f"/views/{nowhere['id']}", headers=key)).headers["idempotency-replayed"] == "true"
    refused(await member.post("/views", views[0][0], headers=views[0][1]), 404, "not_found")
    await connection.execute("DELETE FROM memberships WHERE user_id = $1::uuid", member.user["id"])
    refused(await member.post("/views", views[1][0], headers=views[1][1]), 404, "not_found")
    assert await names(member) == []
    assert of_project["project"]["key"] == "WEB"


async def test_reading_a_view_costs_two_statements_its_count_three_and_its_tasks_four(ann: Api, web: dict[str, Any]) -> None:
    view = await a_view(ann, web, shared=True)
    for path, count in (("", 2), ("/count", 3), ("/tasks", 4)):
        seen = ann.statements()
        made(await ann.get(f"/views/{view['id']}{path}"))
        assert len(seen) <= count, path


async def test_deleting_the_same_view_at_once_deletes_it_once(crowd: Api) -> None:
    ann = await a_user(crowd, "Ann")
    for _ in range(5):
        view = await a_view(ann)
        answers = await asyncio.gather(*(ann.delete(f"/views/{view['id']}") for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [204] + [404] * 5
