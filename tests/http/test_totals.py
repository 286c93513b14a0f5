"""Every list tells how many items there are, also where it shows fewer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.http.paging import PageQuery
from service.http.routes import handlers
from tests.support.http import Api, made
from tests.support.member_scenes import an_invitation, verified
from tests.support.scenes import PASSWORD, a_member, a_project, a_task, a_user

if TYPE_CHECKING:
    import asyncpg

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


async def test_every_list_counts_what_it_does_not_show(api: Api, connection: asyncpg.Connection[Any]) -> None:
    ann, ids = await two_of_each(api, connection)
    lists = [path for path, handler in handlers(api.app) if issubclass(handler.opt["query"], PageQuery)]
    assert len(lists) > 10
    for path in lists:
        filled = path
        for name, id_ in ids.items():
            filled = filled.replace(f"{{{name}:str}}", id_)
        page = made(await ann.get(filled + "?limit=1"))
        assert len(page["items"]) == 1, path
        assert page["total"] > 1, path
        assert page["total_is_exact"] is True, path
