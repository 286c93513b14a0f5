"""Deleting accounts and bringing them back, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import (
    NotYourProfile,
    PasswordRequired,
    UserNotFound,
    require_admin,
    require_another_admin,
)
from service.features.accounts.ports import Removals, Restorations
from service.features.departures.domain import given_up, refuse_owner
from service.features.departures.events import UserDeleted, UserRestored
from service.features.members.events import MemberLeft
from service.kernel.events import Change
from service.kernel.preconditions import ANY, hold
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from service.features.accounts.domain import User, UserState
    from service.features.accounts.ports import OneTimeTokens
    from service.features.accounts.reauthentication import Reauthentication
    from service.features.accounts.throttling import LoginThrottle
    from service.features.accounts.use_cases import Kit
    from service.features.departures.domain import Place
    from service.features.departures.ports import Departures
    from service.features.tasks.unassigning import Unassigning
    from service.kernel.actor import Actor
    from service.kernel.preconditions import Precondition


class AccountRemovals(Removals):
    """Deleting an account, softly, and with it whatever could be used as its owner."""

    def __init__(
        self,
        kit: Kit,
        departures: Departures,
        tokens: OneTimeTokens,
        throttle: LoginThrottle,
        reauthentication: Reauthentication,
        unassigning: Unassigning,
    ) -> None:
        self._kit = kit
        self._departures = departures
        self._tokens = tokens
        self._throttle = throttle
        self._reauthentication = reauthentication
        self._unassigning = unassigning

    async def delete_own(self, actor: Actor, password: str | None, precondition: Precondition = ANY) -> None:
        """See accounts.ports.Removals."""
        confirmed = await self._reauthentication.confirm(actor, password)

        async def work() -> None:
            # In the strength of the change: a weaker lock that is made stronger later makes two of us wait for each other.
            state, admins = await self._lock(actor.id)
            await self._reauthentication.hold(confirmed)
            await self._delete(actor, state, admins, precondition)

        await self._kit.unit_of_work.run(work)

    async def delete(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> None:
        """See accounts.ports.Removals."""
        user_id = parse_id(reference)
        if user_id is None:
            raise UserNotFound
        if user_id == actor.user_id:
            message = "Your own account is deleted with your password: send it to POST /users/me/delete."
            raise PasswordRequired(message)

        async def work() -> None:
            if not actor.is_admin:
                await self._kit.users.find(actor, reference)
                message = "Only the person and admins delete an account."
                raise NotYourProfile(message, required_role="admin")
            state, admins = await self._lock(user_id)
            require_admin(actor.user_id, admins)
            await self._delete(actor, state, admins, precondition)

        await self._kit.unit_of_work.run(work)

    async def _lock(self, user_id: UUID) -> tuple[UserState, frozenset[UUID]]:
        account, admins = await self._departures.lock_with_admins(user_id)
        if account.deleted_at is not None:
            raise UserNotFound
        return account.state, admins

    async def _delete(self, actor: Actor, state: UserState, admins: frozenset[UUID], precondition: Precondition) -> None:
        kit = self._kit
        await hold(precondition, state, kit.outbox)
        require_another_admin(state.id, admins)
        places = await self._departures.lock_places(state.id)
        refuse_owner(places)
        await self._leave(actor, state.id, given_up(places))
        now = kit.clock.now()
        await kit.users.end_sessions(state.id, now)
        await kit.users.revoke_tokens(state.id, now)
        await kit.users.drop_second_factor(state.id)
        await self._tokens.void(state.id)
        _, canonical = canonical_email(state.email)
        await self._throttle.forget_devices(canonical)
        version = await self._departures.delete(state, now)
        changes = {"deleted_at": Change(None, now)}
        if state.mfa_enabled:
            changes["mfa_enabled"] = Change(old=True, new=False)
        await kit.outbox.publish(actor, UserDeleted(subject_id=state.id, subject_version=version, changes=changes))

    async def _leave(self, actor: Actor, user_id: UUID, places: Sequence[Place]) -> None:
        await self._departures.leave(places)
        told = (
            MemberLeft(
                subject_id=place.membership_id,
                subject_version=place.version + 1,
                project_id=place.project_id,
                data={"user_id": str(user_id), "role": place.role},
            )
            for place in places
        )
        await self._kit.outbox.publish(actor, *told)
        await self._unassigning.unassign_everywhere(actor, user_id)


class AccountRestorations(Restorations):
    """Bringing a deleted account back before it is purged."""

    def __init__(self, kit: Kit, departures: Departures) -> None:
        self._kit = kit
        self._departures = departures

    async def restore(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> User:
        """See accounts.ports.Restorations."""
        user_id = parse_id(reference)
        if user_id is None:
            raise UserNotFound
        kit = self._kit

        async def work() -> User:
            account, admins = await self._departures.lock_with_admins(user_id)
            require_admin(actor.user_id, admins)
            await hold(precondition, account.state, kit.outbox)
            if account.deleted_at is not None:
                version = await self._departures.restore(account.state, kit.clock.now())
                changes = {"deleted_at": Change(account.deleted_at, None)}
                await kit.outbox.publish(actor, UserRestored(subject_id=user_id, subject_version=version, changes=changes))
            return await kit.users.whole(user_id)

        return await kit.unit_of_work.run(work)
