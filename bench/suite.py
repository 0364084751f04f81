"""What a suite is, which there are, and how its cases become rows.

A suite is a file `bench/suite_NAME.py`: the first line of its docstring is its title, and `cases(scope)` yields what it
measures: a Case, which is timed here; a Row that it measured itself; or an Absent. It is a generator, so that what a
case needs is open while it is timed and closed when the next one is asked for. What it needs beyond bgflow itself it
imports in there, and yields an Absent where that is missing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import bgflow.bench
from bgflow.bench.copyspeed import Copy
from bgflow.bench.duel import ROUNDS, Run, duel
from bgflow.bench.interval import Interval
from bgflow.bench.result import Absent, Goal, Row
from bgflow.document import near
from bgflow.errors import UsageError

PREFIX = "suite_"
COPY = "copy"  # among the runs of a case, beside which no peer may have this name
UNITS = {"s": 1.0, "ms": 1e3, "µs": 1e6}


@dataclass
class Scope:
    """How much is measured; `tiny` sizes only try the bench itself.

    `seconds` are spent on each case at least, `only` those are timed in whose name it is.
    """

    seconds: float = 3.0
    tiny: bool = False
    only: str = ""
    copies: list[float] = field(default_factory=list)
    """Bytes a second, read and written, of every copy that was timed."""

    @functools.cached_property
    def copy(self) -> Copy:
        """What the share of the limit is measured with."""
        return Copy(1 << 16 if self.tiny else None)

    @property
    def copy_gbs(self) -> Interval | None:
        """What the copies reached, 1e9 bytes a second; None where none was timed."""
        return Interval.of([c / 1e9 for c in self.copies]) if self.copies else None

    def close(self) -> None:
        """End the threads of the copy."""
        if "copy" in vars(self):
            self.copy.close()


@dataclass(frozen=True)
class Case:
    """Something to time, and beside what; the runs take turns (see `bgflow.bench.duel`).

    `moved` is what it has to read and write at least, in bytes: then a copy takes turns with it, too. The runs of a
    `clocked` case return their seconds themselves. `unit` is s, ms or µs.
    """

    name: str
    ours: Run
    peers: Mapping[str, Run] = field(default_factory=dict)
    unit: str = "ms"
    moved: int | None = None
    goals: Sequence[Goal] = ()
    note: str = ""
    rounds: int = ROUNDS
    clocked: bool = False


Item = Case | Row | Absent


class Suite(Protocol):
    """A module `bench/suite_NAME.py`."""

    def cases(self, scope: Scope) -> Iterator[Item]:
        """What it measures."""
        ...


def names() -> list[str]:
    """The suites that there are."""
    found = (m.name for m in pkgutil.iter_modules(bgflow.bench.__path__))
    return sorted(name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX))


def find(name: str) -> Suite:
    """A suite by its name; raises UsageError."""
    if name not in names():
        raise UsageError(f"there is no suite {name!r}{near(name, names())}")
    module: Any = importlib.import_module(f"bgflow.bench.{PREFIX}{name}")
    return module  # type: ignore[no-any-return]


def title(name: str) -> str:
    """What a suite measures, in a line."""
    return (find(name).__doc__ or "").strip().partition("\n")[0]


def measure(
    name: str, suite: Suite, scope: Scope, told: Callable[[str], None] = lambda doing: None
) -> Iterator[Row | Absent]:
    """The rows of a suite one by one; `told` hears what is timed next."""
    with contextlib.closing(suite.cases(scope)) as items:  # type: ignore[type-var]
        for item in items:
            if scope.only not in item.name:
                continue
            told(f"{name}: {item.name}")
            yield timed(name, item, scope) if isinstance(item, Case) else item


def timed(suite: str, case: Case, scope: Scope) -> Row:
    """One case beside its peers and, where it has bytes to move, beside a copy."""
    runs = {"": case.ours, **case.peers}
    if case.moved:
        runs[COPY] = scope.copy
    seconds = duel(runs, scope.seconds, case.rounds, clocked=case.clocked)
    copies = seconds.pop(COPY, []) if case.moved else []
    scope.copies += [2 * scope.copy.nbytes / s for s in copies]
    unit = UNITS[case.unit]
    in_unit = {run: [s * unit for s in of] for run, of in seconds.items()}
    return Row.measured(
        suite,
        case.name,
        case.unit,
        in_unit.pop(""),
        in_unit,
        moved=case.moved,
        copied=[s * unit * (case.moved or 0) / (2 * scope.copy.nbytes) for s in copies],
        goals=case.goals,
        note=case.note,
    )
