"""What `remove`, `replace` and `blur` have in common on the command line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from bgflow.cli.commands import device_name
from bgflow.errors import BgflowError, GraphError, StageError, UsageError

F = TypeVar("F", bound=Callable[..., Any])


def size(value: str) -> tuple[int, int]:
    """'192x320' as height and width; a type for click."""
    found = re.fullmatch(r"(\d+)x(\d+)", value)
    if not found:
        raise click.BadParameter(f"{value!r} is no size; write height x width, as in 192x320")
    h, w = int(found[1]), int(found[2])
    if not (32 <= h <= 2048 and 32 <= w <= 2048):
        raise click.BadParameter(f"{value!r} is out of range; height and width are 32 to 2048, as in 192x320")
    return h, w


OPTIONS = (
    click.argument("source", metavar="IN"),
    click.argument("target", metavar="OUT"),
    click.option(
        "--model", default="u2netp", show_default=True, help="A name from `bgflow models list`, or an ONNX file."
    ),
    click.option("--engine", default="auto", metavar="NAME", help="What runs the network: openvino, onnxruntime."),
    click.option(
        "--precision",
        default="auto",
        metavar="NAME",
        help="Its arithmetic: fp32, bf16; auto is fp32 for pictures, the fastest for video.",
    ),
    click.option("--device", type=device_name, default="auto", metavar="auto|cpu|cuda:N", help="Where to compute."),
    click.option("--every", type=click.IntRange(min=1), help="Run the network on every n-th frame. [1; live input: 3]"),
    click.option("--size", type=size, metavar="HxW", help="The network's input. [320x320; live input: 160x288]"),
    click.option("--feather", type=click.FloatRange(min=0), default=0.0, help="Soften the edge, in % of the height."),
    click.option("--audio/--no-audio", default=True, show_default=True, help="Copy the sound of a video."),
    click.option("--overwrite", is_flag=True, help="Existing files may go."),
    click.option("--frames", type=click.IntRange(min=0), default=0, help="Stop after so many frames; 0 is all."),
    click.option("--report", metavar="FILE", help="Write what was measured to a JSON file."),
    click.option(
        "--set", "sets", multiple=True, metavar="STAGE.PARAM=VALUE", help="Override a parameter of the graph."
    ),
    click.option("--print-graph", is_flag=True, help="Print the graph that would run, and run nothing."),
)


def options(function: F) -> F:
    """Give a command what all the verbs take."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def perform(
    verb: Any,
    *,
    device: str,
    frames: int,
    report: str | None,
    sets: tuple[str, ...],
    print_graph: bool,
    every: int | None,
    **job: Any,
) -> int:
    """Build the graph of a verb and run it (or print it); returns the exit code."""
    from bgflow.cli.everyday import Job, graph

    text = graph(Job(verb=verb, every=every or 0, **job))
    if print_graph:
        click.echo(text, nl=False)
        return 0
    with _without_places():
        return _run(verb, text, sets, device, frames, report)


def _run(verb: str, text: str, sets: tuple[str, ...], device: str, frames: int, report: str | None) -> int:
    from bgflow import models
    from bgflow.check import load
    from bgflow.cli.launch import launch

    checked = load(f"bgflow {verb}", text, sets=sets, device=device)
    models.find(checked.nodes["net"].stage.params.model_dump()["model"])  # before any file is opened
    return launch(checked, frames=frames, report_to=report)


@contextlib.contextmanager
def _without_places() -> Iterator[None]:
    """Leave out of errors where in the graph they are: who has written no graph knows no places in it."""
    try:
        yield
    except GraphError as e:
        told = dict.fromkeys(p.text if p.line else str(p) for p in e.problems)
        raise UsageError("\n".join(told)) from e
    except StageError as e:
        if not isinstance(e.__cause__, BgflowError):
            raise
        plain = BgflowError(str(e.__cause__))
        plain.exit_code = e.exit_code
        raise plain from e
