"""How a training went: a table as CSV, and a picture of it as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, GAP = 720, 200, 60, 40, 70  # px of one panel, and around it
COLOURS = ("#2563eb", "#d97706")


@dataclass(frozen=True)
class Row:
    """One look at a training: after how many steps and seconds, at which rate, and how good it was."""

    step: int
    seconds: float
    rate: float
    loss: float
    """Mean of the steps since the last look."""
    validation_loss: float
    validation_iou: float


def save(rows: Sequence[Row], folder: Path) -> None:
    """Write `curve.csv` and `curve.svg`."""
    head = ",".join(f.name for f in fields(Row))
    lines = [",".join(f"{v:.6g}" for v in astuple(row)) for row in rows]
    (folder / "curve.csv").write_text("\n".join([head, *lines]) + "\n", "utf-8")
    (folder / "curve.svg").write_text(plot(rows), "utf-8")


def plot(rows: Sequence[Row]) -> str:
    """Loss above, IoU below, over the steps."""
    steps = [r.step for r in rows]
    losses = {"loss, training": [r.loss for r in rows], "loss, validation": [r.validation_loss for r in rows]}
    top = max((v for values in losses.values() for v in values), default=1.0)
    panels = _panel(TOP, steps, losses, 0.0, top)
    panels += _panel(TOP + HEIGHT + GAP, steps, {"IoU, validation": [r.validation_iou for r in rows]}, 0.0, 1.0)
    size = f"{LEFT + WIDTH + 20} {TOP + 2 * HEIGHT + GAP + 50}"
    style = "font-family:system-ui,sans-serif;font-size:13px"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" style="{style}">'
        f"<title>Loss and IoU of a training, over its steps</title>"
        f'<rect width="100%" height="100%" fill="#fff"/>{panels}</svg>\n'
    )


def _panel(top: int, steps: Sequence[int], lines: dict[str, list[float]], low: float, high: float) -> str:
    span, end = (high - low) or 1.0, max(steps, default=1) or 1
    out = [f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>']
    for part in (0, 0.25, 0.5, 0.75, 1):
        y = top + HEIGHT * (1 - part)
        out.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{low + span * part:.2f}</text>')
        out.append(f'<text x="{LEFT + WIDTH * part:.1f}" y="{top + HEIGHT + 18}" text-anchor="middle">')
        out.append(f"{end * part:.0f}</text>")
    for n, (name, values) in enumerate(lines.items()):
        points = " ".join(
            f"{LEFT + WIDTH * step / end:.1f},{top + HEIGHT * (1 - (v - low) / span):.1f}"
            for step, v in zip(steps, values, strict=True)
        )
        out.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[n]}" stroke-width="2"/>')
        out.append(f'<text x="{LEFT + 160 * n}" y="{top - 10}" fill="{COLOURS[n]}">{name}</text>')
    return "".join(out)
