"""What is mailed when something has happened, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.accounts.domain import MailedLink, MailedNotice
from service.features.accounts.events import UserEmailChanged, UserInvited, UserRegistered
from service.features.members.events import InvitationCreated
from service.features.members.invitation_domain import InvitationLink
from service.features.notifications.letters import Letters
from service.features.notifications.ports import InvitationTokens, LinkTokens, MailRequests, Registrations
from service.features.notifications.subscribers import (
    EmailChangedMails,
    EmailChangeMails,
    InvitationMails,
    LinkMails,
    OnRequest,
    ProjectInvitationMails,
    RegistrationAttemptMails,
    ResetMails,
    VerificationMails,
)
from service.kernel.errors import Unavailable
from service.kernel.events import Change, PublishedEvent
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


class FakeMailRequests(MailRequests):
    """Remembers what is handled."""

    def __init__(self) -> None:
        self.forgotten: list[UUID] = []

    async def forget(self, request_id: UUID) -> None:
        self.forgotten.append(request_id)


class FakeRegistrations(Registrations):
    """Knows one address."""

    def __init__(self, notice: MailedNotice | None) -> None:
        self.notice = notice
        self.settled: list[tuple[UUID, str]] = []

    async def settle(self, request_id: UUID, http_request_id: str) -> MailedNotice | None:
        self.settled.append((request_id, http_request_id))
        return self.notice


@pytest.mark.parametrize(
    ("subscriber", "page", "words"),
    [(ResetMails, "reset-password", "within 30 minutes"), (EmailChangeMails, "confirm-email-change", "within 0 hours")],
)
async def test_links_that_were_asked_for_say_how_long_they_work(
    tokens: FakeLinkTokens, mailer: FakeMailer, subscriber: type[LinkMails], page: str, words: str
) -> None:
    tokens.waiting[ANN] = MailedLink("ann@example.com", "en", "a-token", timedelta(minutes=30))
    await subscriber(tokens, Letters("https://track.example.org"), mailer, "https://track.example.org")(REGISTERED)
    (mail,) = mailer.mails
    for form in (mail.text, mail.html):
        assert f"https://track.example.org/{page}?token=a-token" in form
        assert words in form


async def test_a_request_is_forgotten_once_it_is_handled_and_not_before(tokens: FakeLinkTokens, mailer: FakeMailer) -> None:
    requests = FakeMailRequests()

    async def fails(_: PublishedEvent) -> None:
        raise Unavailable

    with pytest.raises(Unavailable):
        await OnRequest(fails, requests)(REGISTERED)
    assert requests.forgotten == []
    mails = ResetMails(tokens, Letters("https://track.example.org"), mailer, "https://track.example.org")
    await OnRequest(mails, requests)(REGISTERED)
    tokens.waiting.clear()
    await OnRequest(mails, requests)(REGISTERED)
    assert requests.forgotten == [ANN, ANN]
    assert len(mailer.mails) == 1


@pytest.mark.parametrize("notice", [MailedNotice("ann@example.com", "en"), None])
async def test_who_has_an_account_is_told_that_somebody_tried_to_register(
    mailer: FakeMailer, notice: MailedNotice | None
) -> None:
    registrations = FakeRegistrations(notice)
    await RegistrationAttemptMails(registrations, Letters("https://track.example.org"), mailer)(REGISTERED)
    assert registrations.settled == [(ANN, "request-0001")]
    assert [(mail.to, mail.kind) for mail in mailer.mails] == ([("ann@example.com", "registration-attempt")] if notice else [])


async def test_the_old_address_is_told_of_a_change_but_not_the_new_one(mailer: FakeMailer) -> None:
    changes = {"email": Change("old@example.com", "new@example.com")}
    event = replace(REGISTERED, type=UserEmailChanged.type, changes=changes, data={"locale": "de"})
    await EmailChangedMails(Letters("https://track.example.org"), mailer)(event)
    (mail,) = mailer.mails
    assert (mail.to, mail.kind) == ("old@example.com", "email-changed")
    assert "new@example.com" not in mail.text + mail.html


class FakeInvitationTokens(InvitationTokens):
    """Links of invitations that are open."""

    def __init__(self) -> None:
        self.open: dict[UUID, InvitationLink] = {}

    async def issue(self, invitation_id: UUID) -> InvitationLink | None:
        return self.open.get(invitation_id)


async def test_whom_a_project_invites_gets_a_link_as_long_as_the_invitation_is_open(mailer: FakeMailer) -> None:
    tokens = FakeInvitationTokens()
    tokens.open[ANN] = InvitationLink("ann@example.com", "en", "WEB", "a-token", SOME_DAY)
    told = replace(REGISTERED, type=InvitationCreated.type, subject_type="invitation")
    mails = ProjectInvitationMails(tokens, Letters("https://track.example.org"), mailer, "https://track.example.org")
    await mails(told)
    (mail,) = mailer.mails
    assert (mail.to, mail.kind, mail.subject) == ("ann@example.com", "project-invitation", "An invitation to the project WEB")
    for form in (mail.text, mail.html):
        assert "https://track.example.org/accept-invitation?token=a-token" in form
        assert "until 2026-03-01 12:00 UTC" in form
    tokens.open.clear()
    await mails(told)
    assert mailer.mails == [mail]
