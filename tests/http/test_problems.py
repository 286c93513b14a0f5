"""Problems: a status for every refusal, a page for every code, and what Litestar's own errors become."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from litestar.exceptions import HTTPException

from service.http.problems import from_framework, render, status_of
from service.http.routes import Access, Policy, get
from service.kernel.actor import Trace
from service.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unauthenticated, Unavailable, invalid
from tests.http.small_app import small_app
from tests.support import raw
from tests.support.raw import HOST

if TYPE_CHECKING:
    from litestar.types import Scope

    from tests.http.conftest import Site


def ours() -> list[type[Refusal]]:
    """Every refusal of the service, without those that tests make."""
    import service.app  # noqa: F401, PLC0415  (brings every feature, and so every refusal)

    return [refusal for refusal in Refusal.registry.values() if refusal.__module__.startswith("service.")]


def a_scope() -> Scope:
    made: Any = raw.scope(small_app(), "GET", "/api/v1/tasks/x", b"", [HOST])
    made["trace"] = Trace("request-0001")
    made["litestar_app"] = made["app"]
    return made  # type: ignore[no-any-return]


def test_every_refusal_has_a_status_and_speaks() -> None:
    for refusal in ours():
        assert 400 <= status_of(refusal) <= 503
        assert refusal.title[0].isupper()
        assert not refusal.title.endswith(".")
        assert refusal.__doc__


@pytest.mark.anyio
async def test_the_type_of_every_problem_resolves(site: Site) -> None:
    for refusal in ours():
        answer = await site.call("GET", f"/problems/{refusal.code}", signed_in=False)
        assert answer.status == 200, refusal.code
        page = answer.json()
        assert (page["code"], page["title"], page["status"]) == (refusal.code, refusal.title, status_of(refusal))
        assert page["description"]


def test_two_refusals_cannot_share_a_code() -> None:
    with pytest.raises(TypeError, match="two refusals share the code not_found"):
        type("Elsewhere", (NotFound,), {"code": "not_found"})
    with pytest.raises(TypeError, match="two refusals share the code not_found"):
        type("NotFound", (NotFound,), {"code": "not_found", "__module__": "elsewhere", "__qualname__": "NotFound"})


def test_a_subclass_without_a_code_of_its_own_is_a_kind_like_its_parent() -> None:
    class Closer(Conflict):
        title = "Closer"

    assert (Closer.code, status_of(Closer), Closer().detail) == ("conflict", 409, "Closer.")


def test_a_problem_has_every_member_and_those_of_its_refusal() -> None:
    status, headers, body = render(Forbidden("You may not.", required_role="owner"), a_scope())
    assert (status, headers) == (403, {"content-type": "application/problem+json"})
    assert json.loads(body) == {
        "type": "/api/v1/problems/forbidden",
        "title": "This is not allowed",
        "status": 403,
        "detail": "You may not.",
        "instance": "/api/v1/tasks/x",
        "code": "forbidden",
        "request_id": "request-0001",
        "required_role": "owner",
    }


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("/api/v1/tasks/WEB-1", "/api/v1/tasks/WEB-1"),
        ("/api/v1/tasks/a b", "/api/v1/tasks/a%20b"),
        ("/api/v1/tasks/ü<\ufffd?#%", "/api/v1/tasks/%C3%BC%3C%EF%BF%BD%3F%23%25"),
    ],
)
def test_the_instance_is_a_uri_reference_whatever_the_path(path: str, reference: str) -> None:
    asked: Any = a_scope()
    asked["path"] = path
    assert json.loads(render(NotFound(), asked)[2])["instance"] == reference


def test_some_refusals_are_headers_too() -> None:
    assert render(Unauthenticated(), a_scope())[1]["www-authenticate"] == "Bearer"
    assert render(Unavailable(retry_after=7), a_scope())[1]["retry-after"] == "7"
    assert json.loads(render(Unavailable(outcome="unknown"), a_scope())[2])["outcome"] == "unknown"


def test_what_is_wrong_stands_in_errors() -> None:
    _, _, body = render(invalid("/title", "too_long", "Too long.", "query"), a_scope())
    problem = json.loads(body)
    assert problem["errors"] == [{"in": "query", "pointer": "/title", "code": "too_long", "message": "Too long."}]
    assert problem["detail"].startswith("1 thing must be changed")
    assert Invalid(*[problem["errors"][0]] * 2).detail.startswith("2 things must be changed")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "malformed_request"),
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (406, "not_acceptable"),
        (409, "conflict"),
        (413, "payload_too_large"),
        (415, "unsupported_media_type"),
        (422, "validation_failed"),
        (429, "too_many_requests"),
        (500, "internal_error"),
        (503, "unavailable"),
        (418, "internal_error"),
    ],
)
def test_what_litestar_refuses_becomes_a_problem_of_ours(status: int, expected: str) -> None:
    refusal = from_framework(a_scope(), HTTPException(status_code=status, detail="of Litestar"))
    assert refusal.code == expected
    assert (refusal.detail == "of Litestar") is (status == 400)


@pytest.mark.anyio
async def test_a_status_that_is_none_of_ours_is_a_fault() -> None:
    @get("/teapot", Access(Policy.PUBLIC))
    async def get_teapot() -> None:
        """Be a teapot."""
        raise HTTPException(status_code=418)

    answer = await raw.call(small_app(get_teapot), "GET", "/api/v1/teapot")
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")
