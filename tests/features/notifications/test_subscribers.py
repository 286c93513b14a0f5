"""What is mailed when something has happened, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.accounts.domain import MailedLink
from service.features.accounts.events import UserInvited, UserRegistered
from service.features.notifications.letters import Letters
from service.features.notifications.ports import LinkTokens
from service.features.notifications.subscribers import InvitationMails, VerificationMails
from service.kernel.events import PublishedEvent
from service.kernel.mail import Mail, Mailer
from tests.support.factories import SOME_DAY

pytestmark = pytest.mark.anyio

ANN = UUID(int=1)
REGISTERED = PublishedEvent(
    UUID(int=9), UserRegistered.type, SOME_DAY, None, "anonymous", None, "user", ANN, None, 1, {}, {}, "request-0001"
)  # fmt: skip


INVITED = replace(REGISTERED, type=UserInvited.type, actor_kind="user")


class FakeLinkTokens(LinkTokens):
    """Links of those who wait for one."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, MailedLink] = {}

    async def issue(self, user_id: UUID) -> MailedLink | None:
        return self.waiting.get(user_id)


class FakeMailer(Mailer):
    """Keeps what it sends."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


@pytest.fixture
def tokens() -> FakeLinkTokens:
    made = FakeLinkTokens()
    made.waiting[ANN] = MailedLink("ann@example.com", "en", "a-token", timedelta(hours=24))
    return made


@pytest.fixture
def mailer() -> FakeMailer:
    return FakeMailer()


@pytest.fixture
def verification_mails(tokens: FakeLinkTokens, mailer: FakeMailer) -> VerificationMails:
    return VerificationMails(tokens, Letters("https://track.example.org"), mailer, "https://track.example.org")


async def test_who_registers_gets_a_link(verification_mails: VerificationMails, mailer: FakeMailer) -> None:
    await verification_mails(REGISTERED)
    (mail,) = mailer.mails
    assert (mail.to, mail.kind) == ("ann@example.com", "verify-email")
    assert "https://track.example.org/verify-email?token=a-token" in mail.text.splitlines()
    assert "within 24 hours" in mail.text


async def test_who_waits_for_none_gets_none(
    verification_mails: VerificationMails, tokens: FakeLinkTokens, mailer: FakeMailer
) -> None:
    tokens.waiting.clear()
    await verification_mails(REGISTERED)
    assert mailer.mails == []


async def test_whom_the_operator_made_gets_none_since_the_operator_has_the_link(
    verification_mails: VerificationMails, mailer: FakeMailer
) -> None:
    await verification_mails(replace(REGISTERED, actor_kind="system"))
    assert mailer.mails == []


async def test_whom_an_admin_invites_gets_a_link_to_set_the_password(tokens: FakeLinkTokens, mailer: FakeMailer) -> None:
    invitation_mails = InvitationMails(tokens, Letters("https://track.example.org"), mailer, "https://track.example.org")
    await invitation_mails(INVITED)
    (mail,) = mailer.mails
    assert (mail.to, mail.kind, mail.subject) == ("ann@example.com", "set-password", "Set the password of your account")
    for form in (mail.text, mail.html):
        assert "https://track.example.org/reset-password?token=a-token" in form
        assert "within 24 hours" in form
    tokens.waiting.clear()
    await invitation_mails(INVITED)
    assert mailer.mails == [mail]
