"""Personal access tokens in memory: a fake of the port, for tests of use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from service.features.personal_tokens.domain import Bearer, PersonalToken, PersonalTokenNotFound
from service.features.personal_tokens.ports import PersonalTokens
from service.kernel.paging import Slice, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.kernel.actor import Actor


class FakePersonalTokens(PersonalTokens):
    """Tokens by their id, what is known of each by its hash, and who belongs to which projects."""

    def __init__(self) -> None:
        self.tokens: dict[UUID, PersonalToken] = {}
        self.bearers: dict[str, Bearer] = {}
        self.projects: dict[UUID, set[UUID]] = {}
        self.asked: list[str] = []

    async def page(self, actor: Actor, window: Window) -> Slice[PersonalToken]:
        return Slice(list(self.tokens.values()))

    async def find(self, actor: Actor, reference: str) -> PersonalToken:
        raise PersonalTokenNotFound

    async def add(self, token: PersonalToken, user_id: UUID, token_hash: str) -> None:
        self.tokens[token.id] = token
        project_ids = None if token.project_ids is None else frozenset(token.project_ids)
        self.bearers[token_hash] = Bearer(
            token.id, user_id, frozenset(token.scopes), project_ids, token.expires_at, None, None,
            is_admin=False, email="ann@example.com", full_name="Ann", account_is_usable=True,
        )  # fmt: skip

    async def bearer(self, token_hash: str, now: datetime) -> Bearer | None:
        self.asked.append(token_hash)
        return self.bearers.get(token_hash)

    async def note_refusal(self, token_id: UUID, now: datetime, before: datetime) -> bool:
        known, bearer = self._of(token_id)
        if bearer.refused_at is not None and bearer.refused_at > before:
            return False
        self.bearers[known] = structs.replace(bearer, refused_at=now)
        return True

    async def revoke(self, user_id: UUID, token_id: UUID, now: datetime) -> bool:
        if token_id not in self.tokens:
            return False
        known, bearer = self._of(token_id)
        if bearer.user_id != user_id or bearer.revoked_at is not None:
            return False
        self.bearers[known] = structs.replace(bearer, revoked_at=now)
        return True

    async def memberships(self, user_id: UUID, project_ids: Sequence[UUID]) -> frozenset[UUID]:
        return frozenset(project_ids) & self.projects.get(user_id, set())

    async def prune(self, before: datetime) -> None:
        self.tokens = {id_: token for id_, token in self.tokens.items() if token.expires_at >= before}

    def _of(self, token_id: UUID) -> tuple[str, Bearer]:
        return next((known, bearer) for known, bearer in self.bearers.items() if bearer.token_id == token_id)
