"""The pictures of a report as inline SVG: bars of ratios with their intervals, and distributions of latencies."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bgflow.bench.interval import Interval

WIDTH, NAME, LINE, TOP = 900, 330, 24, 22  # of a chart, of its names, of a bar with its gap, above the first
RIGHT = 190  # for the figures behind the bars
COURSE = 230  # height of a distribution
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
COLOURS = 5  # classes c0 to c4 of the page's style


@dataclass(frozen=True)
class Bar:
    """A ratio with its interval; `goal` is a limit to reach."""

    name: str
    ratio: Interval
    goal: float | None = None


def ratios(bars: Sequence[Bar], label: str) -> str:
    """Bars from 1, on a logarithmic scale: to the right is faster than the peer, to the left slower."""
    reach = [v for b in bars for v in (b.ratio.low, b.ratio.high, b.goal or 1.0)]
    low, high = min(0.5, *reach) / 1.1, max(2.0, *reach) * 1.1
    height = TOP + LINE * len(bars) + 6

    def x(value: float) -> float:
        place = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return round(NAME + place * (WIDTH - NAME - RIGHT), 1)

    parts = []
    for tick in TICKS:
        if low <= tick <= high:
            kind = "one" if tick == 1 else "grid"
            parts.append(f'<line class="{kind}" x1="{x(tick)}" x2="{x(tick)}" y1="{TOP - 4}" y2="{height}"/>')
            parts.append(f'<text class="tick" x="{x(tick)}" y="{TOP - 9}" text-anchor="middle">{tick:g}x</text>')
    for n, bar in enumerate(bars):
        y = TOP + LINE * n + 4
        middle, r = y + 8, bar.ratio
        left, right = sorted((x(1), x(r.value)))
        kind = "faster" if r.low > 1 else "slower" if r.high < 1 else "even"
        parts.append(f'<text x="{NAME - 10}" y="{middle + 4}" text-anchor="end">{html.escape(bar.name)}</text>')
        parts.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{max(right - left, 1):.1f}" height="16" rx="2"/>')
        ends = f"M{x(r.low)} {middle - 4}v8m0 -4H{x(r.high)}m0 -4v8"
        parts.append(f'<path class="whisker" d="{ends}"/>')
        if bar.goal:
            parts.append(f'<path class="goal" d="M{x(bar.goal)} {y - 3}v22"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{middle + 4}">{r}x</text>')
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(label)}">{"".join(parts)}</svg>'


def distribution(courses: Mapping[str, Sequence[float]], unit: str, label: str) -> str:
    """The share of samples that are not above each value, a line for each name; the middle and the tail are marked."""
    most = max(max(samples) for samples in courses.values()) or 1.0
    left, bottom, right = 44, COURSE - 26, WIDTH - 20
    parts = []
    for share in (0, 0.5, 0.95, 1):
        y = bottom - share * (bottom - 12)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for n in range(5):
        x = left + n / 4 * (right - left)
        parts.append(
            f'<text class="tick" x="{x:.0f}" y="{COURSE - 8}" text-anchor="{"end" if n == 4 else "middle"}">'
            f"{most * n / 4:.3g} {html.escape(unit)}</text>"
        )
    for n, samples in enumerate(courses.values()):
        ordered = sorted(samples)
        steps = [f"M{left} {bottom}"]
        for place, value in enumerate(ordered, 1):
            x, y = left + value / most * (right - left), bottom - place / len(ordered) * (bottom - 12)
            steps.append(f"H{x:.1f}V{y:.1f}")
        parts.append(f'<path class="course c{n % COLOURS}" d="{"".join(steps)}"/>')
    return f'<svg viewBox="0 0 {WIDTH} {COURSE}" role="img" aria-label="{html.escape(label)}">{"".join(parts)}</svg>'
