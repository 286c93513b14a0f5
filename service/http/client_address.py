"""Which address a request comes from: the peer's, or what trusted proxies say of the client before them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from ipaddress import IPv4Address

    from service.kernel.actor import Trace

log = structlog.get_logger("http")


class ClientAddresses:
    """Reads X-Forwarded-For, but only from the proxies that the operator trusts: anybody can send that header."""

    def __init__(self, trusted: Iterable[str] = (), tell: Callable[[Trace], Awaitable[None]] | None = None) -> None:
        """`trusted` are the networks of the operator's own proxies, as CIDRs; `tell` hears of the first header ignored."""
        self._trusted = tuple(ip_network(network) for network in trusted)
        self._tell = tell
        self._warned = False
        # Whether a header was ignored and `report` has not been called yet.
        self.unreported = False

    def find(self, peer: str | None, forwarded: Sequence[bytes]) -> str | None:
        """The client's address: the right-most hop that is no proxy of ours, since what stands left of it is hearsay."""
        nearest = None if peer is None else _of_peer(peer)
        if nearest is None:
            # A Unix socket has no address.
            return peer
        if forwarded and not self._trusts(nearest):
            self._warn(nearest)
            return str(nearest)
        client = nearest
        for hop in reversed(b",".join(forwarded).split(b",")) if forwarded else ():
            address = _address(hop.decode("latin-1"))
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
        return str(client)

    async def report(self, trace: Trace) -> None:
        """Tell of the request whose header was ignored."""
        self.unreported = False
        if self._tell is not None:
            await self._tell(trace)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)

    def _warn(self, peer: IPv4Address | IPv6Address) -> None:
        # Once: whoever sends such headers must not fill the log with them.
        if not self._warned:
            self._warned = self.unreported = True
            log.warning(
                "forwarded_for_ignored",
                peer=str(peer),
                hint="If this is a proxy of yours, add its address to WORKLANE_TRUSTED_PROXIES.",
            )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address of a hop, to which some proxies add the port; None for `unknown` and the like."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families tells IPv4 clients so.
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


# Of the peer only: it is never longer than an address, whatever a client sends.
_of_peer = lru_cache(maxsize=1000)(_address)


def network_of(address: str | None) -> str:
    """What counts as one caller: an IPv4 address or, since every household has as many, 64 bits of an IPv6 one."""
    found = None if address is None else _address(address)
    if found is None:
        return "unknown"
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
