"""What a handful of timings says for sure: a quantile with its 95 % interval, and ratios of things timed in turn."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

CONFIDENCE = 0.95
Verdict = Literal["faster", "slower", "cannot tell"]


@dataclass(frozen=True)
class Interval:
    """A median (or another quantile), and the limits between which the true one lies with 95 % confidence.

    The limits are order statistics (Hahn and Meeker, "Statistical Intervals", 1991, 5.2), which hold whatever the
    distribution is, as long as the samples are independent. Where `count` samples are too few for 95 %, which is
    below six for a median, they are the extremes.
    """

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, samples: Sequence[float], quantile: float = 0.5) -> Self:
        """The interval of at least one sample; `quantile` lies within 0..1."""
        ordered = sorted(samples)
        n = len(ordered)
        low, high = _ranks(n, quantile)
        place = quantile * (n - 1)
        below = math.floor(place)
        above, share = min(below + 1, n - 1), place - below
        return cls(ordered[below] * (1 - share) + ordered[above] * share, ordered[low], ordered[high], n)

    def over(self, other: Interval) -> Interval:
        """This one divided by another whose samples were not taken in pairs with its own.

        The limits are the extremes of both, which is certain enough, and wider than need be. Where one of them may be
        0 or less, as differences of times may, anything is possible.
        """
        count, value = min(self.count, other.count), self.value / other.value if other.value else math.inf
        if min(self.low, other.low) <= 0:
            return Interval(value, -math.inf, math.inf, count)
        return Interval(value, self.low / other.high, self.high / other.low, count)

    def __str__(self) -> str:
        return f"{short(self.value)} [{short(self.low)}, {short(self.high)}]"


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> Interval:
    """How many times longer theirs took, from samples that were taken in pairs: each pair met the same machine."""
    return Interval.of([a / b for a, b in zip(theirs, ours, strict=True)])


def verdict(speed: Interval, noise: float = 0.0) -> Verdict:
    """Whether something became faster, from the interval of old time over new.

    `noise` is a change, such as 0.03, that means nothing even where it is certain: another build of the same text.
    """
    if speed.low > 1 + noise:
        return "faster"
    if speed.high < 1 / (1 + noise):
        return "slower"
    return "cannot tell"


def short(value: float) -> str:
    """A number in three digits, without an exponent below a million."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


@functools.lru_cache
def _ranks(n: int, quantile: float) -> tuple[int, int]:
    """The places, among n in order, of the two closest samples that enclose the quantile with 95 % confidence.

    Each tail has half of what may be missed: P(K <= low) and P(K > high) for a binomial K of n trials.
    """
    tail = (1 - CONFIDENCE) / 2
    low = _misses(n, quantile, tail)
    return max(low - 1, 0), n - 1 - max(_misses(n, 1 - quantile, tail) - 1, 0)


def _misses(n: int, p: float, tail: float) -> int:
    """How many samples, from the smallest on, lie below the quantile `p` but for a probability of `tail`."""
    if not 0 < p < 1:
        return 0
    below, r = 0.0, 0
    while r < n:
        log = math.lgamma(n + 1) - math.lgamma(r + 1) - math.lgamma(n - r + 1)
        below += math.exp(log + r * math.log(p) + (n - r) * math.log1p(-p))
        if below > tail:
            break
        r += 1
    return r
