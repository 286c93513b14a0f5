"""Accounts that are stored by the repository itself, and whom they share projects with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from msgspec.structs import replace

from service.features.accounts.domain import Role, User, newcomer
from service.features.accounts.repository import PiccoloUsers

if TYPE_CHECKING:
    import asyncpg

    from service.adapters.database import Database
    from tests.support.fakes import FakeClock


class People:
    """Stored accounts and whom they share projects with."""

    def __init__(self, database: Database, connection: asyncpg.Connection[Any], clock: FakeClock) -> None:
        self._database = database
        self._users = PiccoloUsers(database)
        self._connection = connection
        self._clock = clock

    async def add(self, name: str, password_hash: str | None = "hash", **fields: Any) -> User:
        self._clock.advance(timedelta(seconds=1))
        email = f"{name.lower().replace(' ', '.')}@example.com"
        user = replace(newcomer(uuid4(), email, name, Role.USER, self._clock.now()), **fields)
        await self._database.run(lambda: self._users.add(user, user.email, password_hash))
        return user

    async def share(self, *members: User, deleted: bool = False) -> None:
        project_id = uuid4()
        await self._connection.execute(
            "INSERT INTO projects (id, key, name, require_if_match, last_number, created_at, updated_at, deleted_at, version, "
            "field_versions) VALUES ($1, $2, 'P', false, 0, now(), now(), CASE WHEN $3 THEN now() END, 1, '{}')",
            project_id,
            project_id.hex[:10].upper(),
            deleted,
        )
        for member in members:
            await self._connection.execute(
                "INSERT INTO memberships (id, project_id, user_id, role, created_at) VALUES ($1, $2, $3, 'viewer', now())",
                uuid4(),
                project_id,
                member.id,
            )
