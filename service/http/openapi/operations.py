"""One operation of the description: its words, parameters, bodies, answers and refusals."""

from __future__ import annotations

import inspect
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from service.http.edge import RequestTimeout, UnknownHost
from service.http.openapi.components import REF
from service.http.openapi.examples import MEMBERS, PATHS, example
from service.http.paging import PageQuery
from service.http.problems import API, PROBLEM_JSON, InternalError, Problem, status_of
from service.http.requests import AdminRequired, InsufficientScope, SessionRequired
from service.http.responses import Response
from service.http.routes import NoQuery, Policy
from service.kernel.errors import FieldError, Forbidden, Invalid, Refusal, Unavailable
from service.kernel.paging import InvalidCursor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.handlers import HTTPRouteHandler

    from service.http.openapi.components import Components
    from service.http.routes import Plan

MERGE_PATCH = "application/merge-patch+json"

_TEXT = {"type": "string"}
_SECONDS = {"type": "integer", "minimum": 0}
# The headers that an answer may carry, each with what it means.
HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": 'The state that is answered: `"<version>.<digest of the body>"`.', "schema": _TEXT},
    "Idempotency-Replayed": {
        "description": "`true`: this is the kept answer to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Link": {"description": "The first, previous, next and last part of the list (RFC 8288).", "schema": _TEXT},
    "Location": {"description": "Where what was made can be read.", "schema": {"type": "string", "format": "uri-reference"}},
    "Preference-Applied": {
        "description": "`merge`, where others had changed the object and the change was merged.",
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "Requests left to your address and to everyone, `r`, until the seconds `t` are over (IETF draft).",
        "schema": _TEXT,
    },
    "RateLimit-Policy": {"description": "So many requests, `q`, in so many seconds, `w` (IETF draft).", "schema": _TEXT},
    "Retry-After": {"description": "Seconds after which the same request may work.", "schema": _SECONDS},
    "WWW-Authenticate": {"description": "How to authenticate: `Bearer`.", "schema": _TEXT},
    "X-Change-Cursor": {"description": "The place in the sequence of changes right after this write.", "schema": _TEXT},
    "X-Request-Id": {"description": "Under which the service's log has this request.", "schema": _TEXT},
    "X-Total-Count": {"description": "How many items the list has; absent with a cursor or `count=none`.", "schema": _SECONDS},
}

# The headers that operations take: the last one each of them.
PARAMETERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same request may be sent again under the same key and acts once: within 24 hours, a repetition gets "
        "the first one's answer. 1 to 255 printable ASCII characters, of your own choice; keys belong to you (or to the personal "
        "token), the method and the path.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "example": "0199e4c2-nightly-report",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The ETag of the state that the request is made for (several are allowed; `*`: any). Its version counts.",
        "schema": _TEXT,
        "example": '"3.9f86d081884c7d65"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag of what the client has: where that is still so, the answer is 304 without a body.",
        "schema": _TEXT,
        "example": '"3.9f86d081884c7d65"',
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": "`merge`: make the change although the object has moved on, unless a field was changed on both sides.",
        "schema": _TEXT,
        "example": "merge",
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "The id that the answer and the log should carry: 8 to 64 of `A-Za-z0-9._-`, else the service makes one.",
        "schema": _TEXT,
    },
}


