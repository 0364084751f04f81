"""The control law of an slo: down when frames are surely late, up when they have been easy for long, and no to and fro.

It knows nothing but what it is told: the time, latencies and losses. A lost frame is one that is infinitely late, so
that a graph does not look fast because it drops what it has no time for.

*Down*, at once, when the lower 95 % limit of the quantile lies above the goal, by the binomial distribution of the
number of late frames, which holds whatever the latencies' own distribution is. Late frames in a row are one event and
not many, so they must be spread over a fifth of the window, too. After a step it waits for a window to see what came
of it, of which the first fifth, the cost of the step itself, does not count. How much a rung saves is not known before,
so it gallops: a step that did not suffice is followed by one of as many rungs as its gain suggests, up to twice its
own. The first one takes a rung for each time that the latency would have to be halved; one that takes back a step up
goes where it came from.

*Up*, one rung at a time, when the quantile has stayed below 0.7 of the goal for three windows. If the step up has to be
taken back before it has lasted twice as long as the calm before it, the next one from there waits twice as long; but
not longer than the first time when latencies are by a fifth lower than they were then, because then the load has
changed. A rung that a step down has passed over may well hold, so it is tried once when the goal itself was kept for
three windows.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DOUBT = 0.05  # how probable it may be that no step down was due
SPREAD = 0.2  # of the window: over how much of it late frames must lie
SETTLE = 0.2  # of the window, after a step, that does not count
EASY = 0.7  # of the goal
CALM = 3  # windows of ease before a step up
CALMER = 0.8  # of the latency before a step up that failed: the load has changed
LAST = 2  # times the calm before it, that a step up has to last
SOON = 2  # windows after a step down, in which the need for another one shows that it was too small
MOST = 64  # times the first wait, at most


@dataclass(frozen=True)
class Step:
    """What is to be done and why: `value` is the quantile, in seconds, over `frames`, of which `lost` never came."""

    before: int
    after: int
    value: float
    frames: int
    lost: int
    calm: float = 0.0
    """For how many seconds it was easy, before a step up."""


@dataclass
class Attempt:
    """Steps up from one rung: what was seen before the last one, and how long the next one waits."""

    wait: float
    worst: float = math.inf
    failed: bool = False


class Governor:
    """Which of the rungs 0 (best) to `lowest` holds `quantile` of the frames within `goal` seconds."""

    def __init__(self, quantile: float, goal: float, window: float, lowest: int):
        self.quantile, self.goal, self.window, self.lowest = quantile, goal, window, lowest
        self.rung = 0
        self.exhausted = False
        """Whether frames are surely late on the lowest rung."""
        self._seen: collections.deque[tuple[float, float]] = collections.deque()
        self._counts_from = self._free_from = -math.inf
        self._calm_since: float | None = None
        self._light_since: float | None = None
        """Since when it has been lighter than before the last step up that failed."""
        self._calm_worst = 0.0
        self._fell, self._fell_at, self._stride = -math.inf, 0.0, 1
        """When the last step down was, at which value, and its rungs."""
        self._passed: set[int] = set()
        """Rungs that steps down have passed over: whether they hold is not known."""
        self._attempts: dict[int, Attempt] = {}
        self._risen: tuple[float, float] | None = None

    @property
    def value(self) -> float | None:
        """The quantile of the window, in seconds; inf where too many were lost, None where nothing was seen."""
        return _quantile([v for _, v in self._seen], self.quantile)

    def rest(self, now: float) -> None:
        """Do not count what comes until a fifth of a window has passed: something else than the load slows it."""
        self._seen.clear()
        self._counts_from = now + SETTLE * self.window
        self._calm_since = self._light_since = None

    def advance(self, now: float, latencies: Iterable[float], lost: int = 0) -> Step | None:
        """What has been seen since the last call, and what is to be done; the rung has changed then."""
        if now >= self._counts_from:
            self._seen.extend((now, v) for v in (*latencies, *[math.inf] * lost))
        while self._seen and self._seen[0][0] <= now - self.window:
            self._seen.popleft()
        value = self.value
        if value is None:
            self._calm_since = self._light_since = None
            return None
        late = self._is_late()
        self.exhausted = late and self.rung == self.lowest
        if late and self.rung < self.lowest and now >= self._free_from:
            return self._down(now, value)
        if value > (1 if self.rung - 1 in self._passed else EASY) * self.goal:
            self._calm_since = self._light_since = None
        elif self._calm_since is None:
            self._calm_since, self._calm_worst = now, value
        else:
            self._calm_worst = max(self._calm_worst, value)
            if self.rung and self._may_rise(now, value):
                return self._up(now, value)
        return None

    def _is_late(self) -> bool:
        """Whether more frames than allowed are late, beyond doubt and not in a row."""
        late = [t for t, v in self._seen if v > self.goal]
        if not late or late[-1] - late[0] < SPREAD * self.window:
            return False
        return chance(len(late), len(self._seen), 1 - self.quantile) <= DOUBT

    def _may_rise(self, now: float, value: float) -> bool:
        """Whether it has been calm for long enough."""
        first = CALM * self.window
        tried = self._attempts.get(self.rung, Attempt(first))
        if not tried.failed or value > CALMER * tried.worst:
            self._light_since = None
        elif self._light_since is None:
            self._light_since = now
        elif now - self._light_since >= first:
            return True
        return self._calm_since is not None and now - self._calm_since >= tried.wait

    def _down(self, now: float, value: float) -> Step:
        failed = False
        if self._risen is not None:
            since, waited = self._risen
            tried = self._attempts[self.rung + 1]
            tried.failed = failed = now - since < LAST * waited
            first = CALM * self.window
            tried.wait = min(2 * tried.wait, MOST * first) if failed else first
        self._risen = None
        self._stride = 1 if failed else self._rungs(now, value)
        self._fell, self._fell_at = now, value
        self._passed.update(range(self.rung + 1, self.rung + self._stride))
        return self._move(now, self._stride, value)

    def _rungs(self, now: float, value: float) -> int:
        """How many rungs down at once: as many as the step just before suggests, but no more than twice its own."""
        lost = sum(v == math.inf for _, v in self._seen)
        excess = math.log2(value / self.goal if value < math.inf else len(self._seen) / max(len(self._seen) - lost, 1))
        wanted = math.floor(excess)
        if now - self._fell < SOON * self.window:
            gain = math.log2(self._fell_at / value) / self._stride if value < math.inf else 0.0  # of each rung
            most = 2 * self._stride
            wanted = max(wanted, math.ceil(min(excess / gain, most)) if gain > 0 else most)
        return min(max(wanted, 1), self.lowest - self.rung)

    def _up(self, now: float, value: float) -> Step:
        assert self._calm_since is not None
        if self._risen is not None:
            self._attempts.pop(self.rung + 1, None)  # the step up before this one has lasted
        calm = now - self._calm_since
        tried = self._attempts.setdefault(self.rung, Attempt(CALM * self.window))
        tried.worst, tried.failed = self._calm_worst, False
        self._risen = now, calm
        return self._move(now, -1, value, calm)

    def _move(self, now: float, by: int, value: float, calm: float = 0.0) -> Step:
        lost = sum(v == math.inf for _, v in self._seen)
        step = Step(self.rung, self.rung + by, value, len(self._seen), lost, calm)
        self.rung += by
        self._passed.discard(self.rung)
        self.rest(now)
        self._free_from = now + self.window
        return step


def chance(late: int, frames: int, share: float) -> float:
    """How probable it is that `late` frames or more are late when `share` of all are: the binomial tail."""
    if late <= share * frames:
        return 1.0
    total = 0.0
    for k in range(late, frames + 1):  # beyond the mean, so every term is smaller than the one before
        ways = math.lgamma(frames + 1) - math.lgamma(k + 1) - math.lgamma(frames - k + 1)
        term = math.exp(ways + k * math.log(share) + (frames - k) * math.log1p(-share))
        total += term
        if term < 1e-9:
            break
    return total


def _quantile(values: Sequence[float], q: float) -> float | None:
    """The smallest value that a share of `q` does not exceed."""
    return sorted(values)[max(math.ceil(q * len(values) - 1e-9), 1) - 1] if values else None
