"""What a run has measured, as a table."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.client import Result


class Measurement(Struct, frozen=True):
    """One server under load on one route."""

    result: Result
    # Of all its processes; None where the machine doesn't tell.
    cpu_seconds: float | None

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return self.result.requests / self.result.seconds

    @property
    def cpu(self) -> float:
        """Server CPU per request in µs."""
        return float("nan") if self.cpu_seconds is None else self.cpu_seconds / self.result.requests * 1e6


class Pair(Struct, frozen=True):
    """Both servers, one right after the other, so that whatever else the machine did met both."""

    ours: Measurement
    bare: Measurement

    @property
    def ratio(self) -> float:
        """Our share of the bare server's requests per second."""
        return self.ours.per_second / self.bare.per_second


HEAD = (
    f"{'':28}{'requests per second':^24}{'':6}{'':10}{'server CPU, µs':^16}{'':2}{'latency of ours, ms':^24}\n"
    f"{'':28}{'ours':>8}{'bare':>8}{'share':>8}{'spread':>14}{'ours':>10}{'bare':>8}{'p50':>8}{'p99':>8}{'p99/p50':>9}"
)


def line(title: str, pairs: Sequence[Pair]) -> str:
    """The medians of a route's rounds; `spread` is (largest - smallest share) / median."""
    ratios = [pair.ratio for pair in pairs]
    share = median(ratios)
    p50, p99 = _median(pair.ours.result.p50 for pair in pairs), _median(pair.ours.result.p99 for pair in pairs)
    return (
        f"{title:28}{_median(pair.ours.per_second for pair in pairs):8.0f}{_median(pair.bare.per_second for pair in pairs):8.0f}"
        f"{share:8.2f}{(max(ratios) - min(ratios)) / share:13.0%} "
        f"{_median(pair.ours.cpu for pair in pairs):10.0f}{_median(pair.bare.cpu for pair in pairs):8.0f}"
        f"{p50:8.2f}{p99:8.2f}{p99 / p50:9.1f}"
    )


def _median(values: Iterable[float]) -> float:
    return median(values)
