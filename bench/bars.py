"""Bars of ratios with their intervals, as inline SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bgflow.bench.interval import Interval

WIDTH, NAME, LINE, TOP = 900, 370, 24, 22  # of a chart, of its names, of a bar with its gap, above the first
RIGHT = 190  # for the figures behind the bars
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


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
