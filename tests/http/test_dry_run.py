"""Writes with validate_only: every check is made, the answer is what would be, and the database stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import json

from service.app import create_app
from service.http.dry_run import without_new
from service.http.routes import handlers
from service.piccolo_app import TABLES
from service.settings import Database, Settings
from tests.support.http import Api, made, refused, wrong_fields
from tests.support.scenes import a_member, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg
    from litestar import Litestar

pytestmark = pytest.mark.anyio

# By the operation: who calls it, what stands in its path, and the body. `{…}` is filled in from the scene.
CASES: dict[str, tuple[str, str, Any]] = {
    "activate_user": ("root", "/users/{cora}/activate", None),
    "archive_project": ("ann", "/projects/WEB/archive", None),
    "bulk_create_tasks": ("ann", "/tasks/bulk-create", {"tasks": [{"project_id": "{web}", "title": f"T{n}"} for n in range(3)]}),
    "bulk_update_tasks": ("ann", "/tasks/bulk-update", {"task_ids": ["{task}"], "update_data": {"status": "done"}}),
    "create_comment": ("bob", "/tasks/WEB-1/comments", {"body": "Looks good."}),
    "create_project": ("ann", "/projects", {"name": "New Site", "description": "x"}),
    "create_task": ("ann", "/tasks", {"project_id": "{web}", "title": "T", "assignee_id": "{bob}", "parent_id": "{task}"}),
    "create_view": ("ann", "/views", {"name": "Late", "filter": "is_overdue = TRUE", "project_id": "{web}", "shared": True}),
    "create_user": ("root", "/users", {"email": "new@example.com", "role": "user", "full_name": "New"}),
    "deactivate_user": ("root", "/users/{bob}/deactivate", None),
    "delete_comment": ("ann", "/comments/{said}", None),
    "create_label": ("ann", "/projects/WEB/labels", {"name": "docs", "color": "#AABBCC"}),
    "delete_label": ("ann", "/labels/{label}", None),
    "delete_project": ("ann", "/projects/WEB", None),
    "delete_task": ("ann", "/tasks/WEB-1", None),
    "delete_user": ("root", "/users/{bob}", None),
    "reset_second_factor": ("root", "/users/{bob}/mfa-reset", None),
    "remove_member": ("ann", "/projects/WEB/members/{bob}", None),
    "set_member": ("ann", "/projects/WEB/members/{bob}", {"role": "viewer"}),
    "restore_project": ("ann", "/projects/{gone}/restore", None),
    "restore_task": ("ann", "/tasks/BIN-1/restore", None),
    "restore_comment": ("ann", "/comments/{taken_back}/restore", None),
    "put_relation": ("ann", "/tasks/{task}/relations/blocks/{other}", None),
    "put_task_label": ("ann", "/tasks/{other}/labels/{label}", None),
    "remove_relation": ("ann", "/tasks/{task}/relations/relates_to/{other}", None),
    "remove_task_label": ("ann", "/tasks/{task}/labels/{label}", None),
    "delete_view": ("ann", "/views/{view}", None),
    "restore_user": ("root", "/users/{dora}/restore", None),
    "set_user_role": ("root", "/users/{bob}/role", {"role": "admin"}),
    "transfer_project": ("ann", "/projects/WEB/transfer", {"user_id": "{bob}"}),
    "unarchive_project": ("ann", "/projects/OLD/unarchive", None),
    "unlock_user": ("root", "/users/{bob}/unlock", None),
    "update_comment": ("bob", "/comments/{said}", {"body": "Looks better."}),
    "update_label": ("ann", "/labels/{label}", {"name": "Bugs"}),
    "update_me": ("bob", "/users/me", {"locale": "de"}),
    "update_project": ("ann", "/projects/WEB", {"name": "Renamed", "description": None}),
    "update_task": ("ann", "/tasks/{task}", {"title": "Renamed", "due_date": "2026-12-01T00:00:00Z"}),
    "update_view": ("ann", "/views/{view}", {"name": "Mine", "filter": "assignee=me()", "sort": "title", "shared": False}),
    "update_user": ("root", "/users/{bob}", {"full_name": "Robert"}),
}

# Writes that can't be tried out, by their operation.
NOT_TRIED = {
    "check_task_filter",
    "create_invitation",
    "delete_invitation",
    "delete_me",
    "accept_invitation",
    "accept_invitation_by_token",
}


@pytest.fixture
async def scene(api: Api, connection: asyncpg.Connection[Any]) -> dict[str, Any]:
    """People, a project with a task, and an archived one."""
    root, ann, bob = await an_admin(api, connection), await a_user(api, "Ann"), await a_user(api, "Bob")
    web = await a_project(ann, key="WEB")
    await a_project(ann, key="OLD")
    made(await ann.post("/projects/OLD/archive"))
    gone = await a_project(ann, key="GONE")
    await ann.delete("/projects/GONE")
    await a_task(ann, await a_project(ann, key="BIN"))
    await ann.delete("/tasks/BIN-1")
    await a_member(connection, web, bob)
    cora = await a_user(api, "Cora")
    made(await root.post(f"/users/{cora.user['id']}/deactivate"))
    label = made(await ann.post("/projects/WEB/labels", {"name": "bug"}))
    task, other = await a_task(ann, web, label_ids=[label["id"]]), await a_task(ann, web)
    await ann.put(f"/tasks/{task['id']}/relations/relates_to/{other['id']}")
    dora = await a_user(api, "Dora")
    await root.call("DELETE", f"/users/{dora.user['id']}")
    said, taken_back = [made(await bob.post("/tasks/WEB-1/comments", {"body": "Hm."}))["id"] for _ in range(2)]
    assert (await bob.delete(f"/comments/{taken_back}")).is_success
    for _ in range(5):
        await api.post("/auth/login", {"email": bob.user["email"], "password": "not Bob's"})
    await connection.execute("UPDATE users SET mfa_enabled = true WHERE id = $1::uuid", bob.user["id"])
    view = made(await ann.post("/views", {"name": "All", "filter": "TRUE", "project_id": web["id"], "shared": True}))
    ids = {"web": web["id"], "task": task["id"], "bob": bob.user["id"], "cora": cora.user["id"], "gone": gone["id"]}
    ids |= {"said": said, "taken_back": taken_back, "other": other["id"], "label": label["id"], "view": view["id"]}
    ids["dora"] = dora.user["id"]
    return {"root": root, "ann": ann, "bob": bob, "ids": ids}


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The value with ids in place of their names."""
    text = json.encode(value).decode()
    for name, id_ in ids.items():
        text = text.replace(f"{{{name}}}", id_)
    return json.decode(text)


