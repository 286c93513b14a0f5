"""The OpenAPI 3.1 description, made from the declarations of the routes and the Structs that they take and answer."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from service import __version__
from service.http.openapi.components import Components
from service.http.openapi.operations import HEADERS, PARAMETERS, Operations, tags_of
from service.http.routes import handlers

if TYPE_CHECKING:
    from litestar import Litestar

_DESCRIPTION = """\
Projects and tasks for your own clients, scripts and bots.

Log in for an access token, and send it as `Authorization: Bearer …`. Bodies are JSON in UTF-8; instants are RFC 3339 in UTC;
an answer never lacks a field, and what has no value is `null`. PATCH is a JSON Merge Patch (RFC 7396): what is absent stays, what
is `null` is cleared. HEAD works where GET does, and OPTIONS lists the methods of a path.

Whoever gets no answer to a write sends it again under the same `Idempotency-Key`: it acts once, and the repetition is answered as
the first one was, with `Idempotency-Replayed: true`. An operation that has `validate_only` can be tried out: every check is made
and nothing changes.

Every refusal is a problem (RFC 9457): `code` is stable, `detail` says what to do instead, `type` leads to an explanation.
"""

# The order in which people look for what a path can do.
_METHODS = ("get", "post", "put", "patch", "delete")


def describe(app: Litestar, public_url: str) -> dict[str, Any]:
    """The description of every route that the application has."""
    operations = Operations(Components())
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, list[str]] = {}
    for path, handler in handlers(app):
        if handler.include_in_schema is False:
            continue
        for method in handler.http_methods:
            paths.setdefault(_template(path), {})[method.lower()] = operations.describe(_template(path), handler)
        about = inspect.getdoc(type(getattr(handler.fn, "__self__", None))) or ""
        for tag in tags_of(handler):
            if about not in tags.setdefault(tag, []):
                tags[tag].append(about)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Worklane",
            "version": __version__,
            "description": _DESCRIPTION,
            "contact": {"name": "The operator of this instance"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": public_url}],
        "tags": [{"name": tag, "description": " ".join(about)} for tag, about in tags.items()],
        "paths": {path: dict(sorted(paths[path].items(), key=lambda item: _METHODS.index(item[0]))) for path in sorted(paths)},
        "components": {
            "schemas": dict(sorted(operations.components.schemas.items())),
            "responses": dict(sorted(operations.responses.items())),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of a login or refresh, or a personal access token (`wl_pat_…`).",
                }
            },
        },
    }


def _template(path: str) -> str:
    return "/".join("{" + part[1:-1].split(":")[0] + "}" if part.startswith("{") else part for part in path.split("/"))
