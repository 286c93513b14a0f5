"""The OpenAPI description: complete, closed, and with examples that the service itself would accept."""

from __future__ import annotations

import ast
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec
import pytest
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

import service
from service.app import create_app
from service.http.openapi import describe
from service.http.openapi.components import Components
from service.http.openapi.examples import FALLBACK, PATHS, example
from service.http.openapi.operations import summary
from service.http.problems import Problem
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, handlers, patch
from service.kernel.errors import Refusal
from service.settings import Database, Settings
from tests.http.small_app import small_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

REF = "#/components/schemas/"


@pytest.fixture(scope="module")
def app(key_file: Path) -> Litestar:
    return create_app(Settings(keys_file=key_file, database=Database(url="postgresql://nobody@127.0.0.1:1/none")))


@pytest.fixture(scope="module")
def document(app: Litestar) -> dict[str, Any]:
    return describe(app, "https://tasks.example.com")


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every operation, by its id."""
    return {operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()}


def refusals(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Those answers that refuse."""
    return (each for each in responses(document) if int(each[1]) >= 400)


def responses(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every answer with its operation and status."""
    for name, operation in operations(document).items():
        for status, answer in operation["responses"].items():
            shared = document["components"]["responses"]
            yield name, status, shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object within one."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def answered(handler: Any) -> list[Any]:
    """The types of a handler's body, none where it answers without one."""
    type_ = handler.parsed_fn_signature.return_type.annotation
    if get_origin(type_) is Response:
        (type_,) = get_args(type_)
    if type_ in {None, type(None)}:
        return []
    return list(get_args(type_)) if get_origin(type_) in {Union, types.UnionType} else [type_]


def examples(content: dict[str, Any]) -> list[Any]:
    """The examples of a body."""
    return [content["example"]] if "example" in content else [each["value"] for each in content["examples"].values()]


def test_every_operation_says_what_it_does_for_whom_and_under_a_name_of_its_own(document: dict[str, Any]) -> None:
    count = sum(len(path) for path in document["paths"].values())
    assert len(operations(document)) == count
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in operations(document).items():
        assert operation["summary"], name
        assert not operation["summary"].endswith((".", ";", ":")), name
        assert operation["x-policy"] in set(Policy), name
        assert (operation["security"] == []) == (operation["x-policy"] == Policy.PUBLIC), name
        assert (operation["x-policy"] in {Policy.PUBLIC, Policy.SESSION}) == ("x-scope" not in operation), name
        assert set(operation["tags"]) <= tags, name
        assert operation["tags"], name
    assert all(tag["description"].endswith(".") for tag in document["tags"])


def test_every_object_is_closed_and_an_answer_lacks_no_field(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert all(schema["additionalProperties"] is False for schema in objects(schemas) if "properties" in schema)
    # Only what an event tells has the fields of whatever it tells of.
    told = schemas["ToldEvent"]["properties"]
    assert [schema for schema in objects(schemas) if "properties" not in schema] == [told["changes"], told["data"]]
    assert set(schemas["Task"]["required"]) == set(schemas["Task"]["properties"])
    assert set(schemas["PublicKey"]["required"]) == set(schemas["PublicKey"]["properties"])
    assert schemas["TaskCreate"]["required"] == ["project_id", "title"]
    assert "required" not in schemas["TaskPatch"]


def test_schemas_have_short_names_and_instants_and_ids_their_format(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {"Task", "TaskCreate", "TaskPage", "UserPage"} <= set(schemas)
    assert all(name.isalnum() for name in schemas)
    task = schemas["Task"]["properties"]
    assert task["id"] == {"type": "string", "format": "uuid"}
    assert task["created_at"] == {"type": "string", "format": "date-time"}
    assert task["due_date"] == {"type": ["string", "null"], "format": "date-time"}
    assert schemas["TaskPage"]["properties"]["items"]["items"] == {"$ref": f"{REF}Task"}


def test_every_example_of_a_request_is_one_that_the_service_takes(app: Litestar, document: dict[str, Any]) -> None:
    for _, handler in handlers(app):
        body = operations(document).get(handler.name or "", {}).get("requestBody")
        if body is not None:
            for content in body["content"].values():
                handler.opt["plan"].body.from_json(msgspec.json.encode(content["example"]))
            assert ("application/merge-patch+json" in body["content"]) == (handler.http_methods == {"PATCH"})


def test_every_example_of_an_answer_is_one_that_the_service_gives(app: Litestar, document: dict[str, Any]) -> None:
    for _, handler in handlers(app):
        if handler.include_in_schema is False:
            continue
        answer = operations(document)[handler.name or ""]["responses"][str(handler.status_code)]
        given = examples(answer["content"]["application/json"]) if "content" in answer else []
        kinds = answered(handler)
        assert len(given) == len(kinds), handler.name
        for value, kind in zip(given, kinds, strict=True):
            # msgspec takes no union of Structs, which a page of people is.
            whole = kind if "|" not in str(kind) else get_origin(kind)
            msgspec.convert(value, whole, strict=True)


def test_no_example_is_a_mere_placeholder(document: dict[str, Any]) -> None:
    assert f'"{FALLBACK}"'.encode() not in msgspec.json.encode(document)


def test_every_refusal_is_a_problem_with_an_example_that_holds_nothing_undescribed(document: dict[str, Any]) -> None:
    members = set(document["components"]["schemas"]["Problem"]["properties"])
    for name, status, answer in refusals(document):
        content = answer["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": f"{REF}Problem"}
        for code, shown in content["examples"].items():
            assert shown["value"]["code"] == code, name
            assert str(shown["value"]["status"]) == status, name
            assert set(shown["value"]) <= members, name


def test_every_operation_tells_why_a_token_is_refused_and_what_is_refused_of_any_request(document: dict[str, Any]) -> None:
    shown = {
        (name, status): set(answer["content"]["application/problem+json"]["examples"])
        for name, status, answer in refusals(document)
    }
    for name, operation in operations(document).items():
        assert "validation_failed" in shown[name, "422"], name
        assert "request_timeout" in shown[name, "503"], name
        if operation["security"]:
            assert {"unauthenticated", "invalid_access_token", "session_ended", "personal_token_refused"} <= shown[name, "401"], (
                name
            )
            assert "database_unavailable" in shown[name, "503"], name
    assert "database_unavailable" in shown["login", "503"]
    assert "database_unavailable" not in shown["get_health", "503"]


def test_every_member_that_a_refusal_is_raised_with_is_described() -> None:
    kinds = {kind.__name__ for kind in Refusal.registry.values()}
    given = {
        keyword.arg
        for path in Path(service.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in kinds
        for keyword in call.keywords
    }
    assert "required_role" in given
    # These two become headers.
    assert given - {"retry_after", "allow"} <= set(Problem.__struct_fields__)


def test_answers_name_the_headers_that_they_carry(document: dict[str, Any]) -> None:
    shown = {(name, status): set(answer.get("headers", ())) for name, status, answer in responses(document)}
    assert all("X-Request-Id" in headers for headers in shown.values())
    assert "Location" in shown["create_task", "201"]
    assert {"Link", "X-Total-Count"} <= shown["list_tasks", "200"]
    assert "X-Change-Cursor" in shown["delete_task", "204"]
    assert "X-Change-Cursor" not in shown["get_task", "200"]
    assert all("WWW-Authenticate" in headers for (_, status), headers in shown.items() if status == "401")
    assert all("Retry-After" in headers for (_, status), headers in shown.items() if status == "503")


# Writes that ask for a password, by their operation: hashing is no work for a transaction.
UNKEYED = {"delete_me"}


def test_every_write_outside_of_signing_in_takes_a_key_and_says_what_comes_of_it(document: dict[str, Any]) -> None:
    shared = document["components"]["responses"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            keyed = {"$ref": "#/components/parameters/IdempotencyKey"} in operation["parameters"]
            takes_key = method != "get" and not path.startswith("/api/v1/auth/") and operation["operationId"] not in UNKEYED
            assert keyed == takes_key, operation["operationId"]
            if keyed:
                success = next(answer for status, answer in operation["responses"].items() if status[0] == "2")
                assert "Idempotency-Replayed" in success["headers"]
                busy, wrong = (shared[operation["responses"][status]["$ref"].rpartition("/")[2]] for status in ("409", "422"))
                assert "Retry-After" in busy["headers"]
                assert "idempotency_in_flight" in busy["description"]
                assert "idempotency_key_reused" in wrong["description"]


def test_what_can_be_tried_out_has_the_parameter_and_says_what_is_null(document: dict[str, Any]) -> None:
    task = operations(document)["create_task"]
    assert [each["name"] for each in task["parameters"] if each.get("in") == "query"] == ["validate_only"]
    assert "null: `id`, `number`, `key`." in task["description"]
    assert "is null:" not in operations(document)["update_task"]["description"]


def test_what_a_person_may_know_is_one_of_two_schemas(document: dict[str, Any]) -> None:
    content = operations(document)["get_user"]["responses"]["200"]["content"]["application/json"]
    assert content["schema"]["oneOf"] == [{"$ref": f"{REF}User"}, {"$ref": f"{REF}PublicUser"}]
    assert set(content["examples"]) == {"User", "PublicUser"}


def test_readiness_answers_its_own_body_beside_a_problem(document: dict[str, Any]) -> None:
    content = operations(document)["get_readiness"]["responses"]["503"]["content"]
    assert content["application/json"]["schema"] == {"$ref": f"{REF}Readiness"}
    assert "application/problem+json" in content


def test_every_parameter_is_explained_in_a_path_and_never_null_in_a_query(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        for parameter in operation["parameters"]:
            if parameter.get("in") == "path":
                assert parameter["name"] in PATHS, name
            if parameter.get("in") == "query":
                assert "null" not in str(parameter["schema"]), (name, parameter)
                assert parameter["schema"].get("default", 0) is not None, (name, parameter)


class Sent(Struct, forbid_unknown_fields=True):
    number: Annotated[int, Meta(description="How many.")] = 3
    choice: Literal["a", "b"] | None = None
    either: int | str | None = None
    flags: dict[str, bool] = {}


class Kept(Struct, omit_defaults=True):
    """What was kept."""

    id: UUID
    names: list[str]
    child: Kept | None = None
    error: str | msgspec.UnsetType = msgspec.UNSET


def test_a_default_in_a_body_is_told_in_words_and_in_a_query_as_one() -> None:
    components = Components()
    components.body(Sent)
    assert components.schemas["Sent"]["properties"]["number"] == {"type": "integer", "description": "How many. Without it: 3."}
    assert components.schemas["Sent"]["properties"]["choice"] == {"type": ["string", "null"], "enum": ["a", "b", None]}
    schemas = {parameter["name"]: parameter["schema"] for parameter in components.query(Sent)}
    assert schemas["number"] == {"type": "integer", "default": 3}
    assert schemas["choice"] == {"type": "string", "enum": ["a", "b"]}
    assert schemas["either"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def test_what_an_answer_may_leave_out_is_not_required() -> None:
    components = Components()
    components.refer(Kept)
    assert components.schemas["Kept"]["required"] == ["id", "names"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "boolean"}, False),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "object"}, {}),
        ({"type": ["string", "null"]}, None),
        ({"type": "string", "enum": ["a", "b"]}, "a"),
        ({"type": "string", "format": "uuid"}, "0199e4c3-77aa-7b21-a5d6-c7e8f9012345"),
        ({"type": "array", "items": {"type": "string"}}, [FALLBACK]),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
    ],
)
def test_a_field_without_a_value_of_its_own_has_one_of_its_type(schema: dict[str, Any], value: Any) -> None:
    assert example(schema, {}, "unheard_of") == value


def test_a_function_of_its_own_is_described_without_a_tag() -> None:
    @patch("/sent/{place:str}", Access(Policy.PUBLIC))
    async def change_sent(request: ApiRequest, place: FromPath[str], data: JSONBody[Sent]) -> Kept:
        """Change what was sent; nothing else."""
        raise NotImplementedError

    document = describe(small_app(change_sent), "/")
    (operation,) = operations(document).values()
    assert (operation["summary"], operation["tags"], document["tags"]) == ("Change what was sent", [], [])


@pytest.mark.parametrize("text", ["Read a task.", "Read a task; or not.", "Read a task: any.", "Read a task"])
def test_a_summary_is_the_first_clause(text: str) -> None:
    assert summary(text) == "Read a task"
