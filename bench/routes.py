"""The routes that are measured, as the requests that clients send to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.asgi import Request
from bench.scene import API

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.scene import Scene

PAGE = 50


def _get(scene: Scene) -> list[Request]:
    return [Request("GET", f"{API}/tasks/{id_}", scene.token) for id_ in scene.task_ids]


def _list(scene: Scene) -> list[Request]:
    return [Request("GET", f"{API}/tasks?project_id={id_}&limit={PAGE}", scene.token) for id_ in scene.project_ids]


def _list_all(scene: Scene) -> list[Request]:
    return [Request("GET", f"{API}/tasks?limit={PAGE}", scene.token)]


def _post(scene: Scene) -> list[Request]:
    # Spread over projects: within one, the counter of task numbers lets only one request at a time through.
    bodies = [{"project_id": id_, "title": "Paint the fence", "description": "Both sides."} for id_ in scene.project_ids]
    return [Request("POST", f"{API}/tasks", scene.token, msgspec.json.encode(body)) for body in bodies]


# By name, with what the report calls it. The writing one comes last: the others must not meet a table that grows.
ROUTES: dict[str, tuple[str, Callable[[Scene], list[Request]]]] = {
    "get": ("GET task", _get),
    "list": (f"GET list of {PAGE}, one project", _list),
    "list-all": (f"GET list of {PAGE}, all visible", _list_all),
    "post": ("POST task", _post),
}
