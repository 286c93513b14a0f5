"""The words of mails: which language, and that no value can break out of its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

import service
from service.features.notifications.letters import FALLBACK, Letters, folders

TEMPLATES = Path(service.__file__).parent / "features" / "notifications" / "templates"
LINK = "https://track.example.org/verify-email?token=abc"


@pytest.fixture
def letters() -> Letters:
    return Letters("https://track.example.org")


def test_a_mail_has_its_subject_and_says_the_same_in_both_forms(letters: Letters) -> None:
    mail = letters.write("verify-email", "en", "ann@example.com", link=LINK, hours=24)
    assert (mail.to, mail.subject, mail.kind) == ("ann@example.com", "Verify your e-mail address", "verify-email")
    for form in (mail.text, mail.html):
        assert LINK in form
        assert "24 hours" in form
        assert "https://track.example.org" in form
    assert mail.subject not in mail.text
    assert f"<title>{mail.subject}</title>" in mail.html


def test_a_link_stands_on_a_line_of_its_own_in_the_text(letters: Letters) -> None:
    assert LINK in letters.write("verify-email", "en", "ann@example.com", link=LINK, hours=24).text.splitlines()


@pytest.mark.parametrize(
    ("locale", "places"),
    [
        ("en", ["en", "en"]),
        ("pt-BR", ["pt-BR", "pt", "en"]),
        ("zh-Hant-TW", ["zh-Hant-TW", "zh-Hant", "zh", "en"]),
        ("", ["en"]),
    ],
)
def test_a_language_is_looked_for_from_the_closest_on(locale: str, places: list[str]) -> None:
    assert list(folders(locale)) == places


@pytest.mark.parametrize("locale", ["de-AT", "zh-Hant-TW", "../../../etc", "en"])
def test_a_language_without_templates_gets_those_of_the_fallback(letters: Letters, locale: str) -> None:
    assert letters.write("verify-email", locale, "a@b.c", link=LINK, hours=24).subject == "Verify your e-mail address"


def test_a_value_is_escaped_in_html_only(letters: Letters) -> None:
    mail = letters.write("verify-email", "en", "a@b.c", link='https://x/?a=1&b="><script>', hours=24)
    assert "<script>" not in mail.html
    assert "https://x/?a=1&amp;b=&#34;&gt;&lt;script&gt;" in mail.html
    assert 'https://x/?a=1&b="><script>' in mail.text


def test_a_forgotten_value_is_no_blank(letters: Letters) -> None:
    with pytest.raises(UndefinedError, match="hours"):
        letters.write("verify-email", "en", "a@b.c", link=LINK)


def test_every_kind_of_mail_has_both_forms_in_the_fallback() -> None:
    kinds = {path.stem for path in TEMPLATES.glob("*/*")}
    assert kinds
    assert {path.name for path in (TEMPLATES / FALLBACK).iterdir()} == {
        f"{kind}.{form}" for kind in kinds for form in ("txt", "html")
    }


def test_no_template_shows_what_people_write_about_themselves() -> None:
    for path in TEMPLATES.glob("*/*"):
        assert "name" not in path.read_text(encoding="utf-8"), path
