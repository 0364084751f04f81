"""`bgflow train`: make an own model of pictures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

STEPS = 2000
FOLDER = click.Path(path_type=Path)


@click.command("train")
@click.argument("recipe", metavar="plate|u2netp", type=click.Choice(["plate", "u2netp"]))
@click.option("--name", required=True, help="What graphs will call the model.")
@click.option("--synth", is_flag=True, help="Train on composites of bgflow's own cut-outs and backgrounds.")
@click.option(
    "--sets", multiple=True, type=FOLDER, metavar="DIR", help="A labelled set, or a folder of sets; repeatable."
)
@click.option("--images", type=FOLDER, metavar="DIR", help="Pictures, with --masks.")
@click.option("--masks", type=FOLDER, metavar="DIR", help="Their masks, 0 and 255, of the same names.")
@click.option("--plates", type=FOLDER, metavar="DIR", help="Their plates, of the same names, or one for all.")
@click.option("--cutouts", type=FOLDER, metavar="DIR", help="Subjects as RGBA pictures, for composites.")
@click.option("--backgrounds", type=FOLDER, metavar="DIR", help="Pictures to lay them on.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="How long to train, by the clock.")
@click.option("--steps", type=click.IntRange(min=1), help=f"How many batches to train on; {STEPS} without --minutes.")
@click.option("--batch", type=click.IntRange(min=0), default=0, help="Samples at a time; by default the recipe's.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), default=None, help="The highest learning rate.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is random.")
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Cores to use; 0 is all.")
@click.option("--out", type=FOLDER, metavar="DIR", help="Where curve and checkpoint go; by default training/NAME.")
@click.option("--resume", is_flag=True, help="Go on with the training in that folder.")
@click.option("--licence", default="unknown", show_default=True, help="SPDX identifier of the weights' licence.")
def command(
    recipe: str,
    name: str,
    synth: bool,
    sets: tuple[Path, ...],
    images: Path | None,
    masks: Path | None,
    plates: Path | None,
    cutouts: Path | None,
    backgrounds: Path | None,
    minutes: float | None,
    steps: int | None,
    batch: int,
    rate: float | None,
    seed: int,
    threads: int,
    out: Path | None,
    resume: bool,
    licence: str,
) -> None:
    """Train a network on own pictures, and give it a name that graphs can use.

    plate compares each picture with the clean plate of its scene, for plate.net; it is small enough for every frame
    on a CPU. u2netp goes on from U²-Netp's weights, for u2net.mask. Ctrl-C saves and stops; --resume goes on.
    """
    from bgflow.errors import UsageError
    from bgflow.train import needs_torch

    needs_torch()
    if minutes and steps:
        raise UsageError("--minutes and --steps are two ways to say how long; give one of them")
    from bgflow.train.assembly import Wish, run
    from bgflow.train.data import Data
    from bgflow.train.loop import Budget

    data = Data(synth, sets, images, masks, plates, cutouts, backgrounds)
    wish = Wish(recipe, data, seed, batch, rate or 0.0)
    budget = Budget(seconds=60 * minutes) if minutes else Budget(steps=steps or STEPS)
    folder = out or Path("training") / name
    try:
        with _bar() as told:
            done = run(wish, name, folder, budget, resume=resume, threads=threads, licence=licence, told=told)
    except KeyboardInterrupt:
        click.echo(f"saved in {folder}; the same command with --resume goes on", err=True)
        raise
    click.echo(f"{name}: IoU {done.iou:.4f} on held-out scenes after {done.steps} steps, {done.seconds:.0f} s")
    if done.threshold:
        level, iou = done.threshold
        click.echo(f"the best fixed threshold, {level} levels, has {iou:.4f} there")
    click.echo(f"ONNX differs from PyTorch by {done.apart:.1g} at most; {done.model.path}, {done.model.size} bytes")


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[float, str], None]]:
    """A progress bar over the budget; nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda spent, text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda spent, text: bar.update(task, completed=spent, description=text)
