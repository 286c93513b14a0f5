"""The origins that may call from a browser: what is accepted, and how a wrong one is refused."""

from __future__ import annotations

import pytest

from service.settings import InvalidSettings, load_settings


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("https://app.example.org", ("https://app.example.org",)),
        (" https://app.example.org , http://localhost:5173,", ("https://app.example.org", "http://localhost:5173")),
        ("HTTPS://App.Example.org:8443", ("https://app.example.org:8443",)),
        ("https://a.example:443,http://b.example:80", ("https://a.example", "http://b.example")),
        ("http://a.example:443", ("http://a.example:443",)),
        ("http://127.0.0.1:3000,http://[::1]:3000", ("http://127.0.0.1:3000", "http://[::1]:3000")),
        ("capacitor://localhost", ("capacitor://localhost",)),
    ],
)
def test_origins_are_kept_as_browsers_send_them(text: str, origins: tuple[str, ...]) -> None:
    assert load_settings({"WORKLANE_CORS_ORIGINS": text}).cors_origins == origins


@pytest.mark.parametrize("text", ["*", "https://app.example.org, *"])
def test_everybody_is_no_origin(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^WORKLANE_CORS_ORIGINS=.*: `\*` would let every page in: list exact origins"):
        load_settings({"WORKLANE_CORS_ORIGINS": text})


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.org",
        "https://app.example.org/",
        "https://app.example.org/path",
        "https://*.example.org",
        "https://user@app.example.org",
        "https://app.example.org?x=1",
        "https://app.example.org:",
        "https://app.example.org:0",
        "https://app.example.org:65536",
        "https://app.example.org:٣",
        "https://",
        "https://bücher.example",
        "null",
        "https://app.example.org\nx",
    ],
)
def test_what_is_no_origin_is_refused_with_what_was_expected(origin: str) -> None:
    with pytest.raises(InvalidSettings, match=r"(?s)^WORKLANE_CORS_ORIGINS=.*: expected scheme://host") as caught:
        load_settings({"WORKLANE_CORS_ORIGINS": f"https://fine.example,{origin}"})
    assert origin in str(caught.value)
