"""Forged access tokens as a client would send them: each is answered 401, and whom it names has a session that lives."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from service.app import create_app
from service.composition import compose
from service.features.accounts.domain import Role, newcomer
from service.features.accounts.repository import PiccoloUsers
from service.features.sessions.domain import Session
from service.features.sessions.refresh_tokens import RefreshToken
from service.features.sessions.repository import PiccoloSessions
from tests.support import raw
from tests.support.fakes import FakeClock
from tests.support.forged_tokens import FORGED
from tests.support.forgery import (
    AT_REST,
    ED,
    HS,
    ISSUER,
    NOW,
    PRIVATE,
    SESSION,
    USER,
    claims,
    forged,
    header,
    with_ed,
    write_ring,
)
from tests.support.raw import HOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from litestar import Litestar

    from service.adapters.database import Database
    from service.settings import Settings
    from tests.support.raw import Answer

pytestmark = pytest.mark.anyio

NONCE = b"n" * 32
REFRESH = RefreshToken.first(SESSION, b"s" * 32, NONCE)


@pytest.fixture
async def service(settings: Settings, tmp_path: Path, database: Database) -> AsyncIterator[Litestar]:
    """HS256 signs, EdDSA verifies too, and an admin has the session that the tokens speak of."""
    write_ring(tmp_path / "keys.json", ED, HS, storage_keys=(AT_REST,))
    clock = FakeClock()
    clock.time = NOW
    await PiccoloUsers(database).add(newcomer(USER, "root@example.com", "Root", Role.ADMIN, NOW), "root@example.com", "hash")
    session = Session(SESSION, USER, NOW, NOW + timedelta(days=30), NOW + timedelta(days=14), "192.0.2.7", "Firefox", NONCE)
    await PiccoloSessions(database, clock).add(session, REFRESH)
    settings = replace(settings, keys_file=tmp_path / "keys.json", public_url=ISSUER)
    app = create_app(settings, compose(settings, clock=clock))
    async with app.lifespan():
        yield app


async def ask(service: Litestar, token: str, scheme: str = "Bearer") -> Answer:
    sent = f"{scheme} {token}".encode("utf-8", "surrogatepass")
    return await raw.call(service, "GET", "/api/v1/users/me", headers=[HOST, (b"authorization", sent)])


async def test_each_of_more_than_forty_forged_tokens_is_answered_401(service: Litestar) -> None:
    tried = {**{name: make() for name, make in FORGED.items()}, "refresh token": REFRESH.text}
    assert len(tried) >= 40
    answers = {name: await ask(service, token) for name, token in tried.items()}
    assert {name: (answer.status, answer.header("www-authenticate")) for name, answer in answers.items()} == dict.fromkeys(
        tried, (401, "Bearer")
    )
    # Nor does an answer say what was wrong with it.
    codes = {answer.json()["code"] for name, answer in answers.items() if name != "empty"}
    assert codes == {"invalid_access_token"}


async def test_the_good_tokens_beside_them_are_taken(service: Litestar) -> None:
    for token in (forged(header(), claims()), with_ed(header(alg="EdDSA", kid="ed"), PRIVATE)):
        answer = await ask(service, token)
        assert (answer.status, answer.json()["email"]) == (200, "root@example.com")
        assert (await ask(service, token, "Basic")).status == 401
