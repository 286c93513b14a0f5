"""What personal access tokens may not do, asked of every route that the service has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.http.openapi import describe
from service.http.routes import Policy, handlers
from service.kernel.actor import Scope
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_personal_token, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg
    from litestar import Litestar

    from service.http.routes import Access

pytestmark = pytest.mark.anyio

EVERY_SCOPE = tuple(Scope)


def routes(app: Litestar) -> Iterator[tuple[str, str, Access]]:
    """Method, path and access of every route."""
    for path, handler in handlers(app):
        for method in handler.http_methods:
            yield method, path, handler.opt["access"]


def filled(path: str, **known: str) -> str:
    """The path with what is known in its places, and an id of nothing in the others."""
    return re.sub(r"{(\w+)(?::\w+)?}", lambda place: known.get(place[1], str(uuid4())), path)


def body_for(method: str) -> dict[str, Any] | None:
    """A body that can be read: whether it is valid is looked at after the scope."""
    return None if method in {"GET", "DELETE"} else {}


async def test_a_token_that_lacks_just_the_scope_of_a_route_is_refused_and_told_which(api: Api) -> None:
    ann = await a_user(api)
    lacking = {scope: await a_personal_token(ann, *(set(Scope) - {scope})) for scope in Scope}
    scoped = [route for route in routes(api.app) if route[2].scope is not None]
    assert len(scoped) > 20
    for method, path, access in scoped:
        assert access.scope is not None
        response = await lacking[access.scope].call(method, filled(path), body_for(method))
        problem = refused(response, 403, "insufficient_scope")
        assert problem["required_scope"] == access.scope, (method, path)
        assert access.scope in problem["detail"]


async def test_a_token_with_just_the_scope_of_a_route_passes_that_check(api: Api, connection: asyncpg.Connection[Any]) -> None:
    root = await an_admin(api, connection)
    having = {scope: await a_personal_token(root, scope) for scope in Scope}
    for method, path, access in routes(api.app):
        if access.scope is not None:
            # What no route knows is refused after the scope, and before anything is done.
            response = await having[access.scope].call(method, f"{filled(path)}?nonsense=1", body_for(method))
            assert "/nonsense" in wrong_fields(refused(response, 422, "validation_failed")), (method, path)


async def test_no_token_reaches_what_takes_a_session(api: Api) -> None:
    script = await a_personal_token(await a_user(api), *EVERY_SCOPE)
    of_sessions = [route for route in routes(api.app) if route[2].policy is Policy.SESSION]
    assert len(of_sessions) > 5
    for method, path, _ in of_sessions:
        refused(await script.call(method, filled(path), body_for(method)), 403, "session_required")


async def test_whatever_is_under_auth_is_for_everyone_or_takes_a_session(api: Api) -> None:
    under = [route for route in routes(api.app) if route[1].startswith("/api/v1/auth/")]
    assert len(under) > 10
    assert {access.policy for _, _, access in under} == {Policy.PUBLIC, Policy.SESSION}


async def test_no_token_makes_another(api: Api) -> None:
    ann = await a_user(api)
    script = await a_personal_token(ann, *EVERY_SCOPE)
    refused(await script.post("/auth/tokens", {}), 403, "session_required")
    assert made(await ann.get("/auth/tokens"))["total"] == 1


async def test_an_admin_s_token_without_the_scope_sees_no_more_than_a_plain_member(
    api: Api, connection: asyncpg.Connection[Any]
) -> None:
    ann, root = await a_user(api), await an_admin(api, connection)
    web, hidden = await a_project(ann), await a_project(ann)
    await a_member(connection, web, root)
    seen, unseen = await a_task(ann, web), await a_task(ann, hidden)
    await a_user(api, "Stranger")
    plain = await a_personal_token(root, *(set(Scope) - {Scope.ADMIN}))
    assert [project["id"] for project in made(await plain.get("/projects"))["items"]] == [web["id"]]
    assert [task["id"] for task in made(await plain.get("/tasks"))["items"]] == [seen["id"]]
    assert {user["id"] for user in made(await plain.get("/users"))["items"]} == {ann.user["id"], root.user["id"]}
    assert "role" not in made(await plain.get(f"/users/{ann.user['id']}"))
    refused(await plain.get(f"/tasks/{unseen['id']}"), 404, "task_not_found")
    refused(await plain.patch(f"/tasks/{unseen['id']}", {"title": "T"}), 404, "task_not_found")
    refused(await plain.get(f"/projects/{hidden['id']}"), 404, "project_not_found")
    refused(await plain.post("/tasks", {"project_id": hidden["id"], "title": "T"}), 404, "project_not_found")
    problem = refused(await plain.patch(f"/projects/{web['id']}", {"name": "Mine"}), 403, "insufficient_role")
    assert problem["required_role"] == "maintainer"
    whole = await a_personal_token(root, *EVERY_SCOPE)
    assert made(await whole.get("/projects"))["total"] == 2
    assert made(await whole.get("/users"))["total"] == 3


async def test_everything_of_a_project_that_a_token_is_narrowed_away_from_reads_as_nothing(api: Api) -> None:
    ann = await a_user(api)
    web, other = await a_project(ann), await a_project(ann)
    task = await a_task(ann, other)
    comment = made(await ann.post(f"/tasks/{task['id']}/comments", {"body": "Hidden"}))
    script = await a_personal_token(ann, *EVERY_SCOPE, project_ids=[web["id"]])
    # Valid bodies: what is wrong with one would be told first.
    paths = describe(api.app, "/")["paths"]
    asked = 0
    for method, path, access in routes(api.app):
        if access.scope is None or not re.search(r"{(task|project|comment):", path):
            continue
        template = re.sub(r":\w+}", "}", path)
        content = paths[template][method.lower()].get("requestBody", {}).get("content", {})
        body = content["application/json"]["example"] if content else body_for(method)
        for known in ({"task": task["id"], "project": other["id"]}, {"task": task["key"], "project": other["key"]}):
            response = await script.call(method, filled(path, comment=comment["id"], **known), body)
            assert response.status_code == 404, (method, path, response.text)
            assert other["name"] not in response.text
            asked += 1
    assert asked >= 28
    assert made(await ann.get(f"/tasks/{task['id']}")) == task | {"comment_count": 1}
    assert made(await ann.get(f"/comments/{comment['id']}")) == comment
    assert made(await ann.get(f"/projects/{other['id']}"))["version"] == other["version"]
