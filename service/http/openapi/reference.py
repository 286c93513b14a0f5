"""The page at /docs: the OpenAPI description as one HTML file, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader

from service.http.edge import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "from {}",
    "maximum": "up to {}",
    "pattern": "matches {}",
    "default": "default {}",
}


def reference(document: dict[str, Any]) -> Page:
    """The page that shows this description."""
    loader = PackageLoader("service.http.openapi", "pages")
    pages = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"line": line, "prose": prose, "words": words, "limits": limits, "json": _json}
    style, _, _ = loader.get_source(pages, "reference.css")
    html = pages.get_template("reference.html").render(
        document=document,
        style=style,
        tags=[(tag, list(_operations(document, tag["name"]))) for tag in document["tags"]],
    )
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return Page({"content-type": "text/html; charset=utf-8", "content-security-policy": policy}, html.encode())


def _operations(document: dict[str, Any], tag: str) -> Iterator[dict[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                answers = {status: _found(document, answer) for status, answer in operation["responses"].items()}
                parameters = [_found(document, parameter) for parameter in operation["parameters"]]
                yield {**operation, "method": method.upper(), "path": path, "parameters": parameters, "responses": answers}


def _found(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    found: dict[str, Any] = document["components"][kind][name]
    return found


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def line(text: str) -> str:
    """Text with code between backticks, as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text.strip()))


def prose(text: str) -> str:
    """Paragraphs of text, as HTML."""
    return "".join(f"<p>{paragraph}</p>" for paragraph in re.split(r"\n{2,}", line(text)))


def words(schema: dict[str, Any]) -> str:
    """The type of a value as HTML, with links to the schemas of objects."""
    if "$ref" in schema:
        return f'<a href="#schema-{_name(schema)}">{_name(schema)}</a>'
    if options := schema.get("oneOf", schema.get("anyOf")):
        return " or ".join(words(option) for option in options)
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "type" not in schema:
        return "any value"
    if schema["type"] == "array":
        return f"list of {words(schema['items'])}"
    first, *others = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join([str(schema.get("format", first)), *others])


def limits(schema: dict[str, Any]) -> str:
    """The bounds of a value, and its default."""
    found = (text.format(_json(schema[key])) for key, text in _BOUNDS.items() if schema.get(key) is not None)
    return ", ".join(found)
