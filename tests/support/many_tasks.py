"""Bulk requests in the words of the tests, and what they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.http import Api, made

if TYPE_CHECKING:
    import asyncpg


async def tasks_of(person: Api, *bodies: dict[str, Any]) -> list[dict[str, Any]]:
    """Tasks created at once."""
    items: list[dict[str, Any]] = made(await person.post("/tasks/bulk-create", {"tasks": list(bodies)}))["items"]
    return items


def body(project: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A task to create."""
    return {"project_id": project["id"], "title": "T", **fields}


async def dump(connection: asyncpg.Connection[Any]) -> list[list[str]]:
    """Every row of what bulk requests write."""
    return [
        [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]  # noqa: S608
        for table in ("projects", "tasks", "events")
    ]
