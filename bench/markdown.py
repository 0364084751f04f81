"""A result as tables: for the terminal, and between the markers of a page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from bgflow.bench.gallery import Drawn, drawn, link
from bgflow.bench.page import NONE, Table
from bgflow.bench.quality import between_markers
from bgflow.bench.result import Goal, Result, Row
from bgflow.errors import MediaError

GOALS = "goals"  # the title of their table
ALL = "all"  # the marker between which everything goes, pictures too


def tables(result: Result) -> Iterator[Table]:
    """One of each suite, then one of the goals, where there are any."""
    for suite in result.suites:
        rows = [_row(row) for row in result.rows if row.suite == suite]
        rows += [(a.name, NONE, NONE, NONE, NONE, f"not measured: {a.why}") for a in result.absent if a.suite == suite]
        yield Table(suite, ("what", "median [95 %]", "beside", "times as fast", "of a copy", "note"), rows)
    if judged := list(_goals(result)):
        yield Table(GOALS, ("suite", "what", "goal", "measured", "verdict", "when"), judged)


def write(file: Path, result: Result, pictures: Path | None = None) -> None:
    """Put each table between its markers in a page; raises MediaError.

    The markers are `<!-- table: bench NAME -->` and `<!-- end of table: bench NAME -->`, with the suite's name, `goals`
    or `all`, which is everything, with the `pictures` that lie in that folder. A page that has such markers gets
    nothing else; at the end of one that has none, all tables are added. A page that is not there is begun.
    """
    try:
        text = file.read_text("utf-8") if file.exists() else "# Figures\n"
        parts = {table.title: f"{table.markdown()}\n\n{origin(result, table.title)}" for table in tables(result)}
        whole = {**parts, ALL: _whole(parts, result, file, pictures)}
        marked = {name: part for name, part in whole.items() if f"<!-- table: bench {name} -->" in text}
        for name, part in (marked or parts).items():
            text = between_markers(text, f"bench {name}", part)
        file.write_text(text, "utf-8")
    except OSError as e:
        raise MediaError(f"{file}: the tables cannot be written: {(e.strerror or str(e)).lower()}") from e


def origin(result: Result, suite: str = GOALS) -> str:
    """Where the figures are from, in a line; those of one suite have their own time."""
    it = result.fingerprint
    copy = f"; a copy moves {result.copy_gbs} GB/s" if result.copy_gbs else ""
    commit = f" {it.commit}" if it.commit else ""
    tiny = " Tiny sizes: no figure means anything." if result.tiny else ""
    times = sorted(row.when for row in result.rows if row.when and suite in (row.suite, GOALS))
    when = _span(times[0], times[-1]) if times else it.started[:10]
    return f"{it.machine}, Python {it.python}, bgflow {it.bgflow}{commit}, {when}{copy}.{tiny}"


def _span(first: str, last: str) -> str:
    """From when to when, of two times as a file has them."""
    if first[:16] == last[:16]:
        return _time(first)
    return f"{_time(first)} to {_time(last)[11 if first[:10] == last[:10] else 0 :]} UTC"


def _time(when: str) -> str:
    return when[:16].replace("T", " ")


def _whole(parts: Mapping[str, str], result: Result, page: Path, pictures: Path | None) -> str:
    """The goals, then each suite under its heading with its pictures."""
    shown: dict[str, list[Drawn]] = {}
    for picture in drawn(result) if pictures else ():
        shown.setdefault(picture.suite, []).append(picture)
    folder = Path(os.path.relpath(pictures or ".", page.absolute().parent)).as_posix()
    out = []
    for name in sorted(parts, key=lambda name: name != GOALS):
        links = [link(picture, folder) for picture in shown.get(name, [])]
        out.append("\n\n".join([f"## {name[0].upper()}{name[1:]}", *links, parts[name]]))
    return "\n\n".join(out)


def _row(row: Row) -> tuple[str, ...]:
    beside = "; ".join(f"{peer.name} {peer.interval}" for peer in row.peers) or NONE
    faster = "; ".join(f"{peer.ratio}x" for peer in row.peers) or NONE
    share = f"{row.share.value:.0%} [{row.share.low:.0%}, {row.share.high:.0%}]" if row.share else NONE
    return row.name, f"{row.interval} {row.unit}", beside, faster, share, row.note


def _goals(result: Result) -> Iterator[tuple[str, ...]]:
    for row in result.rows:
        for goal in row.goals:
            yield row.suite, row.name, goal.text(row.unit), measured(row, goal), goal.verdict, _time(row.when)
    for absent in result.absent:
        for goal in absent.goals:
            why = f"not measured: {absent.why}"
            yield absent.suite, absent.name, goal.text(absent.unit), why, goal.verdict, _time(absent.when)


def measured(row: Row, goal: Goal) -> str:
    """What a goal is about, with its interval."""
    found = {"value": f"{row.interval} {row.unit}", "share": _row(row)[4]}
    found |= {peer.name: f"{peer.ratio}x" for peer in row.peers}
    return found.get(goal.peer if goal.of == "ratio" else goal.of, NONE)
