"""Two instances that share a database and a key file, under load while the keys are rotated: no valid session is refused."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import AsyncTestClient
from msgspec.structs import replace

from service.adapters.clock import SystemClock
from service.adapters.key_file import create_key_file, rotate_key_file
from service.adapters.tokens import LEEWAY
from service.app import create_app
from tests.support.http import Api, made
from tests.support.scenes import PASSWORD, a_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    import asyncpg

    from service.settings import Settings

pytestmark = pytest.mark.anyio

ROUNDS = 60
CLIENTS = 4


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_key_file(tmp_path / "keys.json")
    return tmp_path / "keys.json"


@pytest.fixture
async def instances(settings: Settings, keys: Path, connection: asyncpg.Connection[Any]) -> AsyncIterator[list[Api]]:
    """The same service twice."""
    settings = replace(settings, keys_file=keys)
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            app = create_app(settings)
            client = AsyncTestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
            found.append(Api(await stack.enter_async_context(client), app))
        yield found


async def use(instances: Sequence[Api], email: str, before_round: Callable[[int], object]) -> list[int]:
    """What one client sees: each request goes to both instances, and every few rounds it refreshes its tokens on both at once."""
    seen: list[int] = []
    tokens = made(await instances[0].post("/auth/login", {"email": email, "password": PASSWORD}))
    for number in range(ROUNDS):
        before_round(number)
        if number % 3 == 0:
            body = {"refresh_token": tokens["refresh_token"]}
            first, second = [
                made(answer) for answer in await asyncio.gather(*(one.post("/auth/refresh", body) for one in instances))
            ]
            assert first["refresh_token"] == second["refresh_token"]
            tokens = (first, second)[number % 2]
        for one in instances:
            answer = await one.as_user(tokens["access_token"], {}).get("/users/me")
            seen.append(answer.status_code)
    return seen


async def test_two_rotations_under_load_refuse_no_valid_session(instances: list[Api], keys: Path, settings: Settings) -> None:
    person = await a_user(instances[0])
    kids: list[str] = []

    def rotate(number: int) -> None:
        if number in (ROUNDS // 3, 2 * ROUNDS // 3):
            kids.append(rotate_key_file(keys, SystemClock().now(), settings.sessions.access_token_lifetime + LEEWAY))

    clients = [use(instances, person.user["email"], rotate if client == 0 else abs) for client in range(CLIENTS)]
    seen = await asyncio.gather(*clients)
    assert seen == [[200] * ROUNDS * 2] * CLIENTS
    assert len(kids) == 2
    # A token of before both rotations is good on either instance, and so is one of after.
    later = made(await instances[1].post("/auth/login", {"email": person.user["email"], "password": PASSWORD}))
    for instance in instances:
        for token in (str(person.token), later["access_token"]):
            made(await instance.as_user(token, {}).get("/users/me"))
