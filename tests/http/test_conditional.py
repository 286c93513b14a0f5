"""Tags and the headers that name them: how they are made, read and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from service.http.conditional import entity_tag, is_known, precondition_of, tag_of
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, get, patch
from service.kernel.errors import Malformed
from service.kernel.preconditions import UNKNOWN
from tests.http.small_app import small_app
from tests.support import raw
from tests.support.http import API
from tests.support.raw import HOST, JSON

if TYPE_CHECKING:
    from litestar import Litestar
EVERYONE = Access(Policy.PUBLIC)

DESCRIPTION = Path(__file__).parents[2] / "docs" / "openapi.json"
# Routes below an object that change something else, by their operation: those that create a thing of their own need no line.
NO_CHANGE_OF_THE_OBJECT: frozenset[str] = frozenset()


class Thing(Struct):
    id: int
    version: int
    name: str = "é"


class Login(Struct):
    id: int


class Sent(Struct, forbid_unknown_fields=True):
    name: str = ""


def named(*lines: str) -> list[tuple[bytes, bytes]]:
    """If-Match in these lines."""
    return [(b"host", b"h"), *((b"if-match", line.encode("latin-1")) for line in lines)]


def test_a_tag_is_the_version_and_a_digest_of_the_body() -> None:
    tag = entity_tag(12, b"{}")
    assert tag == b'"12.44136fa355b3678a"'
    assert tag_of(Thing(1, 12), b"{}") == tag
    assert tag_of(Login(1), b"{}") == b'"0.44136fa355b3678a"'
    assert tag_of(Sent(), b"{}") is None
    assert entity_tag(12, b"[]") != tag


@pytest.mark.parametrize(
    ("lines", "versions"),
    [
        (['"3.5d41402abc4b2a76"'], {3}),
        (['"3"'], {3}),
        (['W/"3.x"'], {3}),
        (['"3.a", "5.b"'], {3, 5}),
        (['"3.a"', '"5.b"'], {3, 5}),
        ([', "3.a" ,,\t"5.b",'], {3, 5}),
        (['"3.a,b"'], {3}),
        (['"0.a"'], {0}),
        (['"abc"', '""', '"03.a"', '"3a"', '"-1.a"', '"3.a"'], {3, UNKNOWN}),
        (['"99999999999999999999.a"'], {UNKNOWN}),
        (['"\xe9"'], {UNKNOWN}),
    ],
)
def test_if_match_names_versions(lines: list[str], versions: set[int]) -> None:
    precondition = precondition_of(named(*lines))
    assert precondition.versions == frozenset(versions)
    assert precondition.is_given


def test_a_star_names_any_version_and_no_header_none() -> None:
    star, nothing = precondition_of(named(" * ")), precondition_of([])
    assert (star.versions, star.is_given) == (None, True)
    assert (nothing.versions, nothing.is_given) == (None, False)


@pytest.mark.parametrize("line", ["", "3", '"3', '3"', '*, "3"', "**", '"3" "4"', '"a"b"', '"a b"', "w/3", 'w/"3"', "," * 5000])
def test_what_is_neither_a_star_nor_tags_is_refused(line: str) -> None:
    with pytest.raises(Malformed, match="double quotes"):
        precondition_of(named(line))


@pytest.mark.parametrize(
    ("lines", "merge"),
    [
        (["merge"], True),
        (["return=minimal, Merge"], True),
        (["wait=5", "merge; strictly"], True),
        (['note="a, merge, b"'], False),
        (["merger"], False),
        ([], False),
    ],
)
def test_a_merge_is_preferred_by_its_word(lines: list[str], *, merge: bool) -> None:
    assert precondition_of([(b"prefer", line.encode()) for line in lines]).merge is merge


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ('"1.aa"', True),
        ('W/"1.aa"', True),
        ('"0.b", W/"1.aa"', True),
        ("*", True),
        ('"1.ab"', False),
        ('"1"', False),
        ("1.aa", False),
        ("", False),
    ],
)
def test_if_none_match_compares_the_whole_tag(line: str, *, known: bool) -> None:
    assert is_known([(b"if-none-match", line.encode())], b'"1.aa"') is known
    assert not is_known([], b'"1.aa"')


@pytest.fixture
def app() -> Litestar:
    @get("/things/{thing:int}", EVERYONE)
    async def get_thing(thing: FromPath[int]) -> Thing:
        """A thing."""
        return Thing(thing, 3)

    @get("/things", EVERYONE)
    async def list_things() -> dict[str, Any]:
        """No resource."""
        return {"items": []}

    @patch("/things/{thing:int}", EVERYONE, if_match=True)
    async def update_thing(thing: FromPath[int], data: JSONBody[Sent], request: ApiRequest) -> Response[Thing]:
        """Pretends to have merged where that is preferred."""
        request.precondition.merged = request.precondition.merge
        return Response(Thing(thing, 4, data.name), headers={"X-Own": "yes"})

    return small_app(get_thing, list_things, update_thing)


async def ask(app: Litestar, method: str, path: str, body: bytes = b"", **headers: str) -> raw.Answer:
    """The answer to a request with these headers."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return await raw.call(app, method, API + path, headers=[HOST, JSON, *given], body=body)


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_the_client_has_is_not_sent_again(app: Litestar, method: str) -> None:
    first = await ask(app, method, "/things/1")
    tag = first.header("etag")
    assert first.status == 200
    assert tag
    again = await ask(app, method, "/things/1", if_none_match=tag)
    assert (again.status, again.body, again.header("etag")) == (304, b"", tag)
    assert again.header("content-type") is None
    assert again.header("content-length") is None
    assert again.header("cache-control") == "private, no-cache"
    assert (await ask(app, method, "/things/2", if_none_match=tag)).status == 200


