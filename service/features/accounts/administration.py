"""What admins decide about accounts: whether one is active, and its role on the instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import Role, UserNotFound, require_admin, require_another_admin
from service.features.accounts.events import UserActivated, UserDeactivated, UserRoleChanged, UserUnlocked
from service.features.accounts.use_cases import apply_changes
from service.kernel.preconditions import ANY, hold
from service.kernel.text import parse_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.features.accounts.domain import User
    from service.features.accounts.throttling import LoginThrottle
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.preconditions import Precondition


class UserAdministration:
    """Each decision is made on the locked rows of all active admins, so that together they never leave none."""

    def __init__(self, kit: Kit, throttle: LoginThrottle) -> None:
        self._kit = kit
        self._throttle = throttle

    async def activate(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> User:
        """Let somebody log in again; an account that is active stays as it is.

        Raises:
            UserNotFound: there is no such account.
            Forbidden: the actor is no admin any more.
            PreconditionFailed: the account has changed since the client read it.
        """
        return await self._decide(actor, reference, {"is_active": True}, UserActivated, precondition)

    async def deactivate(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> User:
        """End somebody's sessions and let nobody log in there; an account that is inactive stays as it is.

        Raises:
            UserNotFound: there is no such account.
            Forbidden: the actor is no admin any more.
            PreconditionFailed: the account has changed since the client read it.
            LastAdmin: it is the only active admin.
        """
        return await self._decide(actor, reference, {"is_active": False}, UserDeactivated, precondition)

    async def set_role(self, actor: Actor, reference: str, role: Role, precondition: Precondition = ANY) -> User:
        """Give somebody a role, from the next request on: sessions stay, since the role is read on each.

        Raises:
            UserNotFound: there is no such account.
            Forbidden: the actor is no admin any more.
            PreconditionFailed: the account has changed since the client read it.
            LastAdmin: it is the only active admin, and would be none.
        """
        return await self._decide(actor, reference, {"role": role}, UserRoleChanged, precondition)

    async def unlock(self, actor: Actor, reference: str, precondition: Precondition = ANY) -> User:
        """Let an address be tried again after too many wrong passwords; one that is not locked only starts counting anew.

        Raises:
            UserNotFound: there is no such account.
            Forbidden: the actor is no admin any more.
            PreconditionFailed: the account has changed since the client read it.
        """
        user_id = parse_id(reference)
        if user_id is None:
            raise UserNotFound
        kit = self._kit

        async def work() -> User:
            state, admins = await kit.users.lock_with_admins(user_id)
            require_admin(actor.user_id, admins)
            await hold(precondition, state, kit.outbox)
            _, canonical = canonical_email(state.email)
            if await self._throttle.lift(canonical):
                await kit.outbox.publish(actor, UserUnlocked(subject_id=state.id, subject_version=state.version))
            return await kit.users.whole(user_id)

        return await kit.unit_of_work.run(work)

    async def _decide(
        self, actor: Actor, reference: str, wanted: Mapping[str, Any], event: type[Event], precondition: Precondition
    ) -> User:
        user_id = parse_id(reference)
        if user_id is None:
            raise UserNotFound
        kit = self._kit

        async def work() -> User:
            state, admins = await kit.users.lock_with_admins(user_id)
            require_admin(actor.user_id, admins)
            await hold(precondition, state, kit.outbox)
            after = replace(state, **wanted)
            if not (after.is_active and after.role is Role.ADMIN):
                require_another_admin(user_id, admins)
            if not after.is_active:
                await kit.users.end_sessions(user_id, kit.clock.now())
            await apply_changes(kit, actor, state, wanted, event)
            return await kit.users.whole(user_id)

        return await kit.unit_of_work.run(work)
