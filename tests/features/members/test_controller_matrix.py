"""Who may do what in a project: every operation on projects, tasks, labels, members and invitations, by every kind of person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from service.adapters.tokens import digest
from service.http.openapi import describe
from tests.support.alike import but_for_the_request
from tests.support.fakes import an_actor
from tests.support.http import Api, made
from tests.support.member_scenes import an_invitation, verified
from tests.support.scenes import a_user, an_admin
from tests.support.stored import a_stored_label, a_stored_project, a_stored_task

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from service.kernel.actor import Actor

pytestmark = pytest.mark.anyio

TAGS = {"projects", "tasks", "labels", "comments", "changes", "views", "members", "invitations"}
KINDS = ("outsider", "removed", "invited", "viewer", "member", "maintainer", "owner", "admin")

# What each of KINDS gets where nothing but the project decides.
EVERYONE = (200,) * 8
VISIBLE = (404, 404, 404, 200, 200, 200, 200, 200)
MEMBERS = (404, 404, 404, 403, 200, 200, 200, 200)
MAINTAINERS = (404, 404, 404, 403, 403, 200, 200, 200)
OWNERS = (404, 404, 404, 403, 403, 403, 200, 200)
CONCERNED = (404, 404, 200, 404, 404, 200, 200, 200)


def answering(status: int, statuses: tuple[int, ...]) -> tuple[int, ...]:
    """The same policy on an operation whose success is another status."""
    return tuple(status if each == 200 else each for each in statuses)


# By operation: method, path and body, and what each of KINDS gets. {guest} is a viewer, {stranger} nobody of the project.
ROLE = '{{"role": "{}"}}'.format
MATRIX: dict[str, list[tuple[str, str | None, tuple[int, ...]]]] = {
    "list_projects": [("GET /projects", None, EVERYONE)],
    "create_project": [("POST /projects", '{"name": "New"}', answering(201, EVERYONE))],
    "get_project": [("GET /projects/{project}", None, VISIBLE), ("GET /projects/{key}", None, VISIBLE)],
    "update_project": [("PATCH /projects/{project}", '{"name": "New"}', MAINTAINERS)],
    "delete_project": [("DELETE /projects/{project}", None, answering(204, OWNERS))],
    "archive_project": [("POST /projects/{project}/archive", None, OWNERS)],
    "unarchive_project": [("POST /projects/{project}/unarchive", None, OWNERS)],
    "restore_project": [("POST /projects/{project}/restore", None, OWNERS)],
    "transfer_project": [
        ("POST /projects/{project}/transfer", '{"user_id": "{guest}"}', OWNERS),
        ("POST /projects/{project}/transfer", '{"user_id": "{self}"}', (404, 404, 404, 403, 403, 403, 200, 422)),
        ("POST /projects/{project}/transfer", '{"user_id": "{stranger}"}', (404, 404, 404, 403, 403, 403, 422, 422)),
    ],
    "list_tasks": [("GET /tasks", None, EVERYONE)],
    "create_task": [("POST /tasks", '{"project_id": "{project}", "title": "T"}', answering(201, MEMBERS))],
    "check_task_filter": [("POST /tasks/filter-check", '{"filter": "priority = 1"}', EVERYONE)],
    "get_task": [("GET /tasks/{task}", None, VISIBLE), ("GET /tasks/{key}-1", None, VISIBLE)],
    "update_task": [("PATCH /tasks/{task}", '{"title": "T"}', MEMBERS)],
    "delete_task": [("DELETE /tasks/{task}", None, answering(204, MEMBERS))],
    "restore_task": [("POST /tasks/{task}/restore", None, MAINTAINERS)],
    "bulk_create_tasks": [
        (
            "POST /tasks/bulk-create",
            '{"tasks": [{"project_id": "{project}", "title": "T"}]}',
            (422, 422, 422, 403, 201, 201, 201, 201),
        )
    ],
    "bulk_update_tasks": [
        (
            "POST /tasks/bulk-update",
            '{"task_ids": ["{task}"], "update_data": {"priority": 5}}',
            (422, 422, 422, 403, 200, 200, 200, 200),
        )
    ],
    "aggregate_tasks": [("GET /tasks/aggregate", None, EVERYONE)],
    "get_project_stats": [("GET /projects/{project}/stats", None, VISIBLE), ("GET /projects/{key}/stats", None, VISIBLE)],
    "get_relations": [("GET /tasks/{task}/relations", None, VISIBLE)],
    "put_relation": [("PUT /tasks/{task}/relations/blocks/{other_task}", None, answering(204, MEMBERS))],
    "remove_relation": [("DELETE /tasks/{task}/relations/blocks/{other_task}", None, answering(204, MEMBERS))],
    "list_labels": [("GET /projects/{project}/labels", None, VISIBLE), ("GET /projects/{key}/labels", None, VISIBLE)],
    "create_label": [("POST /projects/{project}/labels", '{"name": "New"}', answering(201, MAINTAINERS))],
    "get_label": [("GET /labels/{label}", None, VISIBLE)],
    "update_label": [("PATCH /labels/{label}", '{"name": "New"}', MAINTAINERS)],
    "delete_label": [("DELETE /labels/{label}", None, answering(204, MAINTAINERS))],
    "put_task_label": [("PUT /tasks/{task}/labels/{label}", None, answering(204, MEMBERS))],
    "remove_task_label": [("DELETE /tasks/{task}/labels/{label}", None, answering(204, MEMBERS))],
    # The comment and the view are the owner's.
    "list_comments": [("GET /tasks/{task}/comments", None, VISIBLE)],
    "create_comment": [("POST /tasks/{task}/comments", '{"body": "Hm."}', answering(201, VISIBLE))],
    "get_comment": [("GET /comments/{comment}", None, VISIBLE)],
    "update_comment": [("PATCH /comments/{comment}", '{"body": "Aha."}', (404, 404, 404, 403, 403, 403, 200, 403))],
    "delete_comment": [("DELETE /comments/{comment}", None, answering(204, MAINTAINERS))],
    "restore_comment": [("POST /comments/{comment}/restore", None, MAINTAINERS)],
    "get_task_history": [("GET /tasks/{task}/history", None, VISIBLE)],
    "list_views": [("GET /views", None, EVERYONE)],
    "create_view": [
        ("POST /views", '{"name": "Mine", "filter": "priority = 1"}', answering(201, EVERYONE)),
        (
            "POST /views",
            '{"name": "Ours", "filter": "priority = 1", "project_id": "{project}", "shared": true}',
            answering(201, MEMBERS),
        ),
    ],
    "get_view": [("GET /views/{view}", None, VISIBLE)],
    "update_view": [("PATCH /views/{view}", '{"name": "All of them"}', MAINTAINERS)],
    "delete_view": [("DELETE /views/{view}", None, answering(204, MAINTAINERS))],
    "list_view_tasks": [("GET /views/{view}/tasks", None, VISIBLE)],
    "count_view_tasks": [("GET /views/{view}/count", None, VISIBLE)],
    "list_members": [("GET /projects/{project}/members", None, VISIBLE), ("GET /projects/{key}/members", None, VISIBLE)],
    "set_member": [
        ("PUT /projects/{project}/members/{guest}", ROLE("member"), MAINTAINERS),
        ("PUT /projects/{project}/members/{guest}", ROLE("maintainer"), OWNERS),
        ("PUT /projects/{project}/members/{guest}", ROLE("owner"), (422,) * 8),
        ("PUT /projects/{project}/members/{self}", ROLE("maintainer"), (404, 404, 404, 403, 403, 403, 409, 200)),
        ("PUT /projects/{project}/members/{owner}", ROLE("viewer"), (404, 404, 404, 403, 403, 403, 409, 409)),
        ("PUT /projects/{project}/members/{stranger}", ROLE("viewer"), (404, 404, 404, 404, 404, 404, 404, 200)),
    ],
    "remove_member": [
        ("DELETE /projects/{project}/members/{guest}", None, answering(204, MAINTAINERS)),
        ("DELETE /projects/{project}/members/{self}", None, (404, 404, 404, 204, 204, 204, 409, 404)),
        ("DELETE /projects/{project}/members/{owner}", None, (404, 404, 404, 403, 403, 403, 409, 409)),
        ("DELETE /projects/{project}/members/{other_maintainer}", None, answering(204, OWNERS)),
        ("DELETE /projects/{project}/members/{stranger}", None, (404,) * 8),
    ],
    "list_invitations": [("GET /projects/{project}/invitations", None, MAINTAINERS)],
    "create_invitation": [
        (
            "POST /projects/{project}/invitations",
            '{"email": "new@example.com", "role": "member"}',
            answering(201, MAINTAINERS),
        ),
        ("POST /projects/{project}/invitations", '{"email": "new@example.com", "role": "maintainer"}', answering(201, OWNERS)),
        ("POST /projects/{project}/invitations", '{"email": "new@example.com", "role": "owner"}', (422,) * 8),
    ],
    "list_my_invitations": [("GET /users/me/invitations", None, EVERYONE)],
    "get_invitation": [("GET /invitations/{invitation}", None, CONCERNED)],
    "delete_invitation": [("DELETE /invitations/{invitation}", None, answering(204, CONCERNED))],
    "accept_invitation": [("POST /invitations/{invitation}/accept", None, (404, 404, 200, 404, 404, 403, 403, 403))],
    "accept_invitation_by_token": [
        ("POST /invitations/accept", '{"token": "{token}"}', (403, 403, 200, 403, 403, 403, 403, 403))
    ],
}


class Place(NamedTuple):
    """A project of its own for one call: what stands for the placeholders of the table."""

    known: dict[str, str]

    def request(self, row: str, body: str | None) -> tuple[str, str, Any]:
        """Method, path and body with the ids filled in."""
        for name, value in self.known.items():
            row = row.replace(f"{{{name}}}", value)
            body = None if body is None else body.replace(f"{{{name}}}", value)
        method, path = row.split()
        return method, path, None if body is None else json.loads(body)

    def nowhere(self) -> Place:
        """The same, but for things that do not exist."""
        missing = {name: str(uuid4()) for name in ("project", "task", "label", "invitation")}
        return Place(self.known | missing | {"key": "ZZ9"})


class Street:
    """One person of each kind, and projects to call them in."""

    def __init__(self, connection: asyncpg.Connection[Any], people: dict[str, Api]) -> None:
        self.connection = connection
        self.people = people
        self._count = 0

    async def a_place(self, kind: str) -> Place:
        """A project with a member of each kind, two tasks, a label and an invitation."""
        self._count += 1
        people = self.people
        stored: dict[str, Any] = {name: _stored(each) for name, each in people.items()}
        key = f"P{self._count}"
        roles = {role: stored[role] for role in ("viewer", "member", "maintainer")}
        project_id = await a_stored_project(self.connection, stored["owner"], key, **roles)
        task_id, other_id = [await a_stored_task(self.connection, project_id, stored["owner"]) for _ in range(2)]
        label_id = await a_stored_label(self.connection, project_id, "bug")
        for name, role in (("guest", "viewer"), ("other_maintainer", "maintainer")):
            await self.connection.execute(
                "INSERT INTO memberships (id, project_id, user_id, role, created_at, version) "
                "VALUES (gen_random_uuid(), $1, $2::uuid, $3, now(), 1)",
                project_id, people[name].user["id"], role,
            )  # fmt: skip
        token = f"secret-{self._count}"
        invitation_id = await an_invitation(
            self.connection, project_id, people["maintainer"], people["invited"].user["email"], token_hash=digest(token)
        )
        ids = {name: each.user["id"] for name, each in people.items()}
        comment = made(await people["owner"].post(f"/tasks/{task_id}/comments", {"body": "Well."}))
        shown = {"name": "All", "filter": "priority >= 1", "project_id": str(project_id), "shared": True}
        view = made(await people["owner"].post("/views", shown))
        return Place(
            {"project": str(project_id), "key": key, "task": str(task_id), "invitation": str(invitation_id), "token": token}
            | {"other_task": str(other_id), "label": str(label_id), "comment": comment["id"], "view": view["id"]}
            | {"self": ids[kind], **{name: ids[name] for name in ("guest", "owner", "stranger", "other_maintainer")}}
        )

    async def owners(self, place: Place) -> int:
        """How many the project has."""
        query = "SELECT count(*) FROM memberships WHERE project_id = $1::uuid AND role = 'owner'"
        count: int = await self.connection.fetchval(query, place.known["project"])
        return count

    async def told(self) -> int:
        """How many events there are."""
        count: int = await self.connection.fetchval("SELECT count(*) FROM events")
        return count


def _stored(person: Api) -> Actor:
    return replace(an_actor(), user_id=UUID(person.user["id"]))


@pytest.fixture
async def street(api: Api, connection: asyncpg.Connection[Any]) -> Street:
    others = ("guest", "stranger", "other_maintainer")
    people = {kind: await a_user(api, kind) for kind in (*KINDS, *others) if kind != "admin"}
    people["admin"] = await an_admin(api, connection)
    await verified(connection, *people.values())
    return Street(connection, people)


async def test_every_operation_has_its_row(api: Api) -> None:
    operations = [each for path in describe(api.app, "/")["paths"].values() for each in path.values()]
    assert {each["operationId"] for each in operations if TAGS & set(each["tags"])} == set(MATRIX)


async def test_every_operation_answers_each_kind_of_person_as_the_table_says(street: Street) -> None:
    deviations = []
    for row, body, statuses in [each for rows in MATRIX.values() for each in rows]:
        for kind, expected in zip(KINDS, statuses, strict=True):
            place, told = await street.a_place(kind), await street.told()
            response = await street.people[kind].call(*place.request(row, body))
            if response.status_code != expected or not gives_the_reason(response):
                deviations.append(f"{row} {body} by {kind}: {expected} expected, came {response.status_code} {response.text}")
            if await street.owners(place) != 1:
                deviations.append(f"{row} {body} by {kind}: not one owner")
            if response.status_code >= 400 and await street.told() != told:
                deviations.append(f"{row} {body} by {kind}: refused, and yet something was done")
    assert deviations == []


def gives_the_reason(response: httpx.Response) -> bool:
    """Whether a refusal for want of a role names the one that would do."""
    problem = response.json() if response.status_code == 403 else {"code": "not_invited"}
    return problem["code"] in {"not_invited", "author_required"} or problem.get("required_role") in KINDS


async def test_what_one_may_not_see_reads_as_what_there_is_not(street: Street) -> None:
    asked = 0
    for row, body, statuses in [each for rows in MATRIX.values() for each in rows]:
        for kind, expected in zip(KINDS[:3], statuses, strict=False):
            if expected == 404:
                place = await street.a_place(kind)
                there, nowhere = [
                    await street.people[kind].call(*each.request(row, body)) for each in (place, place.nowhere())
                ]  # fmt: skip
                assert but_for_the_request(there) == but_for_the_request(nowhere), (row, kind)
                asked += 1
    assert asked > 60


async def test_without_a_token_every_operation_is_closed(street: Street, api: Api) -> None:
    place = await street.a_place("owner")
    for row, body, _ in [each for rows in MATRIX.values() for each in rows]:
        assert (await api.call(*place.request(row, body))).status_code == 401, row
