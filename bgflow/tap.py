"""What stages give, looked at from outside while the graph runs; it costs nothing while nobody looks.

A tap is a wire to nobody: from the next frame on its output is made even if the graph does not use it, and every
segment leaves the arrays that are looked at here when an instant is over. Arrays are shared, not copied: nobody writes
them, and their memory goes home when the last who holds them lets go.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from bgflow.frame import Frame
from bgflow.planning import Plan

KEPT = 6  # instants kept for each segment: as far as one may be ahead of another


class Sample(NamedTuple):
    """What an output gave, and at which instant, in seconds."""

    value: Any
    time: Fraction


class Instant(NamedTuple):
    """One frame at the end of a segment: the newest sample there of each output that is looked at."""

    frame: int
    time: Fraction
    found: Mapping[str, Sample]


class Shot(NamedTuple):
    """Outputs of one frame, in the order in which they were asked for; None for what has given nothing yet.

    `ages` are in frames: 0 for what was made of this very frame, more for what did not run at it.
    """

    frame: int
    time: Fraction
    samples: tuple[Sample | None, ...]
    ages: tuple[int, ...]


class Taps:
    """The taps of one run. Any thread looks and picks; each segment's own thread offers."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.keys: frozenset[str] = frozenset()
        """The outputs that are looked at; another set whenever that changes."""
        self._home = {stage: n for n, segment in enumerate(plan.segments) for stage in segment.stages}
        self.rings: list[collections.deque[Instant]] = [collections.deque(maxlen=KEPT) for _ in plan.segments]
        self._looks: collections.Counter[str] = collections.Counter()
        self._followers: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def looking(self, keys: Collection[str], came: Callable[[], None]) -> Iterator[None]:
        """Have these outputs ('stage.port') made and kept; `came` is called on stages' threads and must not wait."""
        with self._lock:
            self._looks.update(keys)
            self._followers.append(came)
            self.keys = frozenset(self._looks)
        try:
            yield
        finally:
            with self._lock:
                self._looks.subtract(keys)
                self._looks = +self._looks
                self._followers.remove(came)
                self.keys = frozenset(self._looks)
                for n, ring in enumerate(self.rings):
                    self.rings[n] = collections.deque((self._left(it) for it in ring if self.keys), KEPT)

    def _left(self, instant: Instant) -> Instant:
        return instant._replace(found={k: v for k, v in instant.found.items() if k in self.keys})

    def home(self, key: str) -> int:
        """Which of the plan's segments makes an output."""
        return self._home[key.partition(".")[0]]

    def offer(
        self,
        segment: int,
        frame: Frame,
        values: Mapping[str, Any],
        held: Mapping[str, Any],
        times: Mapping[str, Fraction],
        kept: Callable[[str], Any],
    ) -> None:
        """Leave what is looked at of an instant that a segment has finished; its own thread.

        `values` are of this instant, `held` of those in `times`; `kept` asks the stage that makes an output for one
        that it sent long ago.
        """
        with self._lock:
            ring = self.rings[segment]
            before = ring[-1].found if ring else {}
            found = {}
            for key in self.keys:
                if (value := values.get(key)) is not None:
                    found[key] = Sample(value, frame.time_of(key))
                elif (value := held.get(key)) is not None:
                    found[key] = Sample(value, times.get(key, frame.time))
                elif self.home(key) == segment:
                    if (sample := before.get(key)) is not None:
                        found[key] = sample
                    elif (value := kept(key)) is not None:
                        found[key] = Sample(value, frame.time)
            if self.keys:
                ring.append(Instant(frame.seq, frame.time, found))
            followers = list(self._followers)
        for came in followers:
            came()

    def pick(self, keys: Sequence[str], last: Fraction | None = None, patient: bool = True) -> Shot | None:
        """The newest frame of which there are all these outputs; None while there is none but that of `last`.

        What does not run at every instant counts with its last value. Without patience, outputs that have given nothing
        do not count, and None is given only while no frame has come at all.
        """
        with self._lock:
            homes = [self.home(key) for key in keys]
            where = list(zip(keys, homes, strict=True))
            end = max(homes)
            for instant in reversed(self.rings[end]):
                if instant.time == last:
                    return None
                if all(self._is_past(key, home, instant) for key, home in where):
                    samples = self._samples(where, instant, patient)
                    if not (patient and None in samples):
                        return self._shot(end, instant, samples)
            if not self.rings[end]:
                return None
            instant = self.rings[end][-1]
            samples = self._samples(where, instant, patient)
            return None if patient and None in samples else self._shot(end, instant, samples)

    def _samples(self, where: Sequence[tuple[str, int]], instant: Instant, patient: bool) -> tuple[Sample | None, ...]:
        found = (self._at(*it, instant) for it in where)
        if patient:
            return tuple(found)
        return tuple(sample or self._near(*it, instant) for it, sample in zip(where, found, strict=True))

    def _is_past(self, key: str, home: int, instant: Instant) -> bool:
        """Whether the maker of an output has finished an instant, or its readers went on without it."""
        ring = self.rings[home]
        return key in instant.found or bool(ring and ring[-1].time >= instant.time)

    def _at(self, key: str, home: int, instant: Instant) -> Sample | None:
        """An output at an instant: what its readers had there, else the newest that its maker had by then."""
        if (there := instant.found.get(key)) is not None:
            return there
        at = next((it for it in reversed(self.rings[home]) if it.time <= instant.time), None)
        return at.found.get(key) if at else None

    def _near(self, key: str, home: int, instant: Instant) -> Sample | None:
        """An output as near to an instant as it is known: its maker may be too far ahead."""
        known = [it.found[key] for it in self.rings[home] if key in it.found]
        return min(known, key=lambda it: abs(it.time - instant.time), default=None)

    def _shot(self, segment: int, instant: Instant, samples: tuple[Sample | None, ...]) -> Shot:
        first = self.rings[segment][0]
        if first is instant:  # no other is known; streams mostly begin with frame 0 at time 0
            first = Instant(0, Fraction(0), {})
        frames = instant.frame - first.frame
        spacing = (instant.time - first.time) / frames if frames > 0 else Fraction(0)
        ages = tuple(0 if it is None else _frames(instant.time - it.time, spacing) for it in samples)
        return Shot(instant.frame, instant.time, samples, ages)


def _frames(time: Fraction, spacing: Fraction) -> int:
    """How many frames fit into a time; at least one into any."""
    if not time:
        return 0
    return max(1, round(abs(time) / spacing)) if spacing else 1
