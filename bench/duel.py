"""Time several things in turn, so that whatever else the machine does slows them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

Run = Callable[[], Any]

WARM_UP = 3  # calls, at least, before anything counts
SAMPLE = 0.02  # seconds that one sample takes at least: the clock and the calls then weigh nothing
ROUNDS = 7  # samples of each, at least: six are the fewest that give 95 %


def duel(
    runs: Mapping[str, Run], seconds: float = 3.0, rounds: int = ROUNDS, *, clocked: bool = False
) -> dict[str, list[float]]:
    """Seconds a call of each, one sample a round, paired by round.

    The rounds go A B, B A, A B: what comes first in one comes last in the next, so that neither always finds the
    caches as the other leaves them. It goes on for `seconds` and for `rounds` at least. `clocked` runs are called
    once a sample, without a warm-up, and return the seconds themselves: what took them otherwise does not count.
    """
    calls = {name: 1 if clocked else _calls(run) for name, run in runs.items()}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    order = list(runs)
    until = time.perf_counter() + seconds
    for n in count():
        if n >= rounds and time.perf_counter() >= until:
            return taken
        for name in order if n % 2 == 0 else reversed(order):
            taken[name].append(runs[name]() if clocked else _timed(runs[name], calls[name]))
    return taken


def _timed(run: Run, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls


def _calls(run: Run) -> int:
    """How many calls make one sample, found while it warms up."""
    for _ in range(WARM_UP - 1):
        run()
    return max(1, round(SAMPLE / max(_timed(run, 1), 1e-7)))
