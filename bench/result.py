"""A result file of `bgflow bench`: what ran where, and every row with its samples, intervals, peers and goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import pydantic

from bgflow.bench.figures import Figures
from bgflow.bench.fingerprint import Fingerprint
from bgflow.bench.interval import Interval, ratio, short
from bgflow.errors import UsageError

GoalVerdict = Literal["reached", "missed", "cannot tell", "not measured"]
KEPT = 2001  # of the latencies in a file; ten minutes of a live run have 18,000


class Goal(Figures):
    """What a row is to reach; either `least` or `most` is given.

    `of` is the row's own value, its share of the copy bandwidth, or how many times as fast as `peer` it is.
    """

    of: Literal["value", "share", "ratio"]
    peer: str = ""
    least: float | None = None
    most: float | None = None
    verdict: GoalVerdict = "not measured"

    def judged(self, found: Interval | None) -> Self:
        """The same with its verdict: reached or missed where the whole interval is on one side of the limit."""
        verdict: GoalVerdict = "not measured"
        if found is not None:
            verdict = "cannot tell"
            if self.least is not None:
                verdict = "reached" if found.low >= self.least else "missed" if found.high < self.least else verdict
            elif self.most is not None:
                verdict = "reached" if found.high <= self.most else "missed" if found.low > self.most else verdict
        return self.model_copy(update={"verdict": verdict})

    def text(self, unit: str) -> str:
        """In words, for a row of that unit."""
        sign, limit = ("≥", self.least) if self.least is not None else ("≤", self.most or 0.0)
        if self.of == "share":
            return f"{sign} {limit:.0%} of a copy"
        return f"{sign} {limit:g}x {self.peer}" if self.of == "ratio" else f"{sign} {short(limit)} {unit}"


class Peer(Figures):
    """What somebody would use instead, timed in turn with the row: `samples` pair up with the row's."""

    name: str
    samples: list[float]
    interval: Interval
    ratio: Interval
    """How many times as fast as this peer the row is."""


class Row(Figures):
    """One thing that was measured; `samples` are in `unit`."""

    suite: str
    name: str
    unit: str
    better: Literal["less", "more"] = "less"
    samples: list[float] = pydantic.Field(min_length=1)
    interval: Interval
    peers: list[Peer] = []
    moved_bytes: int | None = None
    """What has to be read and written at least."""
    share: Interval | None = None
    """The time of copying as many bytes, over the row's time; 1 is as fast as memory allows."""
    latency: bool = False
    """Whether the samples are single events, whose tail matters; of many, evenly spaced quantiles are kept."""
    goals: list[Goal] = []
    note: str = ""
    when: str = ""
    """When it was measured, UTC, ISO 8601."""

    @classmethod
    def measured(
        cls,
        suite: str,
        name: str,
        unit: str,
        samples: Sequence[float],
        peers: Mapping[str, Sequence[float]] | None = None,
        *,
        better: Literal["less", "more"] = "less",
        moved: int | None = None,
        copied: Sequence[float] | None = None,
        latency: bool = False,
        quantile: float = 0.5,
        goals: Sequence[Goal] = (),
        note: str = "",
    ) -> Self:
        """A row from samples; those of peers, and the times `copied` of as many bytes as `moved`, pair up with them.

        Its value is their median, or another `quantile`.
        """
        beside = [
            Peer(
                name=peer,
                samples=list(theirs),
                interval=Interval.of(theirs),
                ratio=ratio(theirs, samples) if better == "less" else ratio(samples, theirs),
            )
            for peer, theirs in (peers or {}).items()
        ]
        interval, share = Interval.of(samples, quantile), ratio(copied, samples) if copied else None
        found: dict[str, Interval | None] = {f"ratio {peer.name}": peer.ratio for peer in beside}
        found |= {"value ": interval, "share ": share}
        return cls(
            suite=suite,
            name=name,
            unit=unit,
            better=better,
            samples=_quantiles(samples) if latency else list(samples),
            interval=interval,
            peers=beside,
            moved_bytes=moved,
            share=share,
            latency=latency,
            goals=[goal.judged(found.get(f"{goal.of} {goal.peer}")) for goal in goals],
            note=note,
        )

    @property
    def key(self) -> tuple[str, str]:
        """Which row of another file this one is compared with."""
        return self.suite, self.name


class Absent(Figures):
    """What could not be measured here, and why; a row of `unit` that would have had `goals`."""

    suite: str
    name: str
    why: str
    unit: str = ""
    goals: list[Goal] = []
    when: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Which row it would have been."""
        return self.suite, self.name


class Result(Figures):
    """The whole file."""

    format: Literal[1] = 1
    fingerprint: Fingerprint
    tiny: bool = False
    """Whether sizes were made so small that only the bench itself was tried."""
    copy_gbs: Interval | None = None
    """Bytes that a copy in memory reads and writes a second on all cores, 1e9 a unit."""
    rows: list[Row] = []
    absent: list[Absent] = []
    seconds: float = 0.0

    @property
    def suites(self) -> list[str]:
        """The names of the suites, in the order in which they ran."""
        return list(dict.fromkeys([row.suite for row in self.rows] + [a.suite for a in self.absent]))

    def save(self, file: Path) -> None:
        """Write it as JSON, whole or not at all; raises MediaError."""
        from bgflow.report import write

        write(file, self.model_dump(mode="json"))


def _quantiles(samples: Sequence[float]) -> list[float]:
    """All of them in their order where they are few, else the least, the greatest, and others evenly between."""
    if len(samples) <= KEPT:
        return list(samples)
    ordered, step = sorted(samples), (len(samples) - 1) / (KEPT - 1)
    return [ordered[round(n * step)] for n in range(KEPT)]


def read(file: Path) -> Result:
    """A result from its file; raises UsageError."""
    try:
        return Result.model_validate_json(file.read_bytes())
    except OSError as e:
        raise UsageError(f"{file}: cannot be read: {(e.strerror or str(e)).lower()}") from e
    except pydantic.ValidationError as e:
        first = e.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise UsageError(
            f"{file}: is no result of bgflow bench: {place}: {first['msg'].lower()}; write one with --json"
        ) from None
