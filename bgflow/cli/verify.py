"""`bgflow models verify`: are the files whole, and does every precision keep the masks."""

from __future__ import annotations

import contextlib
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bgflow import models
from bgflow.errors import BgflowError, ModelError, UsageError

if TYPE_CHECKING:
    from bgflow.models.precision import Result, Told


@click.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@click.option("--files", is_flag=True, help="Only read the files and compare their sha256.")
@click.option("--engine", default="", metavar="ENGINE", help="Only this engine; else every one that is installed.")
@click.option("--precision", "precisions", multiple=True, metavar="PRECISION", help="Only this one; may be repeated.")
@click.option("--size", default="", metavar="HxW", help="The network's input; else what a 16:9 picture gets.")
@click.option("--images", type=click.Path(path_type=Path), help="Compare on the pictures of this folder too.")
@click.option("--count", type=click.IntRange(0), default=28, show_default=True, help="Rendered pictures to compare on.")
@click.option(
    "--budget",
    "allowed",
    default="",
    metavar="LIST",
    help="What a precision may cost: max, mean, iou, boundary_f; [default: mean=0.01,iou=0.95,boundary_f=0.95]",
)
@click.option("--device", default="auto", show_default=True, help="Where engines run that work there.")
@click.option("--json", "json_to", default="", metavar="FILE", help="Write every figure.")
def command(
    names: tuple[str, ...],
    files: bool,
    engine: str,
    precisions: tuple[str, ...],
    size: str,
    images: Path | None,
    count: int,
    allowed: str,
    device: str,
    json_to: str,
) -> None:
    """Check models: the named ones, else all that are here.

    Their files are read and their sha256 compared. Then each precision of each engine is held against fp32, ONNX
    Runtime's, on rendered pictures and on those of --images; one that costs more than the budget is refused, with exit
    code 1.
    """
    from bgflow.models.precision import PRECISIONS, budget, compare

    limits, shape = budget(allowed), _size(size)
    if unknown := [p for p in precisions if p not in PRECISIONS]:
        from bgflow.document import near

        raise UsageError(f"--precision: there is no precision {unknown[0]!r}{near(unknown[0], PRECISIONS)}")
    if json_to and not Path(json_to).absolute().parent.is_dir():
        raise UsageError(f"--json {json_to}: there is no folder {str(Path(json_to).parent)!r}; make it first")
    chosen = list(names) or [m.name for m in models.known().values() if m.path.is_file()]
    _whole(chosen)
    if files:
        return
    refused, report = [], {}
    for name in chosen:
        with _bar(name) as told:
            results = compare(
                name,
                engine=engine,
                precisions=precisions,
                size=shape,
                folder=images,
                count=count,
                on=device,
                told=told,
            )
        _show(name, results, limits)
        report[name] = [_entry(r, limits) for r in results]
        refused += [f"{name}: {text}" for r in results if (text := r.refusal(limits))]
    if json_to:
        from bgflow import __version__, environment
        from bgflow.report import write

        about = {"version": __version__, "environment": environment.summary(), "budget": limits}
        write(json_to, {**about, "models": report})
    if refused:
        raise BgflowError("\n".join(refused))


def _whole(names: list[str]) -> None:
    """Say of every file whether it is as it should be."""
    damaged = []
    for model in [models.get(name) for name in names]:
        try:
            models.verify(model)
            click.echo(f"{model.name}: good")
        except ModelError as e:
            click.echo(f"{model.name}: {e}")
            damaged.append(model.name)
    if damaged:
        raise ModelError(f"{len(damaged)} of {len(names)} models failed; run: bgflow models pull {' '.join(damaged)}")


def _size(text: str) -> tuple[int, int]:
    if not text:
        return 0, 0
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    height, width = (int(n) for n in match.groups()) if match else (0, 0)
    if not 0 < min(height, width) <= max(height, width) <= 8192:
        raise UsageError(f"--size {text}: is not a height and a width in pixels, such as 192x320")
    return height, width


def _show(name: str, results: list[Result], limits: Mapping[str, float]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from bgflow.models.precision import TITLES

    first = results[0].figures
    assert first
    title = f"{name} against onnxruntime in fp32, on {first.pictures} pictures"
    table = Table(
        "engine", "ms", *TITLES.values(), "", box=box.SIMPLE_HEAD, title=title, pad_edge=False, collapse_padding=True
    )
    for n, column in enumerate(table.columns):
        column.no_wrap = True
        column.justify = "right" if 0 < n <= len(TITLES) + 1 else "left"
    for r in results:
        if not r.figures:
            continue
        over = r.over(limits)
        shown = [f"{getattr(r.figures, m):.4f}" + ("!" if m in over else "") for m in TITLES]
        verdict = "refused" if over else "within"
        cells = ["-"] * len(TITLES) + ["reference"] if r is results[0] else [*shown, verdict]
        table.add_row(f"{r.engine} {r.precision}", f"{r.figures.ms:.1f}", *cells)
    Console().print(table)
    for engine in dict.fromkeys(r.engine for r in results):
        if missing := [r for r in results if r.engine == engine and r.missing]:
            which = ", ".join(r.precision for r in missing)
            click.echo(f"not here: {engine} in {which}: {missing[0].missing}")


def _entry(result: Result, limits: Mapping[str, float]) -> dict[str, Any]:
    figures = asdict(result.figures) if result.figures else {}
    return {
        "engine": result.engine,
        "precision": result.precision,
        **{k: v if math.isfinite(v) else None for k, v in figures.items()},  # JSON has no NaN
        **({"over": result.over(limits)} if result.figures else {"missing": result.missing}),
    }


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Told]:
    """A progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda doing, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda doing, done, total: bar.update(task, description=f"{name}: {doing}", completed=done, total=total)
