"""A result as tables: for the terminal, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bgflow.bench.page import NONE, Table
from bgflow.bench.quality import between_markers
from bgflow.bench.result import Result, Row
from bgflow.errors import MediaError


def tables(result: Result) -> Iterator[Table]:
    """One of each suite, then one of the goals, where there are any."""
    for suite in result.suites:
        rows = [_row(row) for row in result.rows if row.suite == suite]
        rows += [(a.name, NONE, NONE, NONE, NONE, f"not measured: {a.why}") for a in result.absent if a.suite == suite]
        yield Table(suite, ("what", "median [95 %]", "beside", "times as fast", "of a copy", "note"), rows)
    if judged := list(_goals(result)):
        yield Table("goals", ("suite", "what", "goal", "measured", "verdict"), judged)


def write(file: Path, result: Result) -> None:
    """Put each table between its markers in a page, at its end where it has none; raises MediaError.

    The markers are `<!-- table: bench NAME -->` and `<!-- end of table: bench NAME -->`, with the suite's name, or
    `goals`. A page that is not there is begun.
    """
    try:
        text = file.read_text("utf-8") if file.exists() else "# Figures\n"
        for table in tables(result):
            text = between_markers(text, f"bench {table.title}", table.markdown() + "\n\n" + origin(result))
        file.write_text(text, "utf-8")
    except OSError as e:
        raise MediaError(f"{file}: the tables cannot be written: {(e.strerror or str(e)).lower()}") from e


def origin(result: Result) -> str:
    """Where the figures are from, in a line."""
    it = result.fingerprint
    copy = f"; a copy moves {result.copy_gbs} GB/s" if result.copy_gbs else ""
    commit = f" {it.commit}" if it.commit else ""
    tiny = " Tiny sizes: no figure means anything." if result.tiny else ""
    return f"{it.machine}, Python {it.python}, bgflow {it.bgflow}{commit}, {it.started[:10]}{copy}.{tiny}"


def _row(row: Row) -> tuple[str, ...]:
    beside = "; ".join(f"{peer.name} {peer.interval}" for peer in row.peers) or NONE
    faster = "; ".join(f"{peer.ratio}x" for peer in row.peers) or NONE
    share = f"{row.share.value:.0%} [{row.share.low:.0%}, {row.share.high:.0%}]" if row.share else NONE
    return row.name, f"{row.interval} {row.unit}", beside, faster, share, row.note


def _goals(result: Result) -> Iterator[tuple[str, ...]]:
    for row in result.rows:
        for goal in row.goals:
            found = {"value": f"{row.interval} {row.unit}", "share": _row(row)[4]}
            found |= {peer.name: f"{peer.ratio}x" for peer in row.peers}
            measured = found.get(goal.peer if goal.of == "ratio" else goal.of, NONE)
            yield row.suite, row.name, goal.text(row.unit), measured, goal.verdict
