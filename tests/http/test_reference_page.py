"""The page at /docs: everything that the description holds, and nothing from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from service.http.openapi.reference import limits, line, prose, words
from tests.support import raw
from tests.support.raw import HOST

if TYPE_CHECKING:
    from tests.http.conftest import Site

pytestmark = pytest.mark.anyio


async def test_the_page_shows_every_operation_and_every_schema(site: Site) -> None:
    page = (await raw.call(site.app, "GET", "/docs", headers=[HOST])).body.decode()
    document = site.app.state.openapi()
    for path in document["paths"].values():
        for operation in path.values():
            assert f'<article id="{operation["operationId"]}">' in page
    for name in document["components"]["schemas"]:
        assert f'<article id="schema-{name}">' in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


async def test_the_page_loads_nothing_and_runs_nothing(site: Site) -> None:
    answer = await raw.call(site.app, "GET", "/docs", headers=[HOST])
    page = answer.body.decode()
    assert answer.status == 200
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert not re.search(r"<(script|link|img|iframe|object|embed|form|base)\b|\bon\w+=|style=|url\(|@import|src=", page)
    assert all(link.startswith(("#", "/api/v1/")) for link in re.findall(r'href="([^"]*)"', page))
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert answer.header("content-security-policy") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def test_the_page_carries_the_headers_of_every_answer_once(site: Site) -> None:
    answer = await raw.call(site.app, "GET", "/docs", headers=[HOST])
    names = [name for name, _ in answer.headers]
    assert len(names) == len(set(names))
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("x-request-id")


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
async def test_a_browser_that_asks_for_html_gets_the_page(site: Site, path: str) -> None:
    answer = await raw.call(site.app, "GET", path, headers=[HOST, (b"accept", b"text/html")])
    assert answer.status == 200


async def test_the_page_is_for_the_hosts_of_the_service_only(site: Site) -> None:
    answer = await raw.call(site.app, "GET", "/docs", headers=[(b"host", b"elsewhere.example")])
    assert (answer.status, answer.json()["code"]) == (400, "unknown_host")


async def test_the_page_can_only_be_read(site: Site) -> None:
    refused = await raw.call(site.app, "POST", "/docs", headers=[HOST])
    assert (refused.status, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.header("allow") == "GET, HEAD, OPTIONS"
    assert refused.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
    asked = await raw.call(site.app, "OPTIONS", "/docs", headers=[HOST])
    assert (asked.status, asked.header("allow")) == (204, "GET, HEAD, OPTIONS")
    head = await raw.call(site.app, "HEAD", "/docs", headers=[HOST])
    assert (head.status, head.body) == (200, b"")
    assert int(head.header("content-length") or 0) > 10_000


async def test_text_of_the_description_cannot_become_markup() -> None:
    assert prose("<b>&`x<y`\n\nnext") == "<p>&lt;b&gt;&amp;<code>x&lt;y</code></p><p>next</p>"
    assert line(" `a` ") == "<code>a</code>"
    assert words({"enum": ["<"]}) == "<code>&lt;</code>"


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer"}, "integer"),
        ({"type": ["string", "null"], "format": "date-time"}, "date-time or null"),
        ({"$ref": "#/components/schemas/Task"}, '<a href="#schema-Task">Task</a>'),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
    ],
)
async def test_a_type_is_told_in_words(schema: dict[str, object], text: str) -> None:
    assert words(schema) == text


async def test_bounds_are_told_in_words() -> None:
    assert limits({"minimum": 1, "maximum": 200, "default": False}) == "from 1, up to 200, default false"
    assert limits({"type": "string"}) == ""