async def dump(connection: asyncpg.Connection[Any]) -> dict[str, list[Any]]:
    """Every row of every table."""
    names = [table._meta.tablename for table in TABLES]  # noqa: SLF001  (Piccolo 1.38 tells it nowhere else)
    return {name: await connection.fetch(f"SELECT * FROM {name} ORDER BY 1") for name in names}  # noqa: S608


def routes(app: Litestar) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The operations that can be tried out: method, and what would be new."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for _, handler in handlers(app):
        writing = handler.opt["plan"].writing
        if writing is not None and writing.validate_only:
            found[str(handler.name)] = (next(iter(handler.http_methods)), writing.fresh)
    return found


def test_every_route_that_can_be_tried_out_is_tried_here(key_file: Path) -> None:
    app = create_app(Settings(keys_file=key_file, database=Database(url="postgresql://nobody@127.0.0.1:1/none")))
    assert routes(app).keys() == CASES.keys()
    writes = {handler.name for _, handler in handlers(app) if handler.opt["plan"].writing is not None}
    assert writes - CASES.keys() == NOT_TRIED


@pytest.mark.parametrize("operation", CASES)
async def test_a_dry_run_changes_no_row_and_foretells_the_answer(
    scene: dict[str, Any], connection: asyncpg.Connection[Any], *, operation: str
) -> None:
    who, path, body = CASES[operation]
    caller: Api = scene[who]
    path, body = filled(path, scene["ids"]), filled(body, scene["ids"])
    method, fresh = routes(caller.app)[operation]
    before = await dump(connection)
    tried = await caller.call(method, f"{path}?validate_only=true", body, headers={"Idempotency-Key": "k"})
    assert tried.is_success, tried.text
    assert await dump(connection) == before
    assert {"location", "etag", "x-change-cursor", "idempotency-replayed"}.isdisjoint(tried.headers)
    real = await caller.call(method, f"{path}?validate_only=false", body)
    assert real.status_code == tried.status_code
    assert await dump(connection) != before
    assert real.headers["x-change-cursor"]
    if real.content:
        # The clock stands still, so the times are the same too.
        assert tried.json() == json.decode(without_new(real.content, fresh))
        assert fresh == () or (tried.content != real.content and real.json().get("id", ...) is not None)
    else:
        assert not tried.content


