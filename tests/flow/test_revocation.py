"""What ends a session, or takes a right away, holds on the other server from the very next request on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.adapters.tokens import digest, new_secret
from service.features.accounts.use_cases import PASSWORD as PASSWORD_LINK
from tests.support.http import made, refused
from tests.support.scenes import PASSWORD, a_user, an_admin

if TYPE_CHECKING:
    import asyncpg

    from tests.support.http import Api

pytestmark = pytest.mark.anyio


@dataclass
class Scene:
    """Somebody with a session on both servers, and an admin."""

    here: Api
    there: Api
    admin: Api
    connection: asyncpg.Connection[Any]
    user: dict[str, Any]

    @classmethod
    async def arrange(cls, instances: tuple[Api, Api], connection: asyncpg.Connection[Any]) -> Scene:
        here, there = instances
        return cls(here, there, await an_admin(here, connection), connection, (await a_user(here)).user)

    async def log_in(self) -> tuple[Api, Api]:
        """The person on both servers; the other one has seen, and remembers, the token."""
        tokens = made(await self.here.post("/auth/login", {"email": self.user["email"], "password": PASSWORD}))
        here, there = [one.as_user(tokens["access_token"], self.user) for one in (self.here, self.there)]
        made(await there.get("/users/me"))
        return here, there

    async def log_out(self, person: Api) -> None:
        assert (await person.post("/auth/logout")).status_code == 204

    async def revoke(self, person: Api) -> None:
        """By the session of another device."""
        sessions = made(await person.get("/auth/sessions"))["items"]
        (current,) = [session["id"] for session in sessions if session["current"]]
        other, _ = await self.log_in()
        assert (await other.delete(f"/auth/sessions/{current}")).status_code == 204

    async def log_out_everywhere(self, person: Api) -> None:
        other, _ = await self.log_in()
        assert (await other.post("/auth/logout-all", {"password": PASSWORD})).status_code == 204

    async def deactivate(self, _person: Api) -> None:
        made(await self.admin.post(f"/users/{self.user['id']}/deactivate"))

    async def reset(self, _person: Api) -> None:
        """By a link, whose way through the mail is not what this is about."""
        secret, now = new_secret(), datetime.now(UTC)
        await self.connection.execute(
            "INSERT INTO one_time_tokens (token_hash, user_id, purpose, created_at, expires_at) "
            "VALUES ($1, $2::uuid, $3, $4, $5)",
            digest(secret), self.user["id"], PASSWORD_LINK, now, now + timedelta(minutes=30),
        )  # fmt: skip
        made(await self.here.post("/auth/password-reset/confirm", {"token": secret, "new_password": PASSWORD}))

    async def change_the_password(self, _person: Api) -> None:
        """For the same one, by the session of another device."""
        other, _ = await self.log_in()
        change = {"current_password": PASSWORD, "new_password": PASSWORD}
        assert (await other.post("/auth/password-change", change)).status_code == 204

    async def activate(self) -> None:
        made(await self.admin.post(f"/users/{self.user['id']}/activate"))


ENDS = [Scene.log_out, Scene.revoke, Scene.log_out_everywhere, Scene.deactivate, Scene.reset, Scene.change_the_password]
# The small number is of every run, the large one of `just accept`.
ROUNDS = [3, pytest.param(100, marks=pytest.mark.slow)]


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("end", ENDS, ids=[end.__name__ for end in ENDS])
async def test_the_first_request_after_the_end_is_refused_on_the_other_server(
    instances: tuple[Api, Api], connection: asyncpg.Connection[Any], end: Any, rounds: int
) -> None:
    scene = await Scene.arrange(instances, connection)
    seen = []
    for _ in range(rounds):
        here, there = await scene.log_in()
        await end(scene, here)
        answer = await there.get("/users/me")
        seen.append((answer.status_code, answer.headers.get("www-authenticate")))
        await scene.activate()
    assert seen == [(401, "Bearer")] * rounds


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_the_first_request_after_a_demotion_has_lost_the_right_and_kept_the_session(
    instances: tuple[Api, Api], connection: asyncpg.Connection[Any], rounds: int
) -> None:
    scene = await Scene.arrange(instances, connection)
    _, there = await scene.log_in()
    role, route = f"/users/{scene.user['id']}/role", f"/users/{scene.user['id']}/activate"
    for _ in range(rounds):
        made(await scene.admin.call("PUT", role, {"role": "admin"}))
        made(await there.post(route))
        made(await scene.admin.call("PUT", role, {"role": "user"}))
        refused(await there.post(route), 403, "admin_required")
        assert made(await there.get("/users/me"))["role"] == "user"
