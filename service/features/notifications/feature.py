"""The notifications feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.features.accounts.events import (
    EmailChangeRequested,
    PasswordResetRequested,
    PasswordSet,
    RegistrationRequested,
    UserEmailChanged,
    UserInvited,
    UserLocked,
    UserPasswordChanged,
    UserRegistered,
    VerificationRequested,
)
from service.features.departures.events import UserDeleted
from service.features.members.events import InvitationCreated
from service.features.notifications.letters import Letters
from service.features.notifications.ports import InvitationTokens, LinkTokens, MailRequests, NoticeAllowance, Registrations
from service.features.notifications.repository import PiccoloRecipients
from service.features.notifications.subscribers import (
    EmailChangedMails,
    EmailChangeMails,
    InvitationMails,
    LinkMails,
    OnRequest,
    ProjectInvitationMails,
    RegistrationAttemptMails,
    ResetMails,
    SecurityNotices,
    VerificationMails,
)
from service.features.personal_tokens.events import PersonalTokenCreated
from service.features.second_factors.events import (
    RecoveryCodesMade,
    RecoveryCodeUsed,
    SecondFactorDisabled,
    SecondFactorEnabled,
    SecondFactorReset,
)
from service.features.sessions.events import ReuseDetected, SessionStarted
from service.wiring import Feature, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.kernel.events import Event
    from service.wiring import Ports, Provided

# What the owner of an account is told of, and by which templates.
NOTICES: Mapping[type[Event], str] = {
    SessionStarted: "new-device",
    ReuseDetected: "token-reuse",
    UserPasswordChanged: "password-changed",
    PasswordSet: "password-changed",
    UserLocked: "address-locked",
    SecondFactorEnabled: "mfa-enabled",
    SecondFactorDisabled: "mfa-disabled",
    SecondFactorReset: "mfa-reset",
    RecoveryCodesMade: "recovery-codes-made",
    RecoveryCodeUsed: "recovery-code-used",
    PersonalTokenCreated: "personal-token-created",
    UserDeleted: "account-deleted",
}


def provide(_ports: Ports, _provided: Provided) -> Mapping[str, object]:
    """Nothing: who wants something mailed publishes an event."""
    return {}


def links(kind: type[LinkMails], tokens: str) -> Callable[[Ports, Provided], LinkMails]:
    """The subscriber that sends links of this kind, with what accounts provide for making their tokens."""

    def subscriber(ports: Ports, provided: Provided) -> LinkMails:
        base_url = ports.settings.base_url
        return kind(provided[tokens, LinkTokens], Letters(base_url), ports.mailer, base_url)  # type: ignore[type-abstract]

    return subscriber


def requested_links(kind: type[LinkMails], tokens: str) -> Callable[[Ports, Provided], OnRequest]:
    """The same for links that somebody asked for by naming an address."""

    def subscriber(ports: Ports, provided: Provided) -> OnRequest:
        return OnRequest(links(kind, tokens)(ports, provided), provided["mail_desk", MailRequests])  # type: ignore[type-abstract]

    return subscriber


def registration_attempt_mails(ports: Ports, provided: Provided) -> OnRequest:
    """The subscriber of that name."""
    registrations = provided["concealed_registrations", Registrations]  # type: ignore[type-abstract]
    mails = RegistrationAttemptMails(registrations, Letters(ports.settings.base_url), ports.mailer)
    return OnRequest(mails, provided["mail_desk", MailRequests])  # type: ignore[type-abstract]


def email_changed_mails(ports: Ports, _provided: Provided) -> EmailChangedMails:
    """The subscriber of that name."""
    return EmailChangedMails(Letters(ports.settings.base_url), ports.mailer)


def project_invitation_mails(ports: Ports, provided: Provided) -> ProjectInvitationMails:
    """The subscriber of that name."""
    tokens = provided["invitation_writes", InvitationTokens]  # type: ignore[type-abstract]
    base_url = ports.settings.base_url
    return ProjectInvitationMails(tokens, Letters(base_url), ports.mailer, base_url)


def security_notices(ports: Ports, provided: Provided) -> SecurityNotices:
    """The subscriber of that name."""
    recipients = PiccoloRecipients(ports.database)
    allowance = provided["mail_desk", NoticeAllowance]  # type: ignore[type-abstract]
    return SecurityNotices(NOTICES, recipients, allowance, Letters(ports.settings.base_url), ports.mailer)


FEATURE = Feature(
    "notifications",
    (),
    provide,
    subscriptions={
        "verification_mails": Subscription((UserRegistered,), links(VerificationMails, "email_verification")),
        "invitation_mails": Subscription((UserInvited,), links(InvitationMails, "user_invitations")),
        "requested_verification_mails": Subscription(
            (VerificationRequested,), requested_links(VerificationMails, "verification_requests")
        ),
        "reset_mails": Subscription((PasswordResetRequested,), requested_links(ResetMails, "password_resets")),
        "email_change_mails": Subscription((EmailChangeRequested,), requested_links(EmailChangeMails, "email_changes")),
        "registration_attempt_mails": Subscription((RegistrationRequested,), registration_attempt_mails),
        "email_changed_mails": Subscription((UserEmailChanged,), email_changed_mails),
        "project_invitation_mails": Subscription((InvitationCreated,), project_invitation_mails),
        "security_notices": Subscription(tuple(NOTICES), security_notices),
    },
)
