"""Rows from what a served graph told of itself over a run: pictures out, losses, latencies, cores, memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bgflow.bench.interval import Interval
from bgflow.bench.resident import MB
from bgflow.bench.result import Goal, Row

if TYPE_CHECKING:
    from bgflow.bench.served import Reading

FPS, CORES, GROWTH = "pictures a second out", "processor cores", "memory growth"
ARRIVED, DECODED = "last packet in to last packet out, p95", "decoded to last packet out, p95"
LOST = "pictures of the camera without a result"
UNITS = {FPS: "frames/s", LOST: "%", ARRIVED: "ms", DECODED: "ms", CORES: "cores", GROWTH: "MB in 10 min"}
NAMES = tuple(UNITS)
TEN_MINUTES, MS = 600.0, 1e3
FILLS = 60.0  # seconds of a long run that do not count for the growth of memory
FEW = 0.02  # cores below which a thread is not named


def rows(suite: str, run: str, readings: Sequence[Reading], goals: Mapping[str, Goal]) -> Iterator[Row]:
    """Every row, from the readings at the ends of all windows of a run; `goals` are by name."""
    windows = list(itertools.pairwise(readings))
    first, last = readings[0], readings[-1]
    passages = [p for reading in readings[1:] for p in reading.passages]

    def row(name: str, samples: Sequence[float], note: str, more: bool = False) -> Row:
        given, better = [goals[name]] if name in goals else [], "more" if more else "less"
        return Row.measured(suite, f"{run}, {name}", UNITS[name], samples, better=better, goals=given, note=note)  # type: ignore[arg-type]

    out = [len(after.passages) / (after.at - before.at) for before, after in windows]
    note = f"{len(passages)} in {last.at - first.at:.0f} s, by windows; the lowest {min(out):.1f}"
    yield row(FPS, out, note, more=True)
    came = [after.came - before.came for before, after in windows]
    lost = [100 * max(1 - len(after.passages) / n, 0) for n, (_, after) in zip(came, windows, strict=True) if n]
    yield row(LOST, lost or [100.0], f"{sum(came)} came; {_dropped(first, last) or 'none was dropped'}")
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in last.stages.items())
    for name, since, also in ((ARRIVED, 1, f"; stages, ms: {stages}"), (DECODED, 2, "")):
        given = [goals[name]] if name in goals else []
        yield latency(suite, f"{run}, {name}", [(p[3] - p[since]) * MS for p in passages], given, also)
    cores = [(after.cpu - before.cpu) / (after.at - before.at) for before, after in windows]
    yield row(CORES, cores, f"of the server's process: {_threads(first, last)}")
    grown = growth(readings)
    yield row(GROWTH, grown, f"{last.rss / MB:.0f} MB at the end; the second half beside the first")


def latency(suite: str, name: str, ms: Sequence[float], goals: Sequence[Goal] = (), also: str = "") -> Row:
    """A row whose value is the 95th percentile; the others are in its note."""
    p50, p99 = Interval.of(ms), Interval.of(ms, 0.99)
    note = f"p50 {p50}, p99 {p99} ms of {len(ms)}{also}"
    rounded = [round(v, 2) for v in ms]
    return Row.measured(suite, name, "ms", rounded, latency=True, quantile=0.95, goals=goals, note=note)


def growth(readings: Sequence[Reading]) -> list[float]:
    """MB in ten minutes, of each reading of the second half beside the one as far into the first half.

    Their median is Theil's incomplete slope, which a few outliers do not move. What came in the first tenth, a minute
    at most, does not count: heaps fill then.
    """
    began, span = readings[0].at, readings[-1].at - readings[0].at
    settled = [r for r in readings if r.at - began >= min(span / 10, FILLS)]
    half = len(settled) // 2
    early, late = settled[:half], settled[-half:]
    return [(b.rss - a.rss) / MB / (b.at - a.at) * TEN_MINUTES for a, b in zip(early, late, strict=True)]


def _dropped(first: Reading, last: Reading) -> str:
    counts = {place: n - first.dropped.get(place, 0) for place, n in last.dropped.items()}
    return ", ".join(f"{place} {n}" for place, n in counts.items() if n)


def _threads(first: Reading, last: Reading) -> str:
    seconds = last.at - first.at
    cores = {name: (cpu - first.threads.get(name, 0.0)) / seconds for name, cpu in last.threads.items()}
    ordered = sorted(cores.items(), key=lambda item: -item[1])
    return ", ".join(f"{name.removeprefix('bgflow:')} {share:.2f}" for name, share in ordered if share >= FEW)
