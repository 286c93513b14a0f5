"""Which adapter fills which port, and what the command line does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.adapters.clock import SystemClock
from service.adapters.database import Database
from service.adapters.idempotency import PostgresAnswers
from service.adapters.ids import UuidIds
from service.adapters.key_ring import FollowedKeyRing
from service.adapters.mail import mailer
from service.adapters.outbox import PostgresOutbox
from service.adapters.passwords import Argon2Passwords
from service.adapters.rate_limits import PostgresRateLimits
from service.adapters.tokens import AccessTokens
from service.adapters.vault import Vault
from service.features import FEATURES
from service.features.accounts.feature import administrators
from service.kernel.actor import Actor
from service.wiring import Ports, subscribers_by_event

if TYPE_CHECKING:
    from service.kernel.ports import Clock
    from service.settings import Settings


def compose(settings: Settings, *, clock: Clock | None = None) -> Ports:
    """The ports of one process.

    Raises:
        InvalidKeys: there is no usable key ring.
    """
    clock = clock or SystemClock()
    ids = UuidIds()
    database = Database(settings.database)
    ring = FollowedKeyRing(settings.key_ring)
    return Ports(
        settings=settings,
        clock=clock,
        ids=ids,
        database=database,
        outbox=PostgresOutbox(database, clock, ids, subscribers_by_event(FEATURES)),
        passwords=Argon2Passwords(settings.passwords),
        # Instances without a public address differ in their own, and must accept each other's tokens all the same.
        access_tokens=AccessTokens(ring, settings.public_url or "worklane", settings.sessions.access_token_lifetime),
        mailer=mailer(settings, clock),
        vault=Vault(ring),
        rate_limiter=PostgresRateLimits(database, clock),
        answers=PostgresAnswers(database, clock),
    )


async def create_admin(settings: Settings, email: str, promote: bool) -> str:  # noqa: FBT001  (said by name on the command line)
    """The one-time link by which the admin sets a password.

    Raises:
        Refusal: the address is not usable, or has an account and `promote` is not said.
        InvalidKeys: there is no usable key ring.
    """
    ports = compose(settings)
    await ports.database.open()
    try:
        return await administrators(ports).create(Actor.system(f"cli-{ports.ids.new()}"), email, promote=promote)
    finally:
        await ports.database.close()
        ports.passwords.close()
