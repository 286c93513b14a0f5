"""What is mailed when something has happened, on fakes of the ports."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.features.accounts.domain import VerificationLink
from service.features.accounts.events import UserRegistered
from service.features.notifications.letters import Letters
from service.features.notifications.ports import Verifications
from service.features.notifications.subscribers import VerificationMails
from service.kernel.events import PublishedEvent
from service.kernel.mail import Mail, Mailer
from tests.support.factories import SOME_DAY

pytestmark = pytest.mark.anyio

ANN = UUID(int=1)
REGISTERED = PublishedEvent(
    UUID(int=9), UserRegistered.type, SOME_DAY, None, "anonymous", None, "user", ANN, None, 1, {}, {}, "request-0001"
)  # fmt: skip


class FakeVerifications(Verifications):
    """Links of those who wait for one."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, VerificationLink] = {}

    async def issue(self, user_id: UUID) -> VerificationLink | None:
        return self.waiting.get(user_id)


class FakeMailer(Mailer):
    """Keeps what it sends."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


@pytest.fixture
def verifications() -> FakeVerifications:
    made = FakeVerifications()
    made.waiting[ANN] = VerificationLink("ann@example.com", "en", "a-token", timedelta(hours=24))
    return made


@pytest.fixture
def mailer() -> FakeMailer:
    return FakeMailer()


@pytest.fixture
def verification_mails(verifications: FakeVerifications, mailer: FakeMailer) -> VerificationMails:
    return VerificationMails(verifications, Letters("https://track.example.org"), mailer, "https://track.example.org")


async def test_who_registers_gets_a_link(verification_mails: VerificationMails, mailer: FakeMailer) -> None:
    await verification_mails(REGISTERED)
    (mail,) = mailer.mails
    assert (mail.to, mail.kind) == ("ann@example.com", "verify-email")
    assert "https://track.example.org/verify-email?token=a-token" in mail.text.splitlines()
    assert "within 24 hours" in mail.text


async def test_who_waits_for_none_gets_none(
    verification_mails: VerificationMails, verifications: FakeVerifications, mailer: FakeMailer
) -> None:
    verifications.waiting.clear()
    await verification_mails(REGISTERED)
    assert mailer.mails == []


async def test_whom_the_operator_made_gets_none_since_the_operator_has_the_link(
    verification_mails: VerificationMails, mailer: FakeMailer
) -> None:
    await verification_mails(replace(REGISTERED, actor_kind="system"))
    assert mailer.mails == []
