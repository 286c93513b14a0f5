"""Whatever is sent, the answer is a problem that says what is wrong, and never a fault of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.http import bad_bodies, bad_requests
from tests.support.http import API

if TYPE_CHECKING:
    from tests.http.bad_bodies import Row
    from tests.http.conftest import Site

pytestmark = pytest.mark.anyio

ROWS = [*bad_bodies.ROWS, *bad_requests.ROWS]


def filled(site: Site, body: bytes) -> bytes:
    """The body with the ids of what is there."""
    return body.replace(b"{project}", site.project.encode()).replace(b"{task}", site.task.encode())


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_bad_input_is_refused_with_what_is_wrong(site: Site, row: Row) -> None:
    path = row.path.replace("{project}", site.project).replace("{task}", site.task)
    body = filled(site, row.body) if isinstance(row.body, bytes) else row.body
    answer = await site.call(row.method, path, body, headers=row.headers, signed_in=row.signed_in)
    problem = answer.json()
    assert (answer.status, problem["code"]) == (row.status, row.code), problem
    assert answer.header("content-type") == "application/problem+json"
    assert {error["pointer"]: error["code"] for error in problem.get("errors", [])} == row.errors
    assert problem["type"] == f"{API}/problems/{row.code}"
    assert problem["status"] == row.status
    assert problem["request_id"] == answer.header("x-request-id")
    assert all(isinstance(problem[member], str) and problem[member] for member in ("title", "detail", "instance"))
