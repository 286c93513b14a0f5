"""Every list tells how many items there are, also where it shows fewer, and how it can be sorted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.http.paging import PageQuery
from service.http.routes import handlers
from tests.support.http import Api, made, refused
from tests.support.member_scenes import an_invitation, verified
from tests.support.scenes import PASSWORD, a_member, a_project, a_task, a_user

if TYPE_CHECKING:
    import asyncpg
    from litestar.handlers import HTTPRouteHandler

    from service.http.paging import Order

pytestmark = [pytest.mark.anyio, pytest.mark.api]


async def two_of_each(api: Api, connection: asyncpg.Connection[Any]) -> tuple[Api, dict[str, str]]:
    """Somebody who has two of whatever there is a list of."""
    ann, bob = await a_user(api, "Ann"), await a_user(api, "Bob")
    await verified(connection, ann)
    web, shop = await a_project(ann, key="WEB"), await a_project(ann, key="SHOP")
    await a_member(connection, web, bob)
    task, _ = await a_task(ann, web), await a_task(ann, web)
    credentials = {"email": ann.user["email"], "password": PASSWORD}
    made(await api.post("/auth/login", credentials))
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    shown: dict[str, Any] = {"filter": "priority >= 1", "project_id": web["id"], "shared": True}
    for number in range(2):
        token = {"password": PASSWORD, "name": "Nightly", "scopes": ["tasks:read"], "expires_at": until}
        made(await ann.post("/auth/tokens", token))
        made(await ann.post("/projects/WEB/labels", {"name": f"label {number}"}))
        made(await ann.post(f"/tasks/{task['id']}/comments", {"body": "Hm."}))
        made(await ann.post("/projects/WEB/invitations", {"email": f"new-{number}@example.com", "role": "member"}))
        made(await ann.post("/views", {"name": "All", **shown}))
        theirs = await a_project(bob, key=f"BOB{number}")
        await an_invitation(connection, theirs["id"], bob, ann.user["email"])
    view = made(await ann.post("/views", {"name": "All", **shown}))
    return ann, {"project": web["id"], "task": task["id"], "view": view["id"], "shop": shop["id"]}


def every_list(api: Api, ids: dict[str, str]) -> dict[str, HTTPRouteHandler]:
    """Every list by its path, with these ids in it."""
    lists = {}
    for path, handler in handlers(api.app):
        if issubclass(handler.opt["query"], PageQuery):
            filled = path
            for name, id_ in ids.items():
                filled = filled.replace(f"{{{name}:str}}", id_)
            lists[filled] = handler
    return lists


async def test_every_list_counts_what_it_does_not_show(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, ids = await two_of_each(api, connection)
    lists = every_list(api, ids)
    assert len(lists) > 10
    for path in lists:
        page = made(await ann.get(path + "?limit=1"))
        assert len(page["items"]) == 1, path
        assert page["total"] > 1, path
        assert page["total_is_exact"] is True, path


async def test_the_description_tells_how_every_list_is_sorted(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, ids = await two_of_each(api, connection)
    described = made(await api.get("/openapi.json"))["paths"].values()
    operations = {operation["operationId"]: operation for path in described for operation in path.values()}
    for path, handler in every_list(api, ids).items():
        order: Order = handler.opt["order"]
        problem = refused(await ann.get(path + "?sort=nothing"), 422, "validation_failed")
        assert problem["errors"][0]["message"].endswith(f"there are: {', '.join(order.keys)}."), path
        parameters = {parameter.get("name"): parameter for parameter in operations[handler.name]["parameters"]}
        assert parameters["sort"]["description"] == order.description, path
        assert all(f"`{key}`" in order.description for key in order.keys), path
        if order.default is not None:
            assert order.description.endswith(f"Without it: `{order.default}`."), path
            # A cursor is bound to the order, so two that are the same come of the same.
            sorted_so, bare = [made(await ann.get(f"{path}?limit=1{sort}")) for sort in (f"&sort={order.default}", "")]
            assert sorted_so["next_cursor"] == bare["next_cursor"] is not None, path
