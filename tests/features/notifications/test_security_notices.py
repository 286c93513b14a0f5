"""Which notices of what happened to an account are mailed, on fakes of the ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from jinja2 import DictLoader
from msgspec.structs import replace

from service.features.accounts.events import UserLocked, UserPasswordChanged
from service.features.notifications.feature import NOTICES
from service.features.notifications.letters import Letters
from service.features.notifications.ports import NoticeAllowance, Recipient, Recipients
from service.features.notifications.subscribers import SecurityNotices
from service.features.sessions.events import ReuseDetected, SessionStarted
from service.kernel.events import PublishedEvent
from service.kernel.mail import Mail, Mailer
from tests.support.factories import SOME_DAY

if TYPE_CHECKING:
    from service.kernel.events import Event

pytestmark = pytest.mark.anyio

ANN = UUID(int=1)
OWNER = Recipient("ann@example.com", "en", is_verified=True, ip="2001:db8::7", is_first=False)


class Street(Recipients, NoticeAllowance, Mailer):
    """One owner, who may not have had the share of notices, and a letter box."""

    def __init__(self) -> None:
        self.owner: Recipient | None = OWNER
        self.asked: list[UUID] = []
        self.is_full = False
        self.mails: list[Mail] = []

    async def find(self, user_id: UUID, event: PublishedEvent) -> Recipient | None:
        self.asked.append(user_id)
        return self.owner

    async def admit_notice(self, cause_id: UUID, address: str) -> bool:
        return not self.is_full

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


@pytest.fixture
def street() -> Street:
    return Street()


@pytest.fixture
def notices(street: Street) -> SecurityNotices:
    return SecurityNotices(NOTICES, street, street, Letters("https://track.example.org"), street)


def happened(event: type[Event], **data: Any) -> PublishedEvent:
    subject_type = event.type.partition(".")[0]
    return PublishedEvent(
        UUID(int=9), event.type, SOME_DAY, ANN, "user", None, subject_type, ANN, None, 1, {}, data, "request-0001"
    )  # fmt: skip


@pytest.mark.parametrize("event", NOTICES, ids=lambda event: event.type)
async def test_each_notice_says_when_it_was_and_from_where(notices: SecurityNotices, street: Street, event: type[Event]) -> None:
    await notices(happened(event, **({"locked_until": SOME_DAY.isoformat()} if event is UserLocked else {})))
    (mail,) = street.mails
    assert (mail.to, mail.kind) == ("ann@example.com", NOTICES[event])
    for form in (mail.text, mail.html):
        assert f"{SOME_DAY:%Y-%m-%d %H:%M} UTC" in form
        assert ("2001:db8::7" in form) == (event is not UserLocked)
        assert "https://track.example.org" in form


async def test_what_the_service_did_itself_came_from_nowhere(notices: SecurityNotices, street: Street) -> None:
    street.owner = replace(OWNER, ip=None)
    await notices(happened(UserPasswordChanged))
    (mail,) = street.mails
    assert f"It was at {SOME_DAY:%Y-%m-%d %H:%M} UTC." in mail.text
    assert f"It was at {SOME_DAY:%Y-%m-%d %H:%M} UTC." in mail.html


@pytest.mark.parametrize(
    ("new_device", "is_first", "told"), [(True, False, 1), (True, True, 0), (False, False, 0), (False, True, 0)]
)
async def test_a_login_is_told_from_a_new_device_but_not_the_first_one(
    notices: SecurityNotices,
    street: Street,
    *,
    new_device: bool,
    is_first: bool,
    told: int,
) -> None:
    street.owner = replace(OWNER, is_first=is_first)
    await notices(happened(SessionStarted, user_id=str(ANN), new_device=new_device))
    assert len(street.mails) == told


async def test_a_copied_token_of_the_first_session_is_told(notices: SecurityNotices, street: Street) -> None:
    street.owner = replace(OWNER, is_first=True)
    await notices(happened(ReuseDetected, user_id=str(UUID(int=2))))
    assert street.asked == [UUID(int=2)]
    assert [mail.kind for mail in street.mails] == ["token-reuse"]


async def test_an_account_that_is_gone_has_nobody_to_tell(notices: SecurityNotices, street: Street) -> None:
    street.owner = None
    await notices(happened(UserPasswordChanged))
    assert street.mails == []


@pytest.mark.parametrize(("is_verified", "is_full", "told"), [(True, True, 1), (False, False, 1), (False, True, 0)])
async def test_only_an_address_that_nobody_has_proven_has_a_share_of_notices(
    notices: SecurityNotices,
    street: Street,
    *,
    is_verified: bool,
    is_full: bool,
    told: int,
) -> None:
    street.owner = replace(OWNER, is_verified=is_verified)
    street.is_full = is_full
    await notices(happened(UserPasswordChanged))
    assert len(street.mails) == told


async def test_a_notice_is_written_in_the_language_of_its_reader(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    german = {
        "de/password-changed.txt": "Dein Passwort wurde geändert\n\nUm {{ when }}.\n",
        "de/password-changed.html": "<p>Um {{ when }}.</p>\n",
        "en/password-changed.txt": "Your password\n\nAt {{ when }}.\n",
        "en/password-changed.html": "<p>At {{ when }}.</p>\n",
    }
    monkeypatch.setattr("service.features.notifications.letters.PackageLoader", lambda _: DictLoader(german))
    notices = SecurityNotices(NOTICES, street, street, Letters("https://track.example.org"), street)
    for locale in ("de-AT", "de", "fr", "en"):
        street.owner = replace(OWNER, locale=locale)
        await notices(happened(UserPasswordChanged))
    assert [mail.subject for mail in street.mails] == ["Dein Passwort wurde geändert"] * 2 + ["Your password"] * 2
    assert [mail.html[:6] for mail in street.mails] == ["<p>Um "] * 2 + ["<p>At "] * 2
