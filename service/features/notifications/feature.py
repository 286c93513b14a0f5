"""The notifications feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.events import UserInvited, UserRegistered, VerificationRequested
from service.features.notifications.letters import Letters
from service.features.notifications.ports import LinkTokens
from service.features.notifications.subscribers import InvitationMails, VerificationMails
from service.wiring import Feature, Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.wiring import Ports, Provided


def provide(_ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """Nothing: who wants something mailed publishes an event."""
    return {}


def verification_mails(ports: Ports, provided: Provided) -> VerificationMails:
    """The subscriber of that name."""
    tokens = provided["email_verification", LinkTokens]  # type: ignore[type-abstract]
    base_url = ports.settings.base_url
    return VerificationMails(tokens, Letters(base_url), ports.mailer, base_url)


def invitation_mails(ports: Ports, provided: Provided) -> InvitationMails:
    """The subscriber of that name."""
    tokens = provided["user_invitations", LinkTokens]  # type: ignore[type-abstract]
    base_url = ports.settings.base_url
    return InvitationMails(tokens, Letters(base_url), ports.mailer, base_url)


FEATURE = Feature(
    "notifications",
    (),
    provide,
    subscriptions={
        "verification_mails": Subscription((UserRegistered, VerificationRequested), verification_mails),
        "invitation_mails": Subscription((UserInvited,), invitation_mails),
    },
)
