"""The OpenAPI 3.1 description: Litestar's, with the query parameters and security that our route declarations know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar._openapi.plugin import OpenAPIPlugin
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme

from service import __version__
from service.http.routes import Plan, Policy, handlers

if TYPE_CHECKING:
    from litestar import Litestar

_DESCRIPTION = (
    "Projects and tasks for your own clients, scripts and bots. Errors are RFC 9457 problems; `type` links to what each means."
)


def describe(app: Litestar, public_url: str) -> dict[str, Any]:
    """The description of every route that the application has."""
    config = OpenAPIConfig(
        title="Worklane",
        version=__version__,
        description=_DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}),
    )
    # Litestar 2.25 offers the description only beside pages of its own, which no policy covers: its plugin is asked directly.
    plugin = OpenAPIPlugin(app)
    plugin._openapi_config = config  # noqa: SLF001
    for route in app.routes:
        plugin.receive_route(route)
    document = msgspec.to_builtins(plugin.provide_openapi_schema())
    document["servers"] = [{"url": public_url}]
    schemas = document["components"].setdefault("schemas", {})
    for path, handler in handlers(app):
        plan: Plan = handler.opt["plan"]
        if handler.include_in_schema is False:
            continue
        for method in handler.http_methods:
            operation = document["paths"][_template(path)][method.lower()]
            _add_query(operation, plan, schemas)
            operation["x-policy"] = plan.access.policy
            if plan.access.policy is not Policy.PUBLIC:
                operation["security"] = [{"bearer": []}]
                operation["x-scope"] = plan.access.scope
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return _plain(document)


def _template(path: str) -> str:
    return "/".join("{" + part[1:-1].split(":")[0] + "}" if part.startswith("{") else part for part in path.split("/"))


def _add_query(operation: dict[str, Any], plan: Plan, schemas: dict[str, Any]) -> None:
    (schema,), components = msgspec.json.schema_components([plan.query.struct], ref_template="#/components/schemas/{name}")
    properties = components.pop(schema["$ref"].rpartition("/")[2])["properties"]
    schemas.update(components)
    for name, property_ in properties.items():
        description = property_.pop("description", None)
        parameter = {"name": name, "in": "query", "required": False, "schema": property_}
        if description:
            parameter["description"] = description
        operation.setdefault("parameters", []).append(parameter)


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return plain
