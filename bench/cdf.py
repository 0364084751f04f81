"""Distributions of latencies, as inline SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from bgflow.bench.bars import WIDTH

COURSE = 230  # height
LEFT, RIGHT, TOP, BOTTOM = 44, WIDTH - 20, 12, COURSE - 26  # of the axes
COLOURS = 5  # classes c0 to c4 of the style
STEPS = 400  # that a course is drawn with at most; more are finer than a pixel
LEGEND = 18  # height of a line of it


def distribution(
    courses: Mapping[str, Sequence[float]], unit: str, label: str, limit: float | None = None, *, legend: bool = False
) -> str:
    """The share of samples that are not above each value, a line for each name.

    The middle and the tail are marked, and a `limit` to stay below. A `legend` is for a picture that stands alone.
    """
    most = max(*(max(samples) for samples in courses.values()), limit or 0.0) or 1.0
    parts = []
    for share in (0, 0.5, 0.95, 1):
        y = BOTTOM - share * (BOTTOM - TOP)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    each = step(most)
    for n in range(int(most / each) + 1):
        x = LEFT + n * each / most * (RIGHT - LEFT)
        parts.append(
            f'<text class="tick" x="{x:.0f}" y="{COURSE - 8}" text-anchor="{"end" if x > RIGHT - LEFT else "middle"}">'
            f"{n * each:.3g} {html.escape(unit)}</text>"
        )
    if limit is not None:
        x = LEFT + limit / most * (RIGHT - LEFT)
        parts.append(f'<path class="goal" d="M{x:.1f} {TOP}V{BOTTOM}"/>')
    for n, samples in enumerate(courses.values()):
        parts.append(f'<path class="course c{n % COLOURS}" d="{_course(samples, most)}"/>')
    if legend:
        for n, name in enumerate(courses):
            y = COURSE + LEGEND * n + 4
            parts.append(f'<path class="course c{n % COLOURS}" d="M{LEFT} {y}h24"/>')
            parts.append(f'<text x="{LEFT + 32}" y="{y + 4}">{html.escape(name)}</text>')
    height = COURSE + legend * LEGEND * len(courses)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(label)}">{"".join(parts)}</svg>'


def step(most: float) -> float:
    """The distance of ticks from 0 to `most`: 1, 2 or 5 times a power of ten, four to ten of them."""
    power = 10.0 ** math.floor(math.log10(most / 4))
    return power * max(m for m in (1, 2, 5) if 4 * m * power <= most)


def _course(samples: Sequence[float], most: float) -> str:
    ordered = sorted(samples)
    count = len(ordered)
    steps = [f"M{LEFT} {BOTTOM}"]
    for place in sorted({round(n * count / min(count, STEPS)) for n in range(1, min(count, STEPS) + 1)}):
        x, y = LEFT + ordered[place - 1] / most * (RIGHT - LEFT), BOTTOM - place / count * (BOTTOM - TOP)
        steps.append(f"H{x:.1f}V{y:.1f}")
    return "".join(steps)
