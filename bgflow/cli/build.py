"""`bgflow models build`: make ahead what an engine would make at a graph's first start."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast, get_args

import click

from bgflow.cli.verbs import size
from bgflow.errors import UsageError

if TYPE_CHECKING:
    from bgflow.engines import Told


@click.command("build")
@click.argument("name", metavar="NAME|FILE")
@click.option(
    "--precision", default="auto", show_default=True, help="Arithmetic of the network: fp32, fp16, bf16, int8."
)
@click.option("--size", "wanted", type=size, metavar="HxW", help="The network's input; else the model's own.")
@click.option("--engine", default="tensorrt", show_default=True, help="What is to run the network.")
@click.option("--device", "on", default="auto", show_default=True, help="The GPU that is to run it.")
def command(name: str, precision: str, wanted: tuple[int, int] | None, engine: str, on: str) -> None:
    """Build a network for this machine's GPU and keep it, so that a graph starts at once.

    A network is built for one precision and one size of its input; build it for those that your graph has.
    """
    from bgflow import engines, models
    from bgflow.devices import device
    from bgflow.document import near
    from bgflow.models import calibration, plans
    from bgflow.models.layout import near_multiple

    if precision not in (known := get_args(engines.Precision)):
        raise UsageError(f"--precision: there is no precision {precision!r}{near(precision, known)}")
    model = models.find(name)
    layout = model.layout
    height, width = wanted or layout.fitted(*layout.size)
    if odd := [n for n in (height, width) if n % layout.multiple]:
        raise UsageError(f"--size: {near_multiple(odd[0], layout.multiple)}")
    where = device(on)
    make = engines.engine(engine, where)
    if not make.builds:
        raise UsageError(f"{engine} keeps nothing on disk; it loads a network in a second or so, each time")
    net = make(
        model.path,
        layout.shape(height, width),
        where,
        ends=layout.ends(height, width),
        precision=cast("engines.Precision", precision),
        samples=functools.partial(calibration.inputs, layout, height, width),
    )
    before, began = set(plans.folder().glob("*.plan")), time.monotonic()
    with _bar() as net.told, net:
        took = time.monotonic() - began
    made = set(plans.folder().glob("*.plan")) - before
    what = f"{model.name}: {net.precision} at {height}x{width} on {where.name}"
    click.echo(f"{what}: built in {took:.1f} s, {made.pop()}" if made else f"{what}: already built")


@contextlib.contextmanager
def _bar() -> Iterator[Told]:
    """A line for each phase that is under way, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:

        def told(doing: str, done: int, total: int) -> None:
            if doing not in tasks:
                tasks[doing] = bar.add_task(doing, total=total)
            bar.update(tasks[doing], completed=done)
            if done >= total:
                bar.remove_task(tasks.pop(doing))

        yield told
