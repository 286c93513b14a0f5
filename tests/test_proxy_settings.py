"""The proxies that are believed about their clients: what is accepted, and how a wrong network is refused."""

from __future__ import annotations

import pytest

from service.settings import InvalidSettings, load_settings


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", ()),
        ("10.0.0.5", ("10.0.0.5/32",)),
        (" 10.0.0.0/8 , FD00::/8,", ("10.0.0.0/8", "fd00::/8")),
        ("::1", ("::1/128",)),
    ],
)
def test_an_address_is_a_network_of_one(text: str, networks: tuple[str, ...]) -> None:
    assert load_settings({"WORKLANE_TRUSTED_PROXIES": text}).trusted_proxies == networks


@pytest.mark.parametrize("text", ["proxy.internal", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.*", "10.0.0.1:80", "*"])
def test_what_is_no_network_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        InvalidSettings, match=r"^WORKLANE_TRUSTED_PROXIES=.*: expected addresses or networks such as 10\.0\.0\.5"
    ):
        load_settings({"WORKLANE_TRUSTED_PROXIES": f"10.0.0.5,{text}"})