async def test_a_dry_run_is_refused_like_the_write(scene: dict[str, Any], connection: asyncpg.Connection[Any], api: Api) -> None:
    ann, bob, ids = scene["ann"], scene["bob"], scene["ids"]
    stranger = await a_user(api, "Dora")
    before = await dump(connection)
    task = {"project_id": ids["web"], "title": "T"}
    refused(await api.post("/tasks?validate_only=true", task), 401, "unauthenticated")
    refused(await stranger.post("/tasks?validate_only=true", task), 404, "project_not_found")
    refused(await bob.patch("/projects/WEB?validate_only=true", {"name": "X"}), 403, "insufficient_role")
    refused(await ann.post("/projects?validate_only=true", {"name": "X", "key": "WEB"}), 409, "key_taken")
    refused(await ann.patch("/projects/OLD?validate_only=true", {"name": "X"}), 409, "project_archived")
    refused(await ann.post("/tasks?validate_only=true", task | {"title": ""}), 422, "validation_failed")
    answer = await ann.post("/tasks?validate_only=true", task | {"assignee_id": stranger.user["id"]})
    assert wrong_fields(refused(answer, 422, "validation_failed")) == {"/assignee_id": "not_a_member"}
    assert "x-change-cursor" not in answer.headers
    bulk = {"tasks": [task, task | {"parent_id": ids["bob"]}]}
    assert wrong_fields((await ann.post("/tasks/bulk-create?validate_only=true", bulk)).json()) == {
        "/tasks/1/parent_id": "not_found"
    }
    assert await dump(connection) == before


async def test_a_number_that_was_tried_out_is_the_next_ones(scene: dict[str, Any]) -> None:
    task = {"project_id": scene["ids"]["web"], "title": "T"}
    for _ in range(3):
        assert made(await scene["ann"].post("/tasks?validate_only=true", task))["number"] is None
    assert made(await scene["ann"].post("/tasks", task))["number"] == 3


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/tasks"), ("GET", "/users/me"), ("POST", "/auth/login"), ("POST", "/auth/logout"), ("GET", "/health")],
)
async def test_elsewhere_the_parameter_is_unknown(scene: dict[str, Any], *, method: str, path: str) -> None:
    body = {"email": "ann@example.com", "password": "x"} if path == "/auth/login" else None
    answer = await scene["ann"].call(method, f"{path}?validate_only=true", body)
    assert wrong_fields(refused(answer, 422, "validation_failed")) == {"/validate_only": "unknown"}


async def test_the_parameter_is_true_or_false(scene: dict[str, Any]) -> None:
    answer = await scene["ann"].post("/projects?validate_only=maybe", {"name": "X"})
    assert wrong_fields(refused(answer, 422, "validation_failed")) == {"/validate_only": "wrong_type"}
