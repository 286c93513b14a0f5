"""Every operation of the description: who is let in, what can't be assigned, and that no value whatever is a fault of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
import pytest

from service.app import create_app
from service.http.openapi import describe
from service.http.routes import Policy
from service.piccolo_app import TABLES
from service.settings import Database, Settings
from tests.support.http import API, Api, made, refused, wrong_fields
from tests.support.scenes import a_label, a_project, a_task, a_user, an_admin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import asyncpg
    import httpx

pytestmark = pytest.mark.anyio

# What answers without a token. Whoever adds to it says here that strangers may call it.
PUBLIC = {
    "register", "verify_email", "resend_verification", "request_password_reset", "confirm_password_reset",
    "confirm_email_change", "login", "verify_mfa", "refresh", "get_jwks", "get_health", "get_liveness", "get_readiness",
    "get_info", "get_problem",
}  # fmt: skip
# What only an instance's admins are let in to, whatever the body and the path.
ADMIN = {
    "create_user", "activate_user", "deactivate_user", "reset_second_factor", "restore_user", "set_user_role", "unlock_user",
}  # fmt: skip

# What the service alone decides; no body may hold it, but for the operations whose purpose it is.
DECIDED = {
    "id", "number", "version", "field_versions", "owner_id", "owner", "reporter_id", "reporter", "created_at", "updated_at",
    "deleted_at", "deleted_with", "purged_at", "purge_at", "archived_at", "is_archived", "completed_at", "comment_count",
    "last_number", "is_active", "email_verified_at", "mfa_enabled", "password_hash", "user_id", "role", "is_overdue",
    "is_blocked", "my_role", "token_hash", "last_used_at", "actor_id", "author", "author_id",
}  # fmt: skip
PURPOSE = {
    "create_user": {"role"}, "set_user_role": {"role"}, "set_member": {"role"}, "create_invitation": {"role"},
    "transfer_project": {"user_id"},
}  # fmt: skip
# What may be said of a new thing, and never changes.
ONCE = {"key", "project_id"}

TEXTS = (
    "", " ", "\u00a0", "a", "\x00", "a\x00b", "\x1b[2J", "\r\nX: y", "\u202e\u200b", "\ufeff", "\ufffe", "\U0001f600" * 50,
    "e\u0301" * 100, "x" * 201, "x" * 20_001, "'; DROP TABLE users;--", '" OR 1=1', "%", "_", "%%%__", "\\", "{}", "{{}}",
    "../../etc/passwd", "<script>", "null", "NaN", "Infinity", "-", "1e5", "0x10", "\u0663", "-1", "2147483648",
    "9223372036854775808", "2024-02-30", "0000-00-00T00:00:00Z", "9999-12-31T23:59:60Z", "2024-01-01T00:00:00+99:99",
    "-infinity", "infinity", "epoch", "now", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "me", "none", "TRUE", "((((((((((", "NOT " * 200 + "TRUE", "a" * 254 + "@example.org", "@", "\u0130@example.org",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *TEXTS, None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1.5, -0.0, 1e308, [], [None], [[]],
    ["a"] * 1001, ["\x00"], [{}], {}, {"a": 1}, {"\x00": 1}, {"$gt": ""},
)  # fmt: skip
# What ends the session that the test speaks with, or the account.
_FAREWELLS = {"logout", "logout_all", "delete_me"}
# The three that have got past validators of other services most often.
FEW = ("\x00", 2**63, "9999-12-31T23:59:60Z")


class Operation:
    """One operation of the description, and how it is called."""

    def __init__(self, method: str, path: str, told: dict[str, Any], document: dict[str, Any]) -> None:
        self.method, self.path, self.told = method.upper(), path.removeprefix(API), told
        self.name: str = told["operationId"]
        self._schemas = document["components"]["schemas"]
        content = told.get("requestBody", {}).get("content", {})
        self.example: Any = content["application/json"]["example"] if content else None
        self._schema = content["application/json"]["schema"] if content else {}
        shared = document["components"].get("parameters", {})
        parameters = [each if "in" in each else shared[each["$ref"].rpartition("/")[2]] for each in told.get("parameters", ())]
        self.queries = [each["name"] for each in parameters if each["in"] == "query"]
        self.places = re.findall(r"{(\w+)}", path)

    def fields(self) -> set[str]:
        """Of the body, at its top and inside."""
        return set(self._properties(self._schema))

    def top_fields(self) -> set[str]:
        """Of the body, at its top."""
        return set(self._resolved(self._schema).get("properties", {}))

    def filled(self, known: dict[str, str], **instead: str) -> str:
        """The path with what is known in its places, and an id of nothing in the others."""
        values = known | instead
        return re.sub(r"{(\w+)}", lambda place: quote(values.get(place[1], str(uuid4())), safe=""), self.path)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def _properties(self, schema: Any) -> Iterator[str]:
        if isinstance(schema, list):
            for part in schema:
                yield from self._properties(part)
        elif isinstance(schema, dict):
            schema = self._resolved(schema)
            yield from schema.get("properties", {})
            for part in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("anyOf"), schema.get("oneOf")):
                yield from self._properties(part)


@pytest.fixture(scope="module")
def operations(key_file: Path) -> list[Operation]:
    """All that there are."""
    app = create_app(Settings(keys_file=key_file, database=Database(url="postgresql://nobody@127.0.0.1:1/none")))
    document = describe(app, "/")
    return [Operation(method, path, told, document) for path, item in document["paths"].items() for method, told in item.items()]


def sound(response: httpx.Response) -> bool:
    """Whether the answer is a success, or a refusal that was made before PostgreSQL had to make it."""
    if response.status_code < 400:
        return True
    if response.headers["content-type"] != "application/problem+json" or response.status_code >= 500:
        return False
    # What PostgreSQL refuses has a validator missing: see adapters/database/failures.py.
    return "unacceptable" not in {error["code"] for error in response.json().get("errors", ())}


async def test_without_a_token_nothing_answers_but_what_is_for_everyone(crowd: Api, operations: list[Operation]) -> None:
    for operation in operations:
        if operation.name not in PUBLIC:
            response = await crowd.call(operation.method, operation.filled({}), operation.example)
            refused(response, 401, "unauthenticated")
            assert response.headers["www-authenticate"] == "Bearer", operation.name
    assert {operation.name for operation in operations} >= PUBLIC


async def test_what_is_for_admins_refuses_everybody_else_whatever_is_asked(
    crowd: Api, connection: asyncpg.Connection[Any], operations: list[Operation]
) -> None:
    root, ann = await an_admin(crowd, connection), await a_user(crowd)
    of_admins = [operation for operation in operations if operation.told["x-policy"] == Policy.ADMIN]
    assert {operation.name for operation in of_admins} == ADMIN
    for operation in of_admins:
        for user in (root.user["id"], ann.user["id"], str(uuid4()), "not-an-id"):
            response = await ann.call(operation.method, operation.filled({"user": user}), operation.example)
            refused(response, 403, "admin_required")


def test_no_body_takes_what_the_service_decides(operations: list[Operation]) -> None:
    taken = {
        operation.name: operation.fields() & (DECIDED | (ONCE if operation.method == "PATCH" else set()))
        for operation in operations
        if operation.example is not None
    }
    assert {name: fields for name, fields in taken.items() if fields} == PURPOSE
    assert len(taken) > 30


async def test_no_column_is_assigned_that_the_body_does_not_declare(
    crowd: Api, connection: asyncpg.Connection[Any], operations: list[Operation]
) -> None:
    root = await an_admin(crowd, connection)
    names = {column._meta.name for table in TABLES for column in table._meta.columns} | DECIDED  # noqa: SLF001  (told nowhere else)
    for operation in operations:
        if isinstance(operation.example, dict):
            others = dict.fromkeys(sorted(names - operation.top_fields())[:100])
            response = await root.call(operation.method, operation.filled({}), operation.example | others)
            wrong = wrong_fields(refused(response, 422, "validation_failed"))
            assert {f"/{name}" for name in others} <= {pointer for pointer, code in wrong.items() if code == "unknown"}


class Scene:
    """Somebody with one of everything that a path can name."""

    def __init__(self, person: Api, known: dict[str, str]) -> None:
        self.person = person
        self.known = known

    async def all_faults(self, operations: list[Operation], values: tuple[Any, ...]) -> list[str]:
        """Those of every operation but for what ends the session that asks."""
        found = [fault for each in operations if each.name not in _FAREWELLS for fault in await self.faults(each, values)]
        # Or nobody signed in has asked.
        made(await self.person.get("/users/me"))
        return found

    async def faults(self, operation: Operation, values: tuple[Any, ...]) -> list[str]:
        """Where the operation answers something else than a success or a refusal of its own, by what was sent."""
        found: list[str] = []
        texts = [each for each in values if isinstance(each, str) and each]
        path = operation.filled(self.known)
        for text in texts:
            for place in operation.places:
                found += await self._sent(
                    operation, operation.filled(self.known, **{place: text}), operation.example, place, text
                )
            if operation.method == "GET":
                for name in operation.queries:
                    found += await self._sent(operation, f"{path}?{name}={quote(text, safe='')}", None, name, text)
        if operation.example is not None:
            for value in values:
                found += await self._sent(operation, path, value, "body", value)
                for name in operation.top_fields():
                    found += await self._sent(operation, path, operation.example | {name: value}, name, value)
        return found

    async def _sent(self, operation: Operation, path: str, body: Any, place: str, value: Any) -> list[str]:
        options = {} if body is None else {"content": msgspec.json.encode(body), "headers": {"Content-Type": "application/json"}}
        found = []
        for caller in (self.person, Api(self.person.client, self.person.app)):
            response = await caller.call(operation.method, path, **options)
            if not sound(response):
                found.append(f"{operation.name} {place}={str(value)[:40]!r}: {response.status_code} {response.text[:200]}")
        return found


@pytest.fixture
async def scene(crowd: Api) -> Scene:
    ann = await a_user(crowd)
    project = await a_project(ann)
    task, other = await a_task(ann, project), await a_task(ann, project)
    label = await a_label(ann, project)
    comment = (await ann.post(f"/tasks/{task['id']}/comments", {"body": "Hm."})).json()
    view = (await ann.post("/views", {"name": "All", "filter": "TRUE"})).json()
    known = {"project": project["id"], "task": task["id"], "other": other["id"], "label": label["id"], "comment": comment["id"]}
    return Scene(ann, known | {"view": view["id"], "user": ann.user["id"], "relation": "blocks", "code": "not_found"})


async def test_a_few_hostile_values_in_every_place_are_refused_before_the_database(
    scene: Scene, operations: list[Operation]
) -> None:
    assert await scene.all_faults(operations, FEW) == []


@pytest.mark.slow
async def test_every_hostile_value_in_every_place_is_refused_before_the_database(
    scene: Scene, operations: list[Operation]
) -> None:
    assert len(VALUES) >= 60
    assert await scene.all_faults(operations, VALUES) == []
