"""Registering where nobody is told whether an address has an account: the worker makes the account, or tells its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.addresses import canonical_email
from service.features.accounts.domain import MailedNotice, Role, newcomer
from service.features.accounts.events import RegistrationRequested
from service.features.accounts.ports import Registrar
from service.features.accounts.use_cases import registered
from service.kernel.actor import Actor, Trace

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.domain import MailRequest
    from service.features.accounts.mail_requests import MailDesk
    from service.features.accounts.password_rules import PasswordRules
    from service.features.accounts.ports import Passwords
    from service.features.accounts.use_cases import Kit


class ConcealedRegistrations(Registrar):
    """Asking for an account, and what becomes of it."""

    def __init__(self, kit: Kit, desk: MailDesk, passwords: Passwords, rules: PasswordRules) -> None:
        self._kit = kit
        self._desk = desk
        self._passwords = passwords
        self._rules = rules

    async def register(self, actor: Actor, email: str, password: str, full_name: str | None) -> None:
        """Have an account made, unless the address has one; both cost the same.

        Raises:
            Invalid: the address or the password is not acceptable.
            Unavailable: too many passwords wait to be hashed.
        """
        stored, _ = canonical_email(email)
        hashed = await self._passwords.hash(self._rules.accept(password, stored, full_name))
        await self._desk.file(actor, RegistrationRequested, stored, password_hash=hashed, full_name=full_name)

    async def settle(self, request_id: UUID, http_request_id: str) -> MailedNotice | None:
        """Make the account; where the address has one, what tells its owner that somebody tried, a few times an hour at most.

        Raises:
            EmailTaken: just now; the next try tells the owner.
        """
        kit = self._kit

        async def work() -> MailedNotice | None:
            request = await self._desk.take(request_id)
            if request is None:
                return None
            _, canonical = canonical_email(request.address)
            state = await kit.users.lock_by_email(canonical)
            if state is None:
                await self._register(request, canonical, http_request_id)
                return None
            if not state.is_active or not await self._desk.admit(request_id, state.email):
                return None
            return MailedNotice(state.email, state.locale)

        return await kit.unit_of_work.run(work)

    async def _register(self, request: MailRequest, canonical: str, http_request_id: str) -> None:
        kit = self._kit
        user = newcomer(kit.ids.new(), request.address, request.full_name, Role.USER, kit.clock.now())
        await kit.users.add(user, canonical, request.password_hash)
        # With the account, or a second try would tell its new owner that somebody tried.
        await self._desk.forget(request.id)
        await kit.outbox.publish(Actor.anonymous(Trace(http_request_id)), registered(user))