class Operations:
    """Describes handlers; what their answers share is kept as components."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self.responses: dict[str, dict[str, Any]] = {}

    def describe(self, path: str, handler: HTTPRouteHandler) -> dict[str, Any]:
        """The operation that a handler answers."""
        plan: Plan = handler.opt["plan"]
        text = inspect.cleandoc(handler.fn.__doc__ or "")
        operation: dict[str, Any] = {
            "operationId": handler.name,
            "summary": summary(text),
            "description": f"{text}\n\n{_access(plan)}{_nulls(plan)}",
            "tags": tags_of(handler),
            "security": [] if plan.access.policy is Policy.PUBLIC else [{"bearer": []}],
            "x-policy": plan.access.policy.value,
        }
        if plan.access.scope is not None:
            operation["x-scope"] = plan.access.scope.value
        parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)", path)]
        if plan.query.struct is not NoQuery:
            parameters += self.components.query(plan.query.struct)
        if handler.opt["order"] is not None:
            next(each for each in parameters if each["name"] == "sort")["description"] = handler.opt["order"].description
        operation["parameters"] = [*parameters, *({"$ref": f"#/components/parameters/{name}"} for name in self._asks(handler))]
        if plan.body is not None and plan.body.struct.__struct_fields__:
            operation["requestBody"] = self._request_body(plan.body.struct, merge_patch=plan.merge_patch)
        operation["responses"] = {**self._answers(handler), **self._refusals(handler)}
        for status, struct in handler.opt["answers"].items():
            self._add_answer(operation["responses"], str(status), struct)
        return operation

    def _asks(self, handler: HTTPRouteHandler) -> list[str]:
        asked = ["IfNoneMatch"] if handler.http_methods == {"GET"} and self._is_resource(handler) else []
        if handler.opt["if_match"]:
            asked += ["IfMatch", "Prefer"] if handler.http_methods == {"PATCH"} else ["IfMatch"]
        writing = handler.opt["plan"].writing
        if writing is not None and writing.keyed:
            asked.append("IdempotencyKey")
        return [*asked, "RequestId"]

    def _is_resource(self, handler: HTTPRouteHandler) -> bool:
        type_ = _answered(handler)
        return type_ not in {None, type(None)} and "id" in self._properties(self.components.refer(type_))

    def _request_body(self, struct: Any, *, merge_patch: bool) -> dict[str, Any]:
        content = self._content(self.components.body(struct))
        both = {"application/json": content, MERGE_PATCH: content} if merge_patch else {"application/json": content}
        return {"required": True, "content": both}

    def _content(self, schema: dict[str, Any]) -> dict[str, Any]:
        schemas = self.components.schemas
        if "oneOf" in schema:
            named = {option["$ref"].removeprefix(REF): {"value": example(option, schemas)} for option in schema["oneOf"]}
            return {"schema": schema, "examples": named}
        return {"schema": schema, "example": example(schema, schemas)}

    def _answers(self, handler: HTTPRouteHandler) -> dict[str, Any]:
        type_ = _answered(handler)
        status = handler.status_code
        headers = _usual_headers(handler)
        answer: dict[str, Any] = {"description": f"{HTTPStatus(status).phrase}, without a body."}
        if type_ not in {None, type(None)}:
            schema = self.components.refer(type_)
            properties = self._properties(schema)
            if status == HTTPStatus.CREATED and "id" in properties:
                headers.append("Location")
            if "id" in properties:
                headers += ["ETag", "Preference-Applied"] if handler.http_methods == {"PATCH"} else ["ETag"]
            if "next_cursor" in properties:
                headers += ["Link", "X-Total-Count"]
            answer = {"description": self._words(schema), "content": {"application/json": self._content(schema)}}
        answers = {str(status): {**answer, "headers": _headers(headers)}}
        if handler.http_methods == {"GET"} and "ETag" in headers:
            answers["304"] = {"$ref": "#/components/responses/NotModified"}
            self.responses["NotModified"] = {
                "description": "What If-None-Match names is still so; without a body.",
                "headers": _headers(["ETag", "X-Request-Id"]),
            }
        return answers

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        first = schema.get("oneOf", [schema])[0]
        properties: dict[str, Any] = self.components.schemas[first["$ref"].removeprefix(REF)]["properties"]
        return properties

    def _words(self, schema: dict[str, Any]) -> str:
        options = schema.get("oneOf", [schema])
        return " Or: ".join(self.components.schemas[option["$ref"].removeprefix(REF)]["description"] for option in options)

    def _add_answer(self, responses: dict[str, Any], status: str, struct: Any) -> None:
        schema = self.components.refer(struct)
        if status not in responses:
            headers = _headers(["X-Request-Id", "X-Change-Cursor"])
            content = {"application/json": self._content(schema)}
            responses[status] = {"description": self._words(schema), "content": content, "headers": headers}
            return
        refused = self.responses[responses[status]["$ref"].rpartition("/")[2]]
        responses[status] = {
            **refused,
            "description": f"{self._words(schema)} Or: {refused['description']}",
            "content": {"application/json": self._content(schema), **refused["content"]},
        }

    def _refusals(self, handler: HTTPRouteHandler) -> dict[str, Any]:
        by_status: dict[int, list[type[Refusal]]] = {}
        for refusal in _refusals(handler):
            by_status.setdefault(status_of(refusal), []).append(refusal)
        return {str(status): {"$ref": self._refusal(status, found)} for status, found in sorted(by_status.items())}

    def _refusal(self, status: int, found: Iterable[type[Refusal]]) -> str:
        refusals = sorted(found, key=lambda refusal: refusal.code)
        name = "Or".join("".join(word.capitalize() for word in refusal.code.split("_")) for refusal in refusals)
        headers = ["X-Request-Id"]
        if status == HTTPStatus.UNAUTHORIZED:
            headers.append("WWW-Authenticate")
        if any(refusal.retryable for refusal in refusals):
            headers.append("Retry-After")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            headers += ["RateLimit", "RateLimit-Policy"]
        content = {
            "schema": self.components.refer(Problem),
            "examples": {refusal.code: {"summary": refusal.title, "value": problem(refusal)} for refusal in refusals},
        }
        self.responses[name] = {
            "description": "; ".join(f"`{refusal.code}`: {refusal.title}" for refusal in refusals) + ".",
            "headers": _headers(headers),
            "content": {PROBLEM_JSON: content},
        }
        return f"#/components/responses/{name}"


def _answered(handler: HTTPRouteHandler) -> Any:
    type_ = handler.parsed_fn_signature.return_type.annotation
    return get_args(type_)[0] if get_origin(type_) is Response else type_


def tags_of(handler: HTTPRouteHandler) -> list[str]:
    """The tags of the controller that a handler stands in."""
    return [tag for layer in handler.ownership_layers for tag in getattr(layer, "tags", None) or ()]


def summary(text: str) -> str:
    """The first clause of a docstring."""
    return re.split(r"[.;:](?:\s|$)", text, maxsplit=1)[0]


def _refusals(handler: HTTPRouteHandler) -> set[type[Refusal]]:
    # What the checks before every handler refuse has codes of its own, so the route names only its kind.
    plan: Plan = handler.opt["plan"]
    refusals = {*handler.opt["refusals"], InternalError, RequestTimeout, UnknownHost} - {Forbidden}
    if plan.access.scope is not None:
        refusals.add(InsufficientScope)
    if plan.access.policy is Policy.SESSION:
        refusals.add(SessionRequired)
    if plan.access.policy is Policy.ADMIN:
        refusals.add(AdminRequired)
    if issubclass(plan.query.struct, PageQuery):
        refusals.add(InvalidCursor)
    return refusals


def _usual_headers(handler: HTTPRouteHandler) -> list[str]:
    """What an answer carries whatever is in it."""
    plan: Plan = handler.opt["plan"]
    headers = ["X-Request-Id"]
    if handler.http_methods != {"GET"}:
        headers.append("X-Change-Cursor")
    if plan.pace is not None:
        headers += ["RateLimit", "RateLimit-Policy"]
    if plan.writing is not None and plan.writing.keyed:
        headers.append("Idempotency-Replayed")
    return headers


def problem(refusal: type[Refusal]) -> dict[str, Any]:
    """The body that a refusal is answered with, as an example."""
    body: dict[str, Any] = {
        "type": f"{API}/problems/{refusal.code}",
        "title": refusal.title,
        "status": status_of(refusal),
        "detail": f"{refusal.title}.",
        "instance": f"{API}/tasks",
        "code": refusal.code,
        "request_id": "4f8d2c1b7a6e5039-17",
        **MEMBERS.get(refusal.code, {}),
    }
    if issubclass(refusal, Invalid):
        wrong = Invalid(FieldError("body", "/title", "too_long", "At most 200 characters are accepted."))
        body |= {"detail": wrong.detail, "errors": msgspec.to_builtins(wrong.errors)}
    if issubclass(refusal, Unavailable):
        body["outcome"] = "not_applied"
    return body


def _access(plan: Plan) -> str:
    if plan.access.scope is None:
        return f"Allowed to {plan.access.policy}."
    return f"Allowed to {plan.access.policy}; a token needs the scope `{plan.access.scope}`."


def _nulls(plan: Plan) -> str:
    if plan.writing is None or not plan.writing.fresh:
        return ""
    names = [f"`{name}`" for name in plan.writing.fresh]
    return f" With `validate_only`, what would be new is null: {', '.join(names)}."


def _path_parameter(name: str) -> dict[str, Any]:
    description, value = PATHS.get(name, (f"Names the {name}.", "1"))
    return {"name": name, "in": "path", "required": True, "description": description, "schema": _TEXT, "example": value}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}
