"""Which address a request comes from, and whom the service believes about it."""

from __future__ import annotations

import pytest

from service.http.client_address import ClientAddresses, network_of
from tests.support.log_lines import logged

PROXIES = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (None, [], None),
        (None, [b"198.51.100.7"], None),
        ("unix:", [b"198.51.100.7"], "unix:"),
        ("192.0.2.7", [], "192.0.2.7"),
        ("::ffff:192.0.2.7", [], "192.0.2.7"),
        # Not ours: what it says is worth nothing.
        ("192.0.2.7", [b"198.51.100.7"], "192.0.2.7"),
        ("192.0.2.7", [b"10.0.0.1"], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        # Whoever stands left of the first stranger is the stranger's invention.
        ("10.0.0.1", [b"127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [b"203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", [b"203.0.113.9", b"198.51.100.7", b"10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", [b"203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b"203.0.113.9, \xff"], "10.0.0.1"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("fd00::1", [b"2001:DB8::0:7"], "2001:db8::7"),
        ("fd00::1", [b"[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", [b"198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", [b"::ffff:198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [b"fe80::7%eth0"], "fe80::7"),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_no_trusted_proxy(
    peer: str | None, forwarded: list[bytes], client: str | None
) -> None:
    assert ClientAddresses(PROXIES).find(peer, forwarded) == client


def test_by_default_nobody_is_believed() -> None:
    assert ClientAddresses().find("127.0.0.1", [b"198.51.100.7"]) == "127.0.0.1"


def test_a_header_that_is_ignored_is_told_once() -> None:
    addresses = ClientAddresses(PROXIES)
    with logged() as lines:
        for last in range(5):
            addresses.find(f"192.0.2.{last}", [b"198.51.100.7"])
        addresses.find("10.0.0.1", [b"198.51.100.7"])
    (line,) = lines
    assert (line["event"], line["log_level"], line["peer"]) == ("forwarded_for_ignored", "warning", "192.0.2.0")
    assert "WORKLANE_TRUSTED_PROXIES" in line["hint"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, "unknown"),
        ("unix:", "unknown"),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
    ],
)
def test_a_caller_is_an_ipv4_address_or_64_bits_of_an_ipv6_one(address: str | None, network: str) -> None:
    assert network_of(address) == network
