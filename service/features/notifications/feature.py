"""The notifications feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.events import UserRegistered, VerificationRequested
from service.features.notifications.letters import Letters
from service.features.notifications.ports import Verifications
from service.features.notifications.subscribers import VerificationMails
from service.wiring import Feature, Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(_ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """Nothing: who wants something mailed publishes an event."""
    return {}


def verification_mails(ports: Ports, provided: Provided) -> VerificationMails:
    """The subscriber of that name."""
    verifications = provided["email_verification", Verifications]  # type: ignore[type-abstract]
    base_url = ports.settings.base_url
    return VerificationMails(verifications, Letters(base_url), ports.mailer, base_url)


FEATURE = Feature(
    "notifications",
    (),
    provide,
    subscriptions={"verification_mails": Subscription((UserRegistered, VerificationRequested), verification_mails)},
)
