"""The tables that `bgflow eval` prints: Markdown, so that they can be pasted, or boxed on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bgflow.evaluate.corrupt import GRID
from bgflow.evaluate.evaluation import Figures, Result

Row = list[str]


@dataclass(frozen=True)
class Column:
    """A measure in a table; `better` is +1 where more is better, -1 where less is."""

    title: str
    digits: int
    better: int
    meaning: str


COLUMNS: Mapping[str, Column] = {
    "iou": Column("IoU", 3, 1, "mean intersection over union at alpha 0.5"),
    "map": Column("mAP", 3, 1, "share of pictures whose IoU reaches t, mean over t = 0.50, 0.55 … 0.95"),
    "f_max": Column("F max", 3, 1, "F-measure, beta² 0.3, best threshold for all pictures"),
    "f_adaptive": Column("F adp", 3, 1, "F-measure, threshold twice the mean of each matte"),
    "s": Column("S", 3, 1, "structure measure"),
    "e": Column("E", 3, 1, "enhanced-alignment measure, mean over thresholds"),
    "boundary_f": Column("BF", 3, 1, "F of the outlines, within 0.8 % of the diagonal"),
    "f_pixels": Column(
        "F pix", 3, 1, "F-measure of all pixels of a clip together, with those of pictures without a subject"
    ),
    "mae": Column("MAE", 4, -1, "mean absolute difference of alpha"),
    "sad": Column("SAD", 2, -1, "sum of absolute differences / 1000"),
    "mse": Column("MSE", 1, -1, "mean squared difference x 1000"),
    "gradient": Column("Grad", 2, -1, "gradient error / 1000"),
    "connectivity": Column("Conn", 2, -1, "connectivity error / 1000"),
    "dtssd": Column("dtSSD", 2, -1, "difference of the changes from frame to frame"),
    "flicker": Column("Flicker", 2, -1, "flips where the truth is static, per thousand pixels and frame"),
    "lag": Column("Lag px", 2, -1, "how far the edge is behind the moving truth; below 0 it is ahead"),
    "empty": Column("Empty %", 3, -1, "of pictures without a subject: share that is called subject"),
    "recall": Column("Recall", 4, 1, "found of what moves"),
    "specificity": Column("Spec", 4, 1, "left alone of what does not"),
    "fpr": Column("FPR", 4, -1, "false positive rate"),
    "fnr": Column("FNR", 4, -1, "false negative rate"),
    "pwc": Column("PWC", 3, -1, "percentage of wrong classifications"),
    "precision": Column("Prec", 4, 1, "right of what is called moving"),
    "f": Column("F", 4, 1, "F-measure"),
    "mismatch": Column("Mismatch", 0, -1, "results that were not for their picture's instant, lost or doubled"),
    "ms": Column("ms", 1, -1, "a picture's time in the stages, the sum of their medians, with the measuring beside it"),
}


def main_measure(result: Result) -> str:
    """The measure that one number is judged by: F for CDnet, else IoU."""
    return "f" if result.kind == "cdnet" else "iou"


def quality(results: Sequence[Result]) -> tuple[Row, list[Row]]:
    """Head and rows: each part of the data and each candidate, the overall ones last; of two, also their difference."""
    parts = _parts(results[0])
    names = [n for n in COLUMNS if any(n in r.overall for r in results)]
    head = ["data", "graph", *(COLUMNS[n].title for n in names)]
    rows = [
        [part, r.candidate.label, *(_number(figures[n], n) if n in figures else "" for n in names)]
        for part in parts
        for r in results
        for figures in [_part(r, part)]
    ]
    for other in results[1:] if len(results) == 2 else ():
        first = results[0].overall
        gap = {n: first[n] - other.overall[n] for n in names if n in first and n in other.overall}
        label = f"{results[0].candidate.label} - {other.candidate.label}"
        rows.append(["difference", label, *(_number(gap[n], n, signed=True) if n in gap else "" for n in names)])
    return head, rows


def report_card(clean: Result, card: Mapping[str, Sequence[Figures]]) -> tuple[Row, list[Row]]:
    """Head and rows of the robustness grid: the measure at each level, and its change against clean pictures."""
    name = main_measure(clean)
    best = clean.overall.get(name, 0.0)
    head = ["harm", "levels", "clean", "mild", "medium", "strong", "drop at worst"]
    rows = []
    for harm, figures in card.items():
        values = [f.get(name, 0.0) for f in figures]
        levels = ", ".join(f"{v:g}" for v in GRID[harm].levels)
        told = [f"{v:.3f} ({v - best:+.3f})" for v in values]
        rows.append([harm, f"{levels} {GRID[harm].unit}", f"{best:.3f}", *told, f"{best - min(values):.3f}"])
    return head, rows


def show(head: Row, rows: Sequence[Row], title: str = "", left: int = 2) -> str:
    """A table as Markdown, or for a terminal in as many parts as its width asks; the first `left` columns are text."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 1000, highlight=False)
    with console.capture() as told:
        if terminal:
            console.print(f"[bold]{title}[/bold]")
        for columns in _chunks(head, rows, left, console.width):
            table = Table(box=box.SIMPLE_HEAD if terminal else box.MARKDOWN)
            for n in columns:
                table.add_column(head[n], justify="left" if n < left else "right", no_wrap=True)
            for row in rows:
                table.add_row(*(row[n] for n in columns))
            console.print(table)
    return "\n".join(line.rstrip() for line in told.get().splitlines()).strip("\n")


def _chunks(head: Row, rows: Sequence[Row], left: int, width: int) -> list[list[int]]:
    """The columns, so many at a time as fit beside the first ones."""
    wide = [max(len(row[n]) for row in (head, *rows)) + 3 for n in range(len(head))]
    room = width - sum(wide[:left]) - 2
    chunks: list[list[int]] = []
    free = 0
    for n in range(left, len(head)):
        if not chunks or wide[n] > free:
            chunks.append(list(range(left)))
            free = room
        chunks[-1].append(n)
        free -= wide[n]
    return chunks


def _parts(result: Result) -> list[str]:
    """The rows: groups where there are several, else the footage where there is some, and all together."""
    groups = list(result.groups)
    parts = groups if len(groups) > 1 else [s.footage for s in result.scores]
    return [*parts, "overall"] if len(parts) > 1 else parts


def _part(result: Result, part: str) -> Figures:
    if part == "overall":
        return result.overall
    named = {s.footage: s.figures for s in result.scores}
    return result.groups.get(part, named.get(part, {}))


def _number(value: float, name: str, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.{COLUMNS[name].digits}f}"
