"""Limits how often a route is asked, by one address and by everyone, and tells each caller where he stands.

The first check of a request: whoever is over a limit costs one statement, and no body is read, no token looked up and
no password hashed for him. So requests that will be refused for another reason count too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from service.http.client_address import network_of
from service.kernel.actor import Actor
from service.kernel.audit import AuditEntry
from service.kernel.errors import TooManyRequests
from service.kernel.rates import Rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.types import Scope

    from service.kernel.actor import Trace
    from service.kernel.ports import Outbox, RateLimiter, UnitOfWork
    from service.kernel.rates import Count, Standing

# Where the edge finds the headers for the answer.
TOLD = "rate_limit"


class Congested(TooManyRequests):
    """All callers together ask for this more often than the service allows; yours may be the first request."""

    code = "too_many_requests_overall"
    title = "Too many requests by everyone together"


class Throttle:
    """Counts requests and refuses those above a limit."""

    def __init__(self, limiter: RateLimiter, unit_of_work: UnitOfWork, outbox: Outbox, rate: Rate) -> None:
        """`rate` is that of a route where something could be guessed; others have a multiple of it."""
        self._limiter = limiter
        self._unit_of_work = unit_of_work
        self._outbox = outbox
        self._rate = rate

    async def admit(self, scope: Scope, route: str, times: int) -> None:
        """Count a request to the route, which has so many times the rate.

        Raises:
            TooManyRequests: the caller's address is over its limit.
            Congested: everyone together is.
        """
        trace: Trace = cast("Any", scope)["trace"]
        rate = Rate(self._rate.per_caller * times, self._rate.overall * times, self._rate.seconds)
        standing = await self._limiter.take(f"{route} {network_of(trace.ip)}", route, rate)
        cast("Any", scope)[TOLD] = _headers(rate, standing)
        if standing.caller.taken > rate.per_caller:
            seconds = standing.caller.seconds
            message = f"Your address has sent its {rate.per_caller} requests; send the next in {seconds} s."
            first, refusal = standing.caller.taken == rate.per_caller + 1, TooManyRequests(message, retry_after=seconds)
        elif standing.everyone is not None and standing.everyone.taken > rate.overall:
            seconds = standing.everyone.seconds
            message = f"Everyone together has sent {rate.overall} requests; send yours again in {seconds} s."
            first, refusal = standing.everyone.taken == rate.overall + 1, Congested(message, retry_after=seconds)
        else:
            return
        if first:
            await self._tell(trace, AuditEntry(action="request.throttled", target_type=route, reason=refusal.code))
        raise refusal

    async def _tell(self, trace: Trace, entry: AuditEntry) -> None:
        """Once per window: the audit must not grow with what is refused."""
        await self._unit_of_work.run(lambda: self._outbox.record(Actor.anonymous(trace), entry))


def _headers(rate: Rate, standing: Standing) -> list[tuple[bytes, bytes]]:
    """draft-ietf-httpapi-ratelimit-headers-10: `q` requests in `w` seconds, `r` of them left, all again in `t` seconds."""
    limits = (("address", rate.per_caller, standing.caller), ("overall", rate.overall, standing.everyone))
    return [
        (b"ratelimit-policy", _list(f'"{name}";q={quota};w={rate.seconds}' for name, quota, _ in limits)),
        (b"ratelimit", _list(_left(name, quota, count) for name, quota, count in limits if count is not None)),
    ]


def _left(name: str, quota: int, count: Count) -> str:
    return f'"{name}";r={max(0, quota - count.taken)};t={count.seconds}'


def _list(members: Iterable[str]) -> bytes:
    return ", ".join(members).encode()
