"""Two result files beside each other: what became faster, what slower, and what cannot be told.

A row that ran beside the same peer in both files is judged by its ratio to that peer: whatever the machine did, it did
to both. Where the packages differ the peer is another one, and the row's own time is compared, as it is without peers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bgflow.bench.interval import Interval, Verdict, verdict
from bgflow.bench.page import Table
from bgflow.bench.result import Result, Row
from bgflow.errors import UsageError

NOISE = 0.05  # change that means nothing: another build, another place in memory
ALONE_NOISE = 0.15  # the same without a peer, where a machine that is busier or hotter is not told apart


@dataclass(frozen=True)
class Change:
    """One row in both files; `speed` is how many times as fast as the old one the new one is."""

    row: Row
    before: Row
    speed: Interval
    verdict: Verdict
    beside: str
    """The peer by which it was judged; '' is its own time."""


def check(old: Result, new: Result, *, where: str | Path = "the other file", anyway: bool = False) -> None:
    """Whether they can be compared, which shows before anything is measured.

    Raises:
        UsageError: they are of different machines, which `anyway` allows, or one is of tiny sizes.
    """
    before, now = old.fingerprint.machine, new.fingerprint.machine
    if before != now and not anyway:
        raise UsageError(f"{where}: was measured on {before}, not on {now}; --anyway compares them all the same")
    if old.tiny != new.tiny:
        raise UsageError(f"{where}: {'is' if old.tiny else 'is not'} of tiny sizes; measure both alike")


def compare(old: Result, new: Result, *, where: str | Path = "the other file", anyway: bool = False) -> list[Change]:
    """Every row that both have.

    Raises:
        UsageError: as `check` does, and when they have no row in common.
    """
    check(old, new, where=where, anyway=anyway)
    olds = {row.key: row for row in old.rows}
    control = old.fingerprint.packages == new.fingerprint.packages
    out = [_change(olds[row.key], row, control) for row in new.rows if row.key in olds]
    if not out:
        raise UsageError(f"{where}: has none of the rows {', '.join(row.name for row in new.rows[:6])}; name its suite")
    return out


def _change(old: Row, new: Row, control: bool) -> Change:
    olds = {peer.name: peer for peer in old.peers}
    peer = next((p for p in new.peers if p.name in olds), None) if control else None
    if peer is not None:
        speed, noise = peer.ratio.over(olds[peer.name].ratio), NOISE
    else:
        first, second = (old.interval, new.interval) if new.better == "less" else (new.interval, old.interval)
        speed, noise = first.over(second), ALONE_NOISE
    return Change(new, old, speed, verdict(speed, noise), peer.name if peer else "")


def table(changes: Sequence[Change], title: str) -> Table:
    """The comparison for people."""
    rows = [
        (
            c.row.suite,
            c.row.name,
            f"{c.before.interval} {c.before.unit}",
            f"{c.row.interval} {c.row.unit}",
            f"{c.speed}",
            c.beside or "its own time",
            c.verdict,
        )
        for c in changes
    ]
    return Table(title, ("suite", "what", "old", "new", "times as fast", "judged by", "verdict"), rows)


def slower(changes: Sequence[Change]) -> bool:
    """Whether anything became slower beyond noise."""
    return any(c.verdict == "slower" for c in changes)