@pytest.mark.anyio
async def test_a_list_has_no_tag_and_is_always_sent(app: Litestar) -> None:
    answer = await ask(app, "GET", "/things", if_none_match="*")
    assert answer.status == 200
    assert answer.header("etag") is None


@pytest.mark.anyio
async def test_a_change_answers_the_new_tag_and_whether_it_was_merged(app: Litestar) -> None:
    plain = await ask(app, "PATCH", "/things/1", b'{"name": "a"}', if_none_match="*")
    merged = await ask(app, "PATCH", "/things/1", b'{"name": "a"}', prefer="merge", if_match='"3.a"')
    assert plain.status == merged.status == 200
    assert plain.header("etag") == merged.header("etag")
    assert plain.header("etag") == entity_tag(4, plain.body).decode()
    assert plain.header("preference-applied") is None
    assert merged.header("preference-applied") == "merge"
    assert merged.header("x-own") == "yes"


@pytest.mark.anyio
async def test_an_if_match_that_cannot_be_read_is_refused_before_the_token_and_the_body(app: Litestar) -> None:
    answer = await ask(app, "PATCH", "/things/1", b"{", if_match="3")
    assert answer.status == 400
    assert "If-Match" in answer.json()["detail"]


def test_every_change_of_an_object_looks_at_if_match() -> None:
    asked = {"$ref": "#/components/parameters/IfMatch"}
    changes = {
        operation["operationId"]: asked in operation["parameters"]
        for path, operations in json.loads(DESCRIPTION.read_text(encoding="utf-8"))["paths"].items()
        if "{" in path or path.endswith("/me")
        for method, operation in operations.items()
        if method != "get" and "201" not in operation["responses"]
    }
    assert changes["update_task"]
    assert {name for name, looks in changes.items() if not looks} == NO_CHANGE_OF_THE_OBJECT


def test_every_single_resource_has_a_tag_and_answers_304() -> None:
    paths = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["paths"]
    reads = {path: operations["get"]["responses"] for path, operations in paths.items() if "get" in operations}
    tagged = {path for path, responses in reads.items() if "ETag" in responses.get("200", {}).get("headers", {})}
    assert {"/api/v1/tasks/{task}", "/api/v1/users/me", "/api/v1/auth/sessions/{session}"} <= tagged
    assert tagged == {path for path, responses in reads.items() if "304" in responses}
