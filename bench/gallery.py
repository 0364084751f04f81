"""The pictures of a result as files, which follow the reader's light or dark, for pages that cannot hold SVG."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bgflow.bench.bars import Bar, ratios
from bgflow.bench.cdf import COLOURS, distribution
from bgflow.bench.interval import Interval, short
from bgflow.bench.result import Result, Row
from bgflow.errors import MediaError

CHART = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5d6773; --paper: #fbfbfa; --card: #fff; --line: #e2e4e8;
  --good: #1f7a3d; --bad: #b3261e; --even: #8a94a0; --c0: #0b6bcb; --c1: #d9730d; --c2: #2a9d5c; --c3: #a13bbd;
  --c4: #8a6d3b }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --dim: #98a2ae; --paper: #14171b; --card: #1c2026;
  --line: #30363e; --good: #4fb571; --bad: #f0776c; --even: #7d8894; --c0: #6cb2ff; --c1: #ffa657; --c2: #6fd08c;
  --c3: #d99bf0; --c4: #cbb07c } }
svg text { fill: var(--ink); font: 12.5px system-ui, sans-serif; font-variant-numeric: tabular-nums }
svg .tick { fill: var(--dim); font-size: 11px } .grid { stroke: var(--line) } .one { stroke: var(--dim) }
.faster { fill: var(--good) } .slower { fill: var(--bad) } .even { fill: var(--even) }
.whisker { stroke: var(--ink); stroke-width: 1.5; fill: none } .goal { stroke: var(--c1); stroke-width: 3 }
.course { fill: none; stroke-width: 1.75 }
""" + "".join(f".course.c{n} {{ stroke: var(--c{n}) }}\n" for n in range(COLOURS))
MARGIN = 16  # around a picture that stands alone


@dataclass(frozen=True)
class Drawn:
    """One picture: of which suite, the name of its file, what it shows in words, and its SVG."""

    suite: str
    file: str
    label: str
    svg: str


def drawn(result: Result) -> Iterator[Drawn]:
    """For each suite its bars of ratios and its distributions, where it has any."""
    for suite in result.suites:
        rows = [row for row in result.rows if row.suite == suite]
        if shown := bars(rows):
            label = f"{suite}: how many times as fast as each peer, with 95 % intervals; a mark is the goal"
            yield Drawn(suite, f"{suite}-ratios.svg", label, ratios(shown, label))
        latencies = sorted((row for row in rows if row.latency), key=lambda row: row.unit)
        for unit, alike in groupby(latencies, key=lambda row: row.unit):
            lines = {f"{row.name}{tail}": samples for row in alike for tail, samples in _named(row)}
            for n in range(-(-len(lines) // COLOURS)):
                some = list(lines.items())[n * COLOURS : (n + 1) * COLOURS]
                name = f"{suite}-latency{f'-{n + 1}' if n else ''}.svg"
                label = f"{suite}: share of frames that took no longer"
                yield Drawn(suite, name, label, distribution(dict(some), unit, label, legend=True))


def save(folder: Path, pictures: Sequence[Drawn]) -> None:
    """Write them all; raises MediaError."""
    for picture in pictures:
        file = folder / picture.file
        try:
            file.write_text(alone(picture.svg), "utf-8")
        except OSError as e:
            raise MediaError(f"{file}: the picture cannot be written: {(e.strerror or str(e)).lower()}") from e


def alone(svg: str) -> str:
    """A picture of a page as a file of its own, with its style and its paper."""
    start, _, rest = svg.partition(' viewBox="0 0 ')
    box, _, rest = rest.partition('"')
    width, height = (int(side) + 2 * MARGIN for side in box.split())
    paper = f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{width}" height="{height}" style="fill: var(--paper)"/>'
    head, _, body = rest.partition(">")
    size = f'width="{width}" height="{height}" viewBox="{-MARGIN} {-MARGIN} {width} {height}"'
    return f'{start} xmlns="http://www.w3.org/2000/svg" {size}{head}><style>{CHART}</style>{paper}{body}\n'


def bars(rows: Sequence[Row]) -> list[Bar]:
    """A bar for each row and peer whose ratio can be drawn."""
    return [
        Bar(f"{row.name} / {peer.name}", peer.ratio, _goal(row, peer.name))
        for row in rows
        for peer in row.peers
        if peer.ratio.low > 0
    ]


def courses(row: Row) -> dict[str, list[float]]:
    """The samples of a row and of its peers, by name."""
    return {row.name: row.samples, **{peer.name: peer.samples for peer in row.peers}}


def quantiles(samples: Sequence[float], unit: str) -> str:
    """The middle and the tail in words."""
    found = (f"p{100 * q:g} {short(Interval.of(samples, q).value)}" for q in (0.5, 0.95, 0.99))
    return f"{', '.join(found)} {unit}"


def _named(row: Row) -> Iterator[tuple[str, list[float]]]:
    for name, samples in courses(row).items():
        of = "" if name == row.name else f", {name}"
        yield f"{of} ({quantiles(samples, row.unit)})", samples


def _goal(row: Row, peer: str) -> float | None:
    return next((goal.least for goal in row.goals if goal.of == "ratio" and goal.peer == peer), None)


def link(picture: Drawn, folder: str) -> str:
    """The picture in Markdown, from a page to which `folder` is relative."""
    return f"![{html.escape(picture.label)}]({folder}/{picture.file})"
