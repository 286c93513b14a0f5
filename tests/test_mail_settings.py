"""The settings of mail: what is accepted, and that a wrong one never shows a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.settings import InvalidSettings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url", ["smtp://localhost", "smtp://u:p%2Fw%40@mail.example.org:2525", "smtps://mail.example.org:465/", "smtp://[::1]:25"]
)
def test_a_mail_server_is_given_by_its_url(url: str) -> None:
    assert load_settings({"WORKLANE_SMTP_URL": url}).smtp_url == url


@pytest.mark.parametrize(
    "url",
    [
        f"http://u:{SECRET}@mail.example.org",
        f"mail.example.org:{SECRET}",
        f"smtp://u:{SECRET}/@mail.example.org",
        f"smtp://u:{SECRET}@mail.example.org:70000",
        f"smtp://u:{SECRET}@mail.example.org:0",
        f"smtp://u:{SECRET}@",
        f"smtp://u:{SECRET}@[::1",
        f"smtp://mail.example.org/?password={SECRET}",
    ],
)
def test_a_wrong_url_is_refused_with_what_was_expected_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^WORKLANE_SMTP_URL: expected smtp://user:password@host:port") as caught:
        load_settings({"WORKLANE_SMTP_URL": url})
    assert SECRET not in str(caught.value)


def test_the_url_may_come_from_a_file_since_it_holds_a_password(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("smtp://u:p@localhost:25\n", encoding="utf-8")
    assert load_settings({"WORKLANE_SMTP_URL_FILE": str(file)}).smtp_url == "smtp://u:p@localhost:25"


@pytest.mark.parametrize("sender", ["a@example.org", "Ann Example <a@example.org>", '"Ann, of Wörk" <a@example.org>'])
def test_a_sender_is_an_address_with_or_without_a_name(sender: str) -> None:
    assert load_settings({"WORKLANE_MAIL_FROM": sender}).mail_sender == sender


@pytest.mark.parametrize(
    "sender", ["Ann", "<>", "a@", "a@example.org, b@example.org", "a@example.org\nBcc: b@example.org", "Ann <a@example.org"]
)
def test_a_sender_that_is_none_is_refused(sender: str) -> None:
    with pytest.raises(InvalidSettings, match=r"(?s)^WORKLANE_MAIL_FROM=.*: expected one address"):
        load_settings({"WORKLANE_MAIL_FROM": sender})


@pytest.mark.parametrize(
    ("environ", "sender"),
    [
        ({}, "Worklane <worklane@127.0.0.1>"),
        ({"WORKLANE_HOST": "::1"}, "Worklane <worklane@[IPv6:::1]>"),
        ({"WORKLANE_PUBLIC_URL": "https://track.example.org:8443/base"}, "Worklane <worklane@track.example.org>"),
    ],
)
def test_without_a_sender_mails_come_from_the_service_s_own_host(environ: dict[str, str], sender: str) -> None:
    assert load_settings(environ).mail_sender == sender
