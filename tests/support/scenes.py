"""Stored scenes, arranged over HTTP: a signed-in person, a project with members, a task in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.support.http import Api, made

if TYPE_CHECKING:
    import asyncpg

PASSWORD = "Correct-horse-7-battery"
_NUMBERS = count(1)


async def a_user(api: Api, name: str = "Ann") -> Api:
    """Somebody who has registered and logged in."""
    email = f"{name.lower()}-{next(_NUMBERS)}@example.com"
    user = made(await api.post("/auth/register", {"email": email, "password": PASSWORD, "full_name": f"{name} Example"}))
    tokens = made(await api.post("/auth/login", {"email": email, "password": PASSWORD}))
    return api.as_user(tokens["access_token"], user)


async def an_admin(api: Api, connection: asyncpg.Connection[Any]) -> Api:
    """A signed-in instance admin."""
    admin = await a_user(api, "Root")
    await connection.execute("UPDATE users SET role = 'admin' WHERE id = $1::uuid", admin.user["id"])
    return admin


async def a_personal_token(person: Api, *scopes: str, **fields: Any) -> Api:
    """The same person, by a personal access token with these scopes."""
    expires_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    wish = {"password": PASSWORD, "name": "Nightly report", "scopes": scopes, "expires_at": expires_at, **fields}
    return person.as_user(made(await person.post("/auth/tokens", wish))["token"], person.user)


async def a_project(owner: Api, **fields: Any) -> dict[str, Any]:
    """A project of the owner's."""
    return made(await owner.post("/projects", {"name": "Web Site", **fields}))


async def a_member(connection: asyncpg.Connection[Any], project: dict[str, Any], person: Api, role: str = "member") -> None:
    """Make somebody a member, straight in the database: invitations come by another way."""
    await connection.execute(
        "INSERT INTO memberships (id, project_id, user_id, role, created_at) "
        "VALUES (gen_random_uuid(), $1::uuid, $2::uuid, $3, now())",
        project["id"],
        person.user["id"],
        role,
    )


async def a_label(person: Api, project: dict[str, Any], name: str = "bug", **fields: Any) -> dict[str, Any]:
    """A label of the project."""
    return made(await person.post(f"/projects/{project['id']}/labels", {"name": name, **fields}))


async def a_task(person: Api, project: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A task in the project."""
    return made(await person.post("/tasks", {"project_id": project["id"], "title": "Write the tour", **fields}))
