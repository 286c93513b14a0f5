"""What people do with personal access tokens, each as one transaction."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from service.features.personal_tokens.domain import (
    ALPHABET,
    SECRET_LENGTH,
    NewPersonalToken,
    PersonalToken,
    PersonalTokenNotFound,
    hash_of,
    refuse_lifetime,
    written,
)
from service.features.personal_tokens.events import PersonalTokenCreated, PersonalTokenRevoked
from service.kernel.actor import Scope
from service.kernel.errors import FieldError, Invalid
from service.kernel.preconditions import ANY, hold_unversioned
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.features.accounts.reauthentication import Reauthentication
    from service.features.personal_tokens.ports import PersonalTokens
    from service.kernel.actor import Actor
    from service.kernel.ports import Clock, Ids, Outbox, UnitOfWork
    from service.kernel.preconditions import Precondition


class Wish(Struct, frozen=True):
    """The token that somebody asks for."""

    name: str
    scopes: Collection[Scope]
    project_ids: Sequence[UUID] | None
    expires_at: datetime


class PersonalTokenWrites:
    """Making tokens and revoking them; a revoked one is refused from the next request on."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        tokens: PersonalTokens,
        reauthentication: Reauthentication,
        outbox: Outbox,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._tokens = tokens
        self._reauthentication = reauthentication
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def create(self, actor: Actor, password: str | None, wish: Wish) -> NewPersonalToken:
        """Make a token that acts for the actor.

        Raises:
            Invalid: it would live too long or not at all, or be narrowed to a project that the actor does not belong to.
            PasswordRequired: the password is missing or wrong.
            Unavailable: too many passwords wait to be hashed.
        """
        refuse_lifetime(wish.expires_at, self._clock.now())
        confirmed = await self._reauthentication.confirm(actor, password)
        text = written("".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH)))

        async def work() -> NewPersonalToken:
            # The account before its tokens, as in every unit: whoever changes the password revokes this one too.
            await self._reauthentication.hold(confirmed)
            await self._refuse_strange_projects(actor, wish.project_ids or ())
            token = self._token(wish)
            await self._tokens.add(token, actor.id, hash_of(text))
            await self._outbox.publish(actor, _creation(actor, token))
            return NewPersonalToken(**asdict(token), token=text)

        return await self._unit_of_work.run(work)

    async def revoke(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """Revoke one of the actor's tokens.

        Raises:
            PersonalTokenNotFound: the actor has no such token, or revoked it before.
            PreconditionFailed: the request was made for a state of something else.
        """

        async def work() -> None:
            token_id = parse_id(reference)
            if token_id is None or not await self._tokens.revoke(actor.id, token_id, self._clock.now()):
                raise PersonalTokenNotFound
            hold_unversioned(precondition)
            revoked = PersonalTokenRevoked(subject_id=token_id, subject_version=2, data={"user_id": str(actor.id)})
            await self._outbox.publish(actor, revoked)

        await self._unit_of_work.run(work)

    async def _refuse_strange_projects(self, actor: Actor, project_ids: Sequence[UUID]) -> None:
        own = await self._tokens.memberships(actor.id, project_ids) if project_ids else frozenset()
        message = "You belong to no such project."
        errors = [
            FieldError("body", f"/project_ids/{place}", "not_found", message)
            for place, project_id in enumerate(project_ids)
            if project_id not in own
        ]
        if errors:
            raise Invalid(*errors)

    def _token(self, wish: Wish) -> PersonalToken:
        scopes = tuple(scope for scope in Scope if scope in wish.scopes)
        project_ids = None if wish.project_ids is None else tuple(dict.fromkeys(wish.project_ids))
        return PersonalToken(self._ids.new(), wish.name, scopes, project_ids, self._clock.now(), wish.expires_at, None)


def _creation(actor: Actor, token: PersonalToken) -> PersonalTokenCreated:
    project_ids = None if token.project_ids is None else [str(project_id) for project_id in token.project_ids]
    data = {"user_id": str(actor.id), "scopes": list(token.scopes), "project_ids": project_ids}
    return PersonalTokenCreated(subject_id=token.id, subject_version=1, data=data)
