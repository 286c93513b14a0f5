"""What is asked for by naming an address: noted without looking anybody up, and found out about by the worker.

Whoever asks for a new password or another verification mail, or registers where that tells nobody who has an account,
causes the same rows whether the address has an account or not. The event names a row of its own that holds the address, and not
the address itself: events stay, the row goes when it is handled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.features.accounts.addresses import address_digest, canonical_email
from service.features.accounts.domain import MailRequest, UserNotFound
from service.kernel.audit import AuditEntry, Outcome

if TYPE_CHECKING:
    from uuid import UUID

    from service.features.accounts.domain import UserState
    from service.features.accounts.mail_ports import MailRequests
    from service.features.accounts.use_cases import Kit
    from service.kernel.actor import Actor
    from service.kernel.events import Event
    from service.kernel.ports import Vault

# So many mails an address gets in an hour because somebody asked: enough for who mislays one, too few to be a nuisance.
SHARE = 3
# And so many notices, where nobody has proven that the address is the account's; who has gets them all.
SHARE_OF_NOTICES = 12


class MailDesk:
    """Takes requests, and hands them to the worker."""

    def __init__(self, kit: Kit, requests: MailRequests, vault: Vault) -> None:
        self._kit = kit
        self._requests = requests
        self._vault = vault

    async def file(self, actor: Actor, event: type[Event], address: str, **kept: Any) -> None:
        """Note what is asked for, and who asked; `kept` are further fields of the request.

        Raises:
            Invalid: that is no e-mail address.
        """
        stored, canonical = canonical_email(address)
        digest = self._digest(canonical)
        kit = self._kit

        async def work() -> None:
            request = MailRequest(kit.ids.new(), stored, **kept)
            await self._requests.add(request, kit.clock.now())
            await kit.outbox.publish(actor, event(subject_id=request.id, subject_version=1))
            await kit.outbox.record(actor, AuditEntry(action=event.type, outcome=Outcome.SUCCESS, target_digest=digest))

        await kit.unit_of_work.run(work)

    async def find(self, request_id: UUID) -> MailRequest | None:
        """A request that is not handled yet."""
        return await self._requests.find(request_id)

    async def take(self, request_id: UUID) -> MailRequest | None:
        """A request that is not handled yet, locked until the open unit of work ends."""
        return await self._requests.take(request_id)

    async def account(self, request_id: UUID) -> UserState | None:
        """The active account that a request names, both locked until the open unit of work ends; None where there is none."""
        request = await self._requests.take(request_id)
        if request is None:
            return None
        _, canonical = canonical_email(request.address)
        state = await self._kit.users.lock_by_email(canonical)
        return state if state is not None and state.is_active else None

    async def owner(self, request: MailRequest) -> UserState | None:
        """The active account of who asked, locked until the open unit of work ends; None where that is nobody any more."""
        if request.user_id is None:
            return None
        try:
            state = await self._kit.users.lock(request.user_id)
        except UserNotFound:
            return None
        # Locked only now, after the account, as in every unit; a password change meanwhile has taken the request away.
        return state if await self._requests.take(request.id) is not None and state.is_active else None

    async def admit(self, cause_id: UUID, address: str) -> bool:
        """Whether the address may get a mail for this cause: it gets a few in an hour, and nobody is told of the others."""
        _, canonical = canonical_email(address)
        return await self._requests.admit(cause_id, self._digest(canonical), self._kit.clock.now(), SHARE)

    async def admit_notice(self, cause_id: UUID, address: str) -> bool:
        """Whether an address that is not verified may get a notice; these are counted apart from what strangers can ask for."""
        _, canonical = canonical_email(address)
        digest = self._vault.digest("security notices", canonical)

        async def work() -> bool:
            return await self._requests.admit(cause_id, digest, self._kit.clock.now(), SHARE_OF_NOTICES)

        return await self._kit.unit_of_work.run(work)

    async def forget(self, request_id: UUID) -> None:
        """It is handled; the address goes."""
        await self._requests.forget(request_id)

    def _digest(self, canonical: str) -> bytes:
        return address_digest(self._vault, canonical)
