"""Which methods a path has."""

from __future__ import annotations

import pytest
from litestar.params import FromPath

from service.http.methods import allowed_methods
from service.http.requests import ApiRequest
from service.http.routes import Access, Policy, delete, get, post
from tests.http.small_app import small_app

EVERYONE = Access(Policy.PUBLIC)


@get("/things", EVERYONE)
async def list_things() -> None:
    """Nothing."""


@post("/things", EVERYONE)
async def create_thing(request: ApiRequest) -> None:
    """Nothing."""


@delete("/things/{thing:str}", EVERYONE)
async def delete_thing(request: ApiRequest, thing: FromPath[str]) -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/things", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/things/", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/things/x", "DELETE, OPTIONS"),
        ("/api/v1/things/x/y", ""),
        ("/api/v1", ""),
        ("/", ""),
    ],
)
def test_a_path_has_the_methods_of_all_its_handlers(path: str, methods: str) -> None:
    assert allowed_methods(small_app(list_things, create_thing, delete_thing), path) == methods
