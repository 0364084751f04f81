"""How many streams of a graph keep a promise: open-loop load, and the search for the largest number.

Frames come by the clock at the source's rate whatever the graph does, and a frame's latency counts from the instant at
which it was due, so a graph that falls behind cannot slow down what it is asked (Tene's "coordinated omission"). A
frame that never arrives has missed every limit.
"""

from __future__ import annotations

import contextlib
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bgflow import Run, load, plan
from bgflow.bench.fed import Clip, Fed, again, clip_of
from bgflow.bench.result import Row
from bgflow.bench.suite import Item, Scope
from bgflow.errors import UsageError
from bgflow.frame import Frame
from bgflow.graph import Graph
from bgflow.slo import duration

MOST = 64  # streams that are tried
WARM = 15  # frames of every stream that come out before anything counts
START_SECONDS = 120  # for all streams to warm up
GRACE = 1.0  # seconds after the last frame was due in which it may still arrive
LEAST_FRAMES = 200  # that were due, for a 99th percentile that is not one single frame
SLO = re.compile(r"p(50|90|95|99)\s*<\s*(.+)")


@dataclass(frozen=True)
class Slo:
    """A promise about latency: at the `quantile`, below `seconds`."""

    text: str
    quantile: float
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Slo:
        """From 'p99<33ms'; raises UsageError."""
        found = SLO.fullmatch(text.strip())
        with contextlib.suppress(ValueError):
            if found and (seconds := duration(found[2])) > 0:
                return cls(text.strip(), int(found[1]) / 100, seconds)
        raise UsageError(f"--slo {text}: is no limit; write a percentile, <, and a time: p99<33ms or p95<0.1s")


@dataclass(frozen=True)
class Trial:
    """So many streams at once: seconds from due to arrival of every frame that was due, infinite where none came."""

    streams: int
    seconds: tuple[float, ...]

    def at(self, quantile: float) -> float:
        """The latency that this share of the frames that were due did not exceed."""
        return sorted(self.seconds)[max(math.ceil(quantile * len(self.seconds)) - 1, 0)]

    def keeps(self, slo: Slo) -> bool:
        """Whether the promise was kept."""
        return self.at(slo.quantile) < slo.seconds

    @property
    def missed(self) -> int:
        """Frames that were due and never arrived."""
        return sum(map(math.isinf, self.seconds))

    def __str__(self) -> str:
        tail = ", ".join(f"p{100 * q:g} {_ms(self.at(q))}" for q in (0.5, 0.95, 0.99))
        return f"{tail}, dropped {self.missed} of {len(self.seconds)}"


class Stream(Run):
    """One fed graph; `came` has the clock's seconds at which frames reached a sink, the last of them, by pts."""

    def __init__(self, graph: Graph):
        super().__init__(plan(graph))
        self.fed = next(node.stage for node in graph.nodes.values() if isinstance(node.stage, Fed))
        self.came: dict[int, float] = {}

    def arrived(self, frame: Frame) -> None:
        super().arrived(frame)
        self.came[frame.pts] = time.monotonic()

    def lateness(self, first: float, last: float) -> Iterator[float]:
        """Of all frames that were due from one second of the clock to another."""
        n = max(0, math.ceil((first - self.fed.began) * self.fed.rate))
        while (due := self.fed.began + n / self.fed.rate) < last:
            yield self.came.get(self.fed.due(n), math.inf) - due
            n += 1


@contextlib.contextmanager
def warm(file: str, clip: Clip, streams: int, patience: float = START_SECONDS) -> Iterator[list[Stream]]:
    """So many at once that have all warmed up, or failed; raises what a run does, and UsageError after `patience`."""
    with tempfile.TemporaryDirectory(prefix="bgflow-load-") as folder, contextlib.ExitStack() as stack:
        runs = []
        for n in range(streams):
            own = Path(folder) / str(n)
            own.mkdir()
            runs.append(Stream(again(file, clip, own, late=n / streams / clip.rate)))
        for run in runs:
            stack.enter_context(run)
        until = time.monotonic() + patience
        while any(len(run.came) < WARM for run in runs) and not any(run.errors for run in runs):
            if time.monotonic() > until:
                raise UsageError(f"{file}: {streams} streams did not give {WARM} frames each in {patience:g} s")
            time.sleep(0.02)
        yield runs


def load_of(file: str, clip: Clip, streams: int, seconds: float, least: int = LEAST_FRAMES) -> Trial:
    """Run so many at once after all have warmed up, for so long and `least` frames; raises what a run does."""
    seconds = max(seconds, least / clip.rate / streams)
    with warm(file, clip, streams) as runs:
        first = time.monotonic()
        time.sleep(seconds + GRACE)
        for run in runs:
            run.stop()
        every = tuple(s for run in runs for s in run.lateness(first, first + seconds))
    return Trial(streams, every)


def search(tried: Callable[[int], bool], most: int = MOST) -> int:
    """The largest number for which `tried` says yes, if it says no from some number on; 0 where it says no to 1.

    It doubles until the first no, and halves what is between from there.
    """
    good, bad = 0, 1
    while bad <= most and tried(bad):
        good, bad = bad, 2 * bad
    bad = min(bad, most + 1)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if tried(middle) else (good, middle)
    return good


class Load:
    """A suite of one graph under load; `streams` of 0 searches for the most that keep the promise."""

    def __init__(self, file: str, streams: int, slo: Slo | None):
        """Raises GraphError when it is no graph."""
        self.file, self.streams, self.slo, self.name = file, streams, slo, Path(file).stem
        load(file)

    def cases(self, scope: Scope) -> Iterator[Item]:
        """A row for each number of streams that was tried, and one for what was found."""
        clip, least = clip_of(load(self.file)), 10 if scope.tiny else LEAST_FRAMES
        if self.streams:
            trial = load_of(self.file, clip, self.streams, scope.seconds, least)
            yield self._row(trial, clip)
            trials = [trial]
        else:
            assert self.slo is not None
            slo, trials = self.slo, []

            def tried(streams: int) -> bool:
                trials.append(load_of(self.file, clip, streams, scope.seconds, least))
                return trials[-1].keeps(slo)

            most = search(tried, 2 if scope.tiny else MOST)
            for trial in sorted(trials, key=lambda trial: trial.streams):
                yield self._row(trial, clip)
            trials = [trial for trial in trials if trial.streams == most] or trials[:1]
            yield self._found(most, trials)

    def _row(self, trial: Trial, clip: Clip) -> Item:
        kept = "" if self.slo is None else f"; {self.slo.text}: {'kept' if trial.keeps(self.slo) else 'broken'}"
        note = f"{trial}, due at {clip.rate:g} frames/s each; {clip.what}{kept}"
        least = max([GRACE, *filter(math.isfinite, trial.seconds)])  # that a frame which never came was waited for
        samples = [1e3 * min(s, least) for s in trial.seconds]
        return Row.measured(self.name, counted(trial.streams), "ms", samples, latency=True, note=note)

    def _found(self, most: int, trials: Sequence[Trial]) -> Row:
        assert self.slo is not None
        note = f"{counted(trials[0].streams)}: {trials[0]}" + ("; more were not tried" if most >= MOST else "")
        name = f"streams that keep {self.slo.text}"
        return Row.measured(self.name, name, "streams", [float(most)], better="more", note=note)


def counted(count: int) -> str:
    """So many streams, in words."""
    return f"{count} stream{'s' * (count != 1)}"


def _ms(seconds: float) -> str:
    return "never" if math.isinf(seconds) else f"{1e3 * seconds:.1f} ms"
