"""Which e-mail addresses are accepted, and when two spellings are one mailbox."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.features.accounts.addresses import UnusableEmail, canonical_email, email_problem
from service.http.problems import status_of


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com",
        "user@example.test",
        "first.last+tag@sub.example.org",
        "o'brien@example.com",
        "用户@例子.广告",
        "a@b.co",
        "x" * 64 + "@example.com",
    ],
)
def test_an_address_that_mail_can_be_sent_to_is_accepted(text: str) -> None:
    assert email_problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "notanemail",
        "@nodomain.com",
        "missing@.com",
        "user@",
        "user@example",
        "user@test",
        "user@localhost",
        "user@example..com",
        ".user@example.com",
        "user.@example.com",
        "us..er@example.com",
        "user@-example.com",
        "user@[127.0.0.1]",
        "user@127.0.0.1",
        "two@signs@example.com",
        '"quoted"@example.com',
        '"a b"@example.com',
        "user name@example.com",
        " user@example.com",
        "user@example.com ",
        "user@example.com\n",
        "user@example.com\r\nBcc: all@example.com",
        "us\ner@example.com",
        "us\x00er@example.com",
        "Ann <ann@example.com>",
        "user@exam ple.com",
        "user@example.com, other@example.com",
        "us\u202eer@example.com",
        "us\u00a8er@example.com",
        "us\udc80er@example.com",
        "user\uff20example.org@example.com",
        "a" * 250 + "@example.com",
        "é" * 125 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + "b." * 130 + "com",
        "user@xn--.com",
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str) -> None:
    reason = email_problem(text)
    assert reason
    with pytest.raises(UnusableEmail) as refused:
        canonical_email(text)
    assert (str(refused.value), refused.value.detail) == (reason, reason)
    assert status_of(UnusableEmail) == 422
    assert [(error.pointer, error.message) for error in refused.value.errors] == [("/email", reason)]


def test_an_address_is_kept_as_its_owner_writes_it() -> None:
    assert canonical_email("Ann.Example@Example.COM") == ("Ann.Example@example.com", "ann.example@example.com")


@pytest.mark.parametrize(
    "spellings",
    [
        [
            "kim@example.com",
            "KIM@EXAMPLE.COM",
            "Kim@Example.Com",
            "\u212aim@example.com",
            "ｋｉｍ@example.com",
            "ＫＩＭ@ｅｘａｍｐｌｅ．ｃｏｍ",
        ],
        [
            "kim@bücher.example",
            "kim@BÜCHER.example",
            "kim@xn--bcher-kva.example",
            "kim@bu\u0308cher.example",
            "kim@bücher。example",
        ],
        ["josé@example.com", "jose\u0301@example.com", "JOSÉ@example.com", "JOSE\u0301@example.com"],
        ["office@example.com", "o\ufb03ce@example.com"],
        ["sam@example.com", "\u017fam@example.com"],
    ],
)
def test_every_spelling_of_a_mailbox_is_one_address(spellings: list[str]) -> None:
    assert len({canonical_email(spelling)[1] for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "ann+1@example.com"),
        ("ann@example.com", "a.nn@example.com"),
        ("ann@example.com", "ann@example.org"),
        ("mıke@example.com", "mike@example.com"),
        ("straße@example.com", "strasse@example.com"),
        ("ann@straße.example", "ann@strasse.example"),
        ("аnn@example.com", "ann@example.com"),
    ],
)
def test_different_mailboxes_stay_different(one: str, other: str) -> None:
    assert canonical_email(one)[1] != canonical_email(other)[1]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_the_compared_form_is_its_own_compared_form(local: str) -> None:
    text = f"{local}@example.com"
    if email_problem(text) is None:
        canonical = canonical_email(text)[1]
        assert canonical_email(canonical)[1] == canonical


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_accepted_or_refused_with_a_reason(text: str) -> None:
    reason = email_problem(text)
    assert reason is None or reason.strip()
