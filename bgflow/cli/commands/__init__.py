"""The commands of the command line, one a file: each module here has a click command called `command`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def graph_file(value: str) -> str:
    """The path of a graph, or the bare name of one that comes with bgflow, like `synth_demo`; a type for click."""
    if Path(value).exists() or Path(value).name != value or Path(value).suffix:
        return value
    folders = importlib.import_module("bgflow.graphs").__path__
    shipped = {file.stem: str(file) for folder in folders for file in Path(folder).glob("*.yaml")}
    if value not in shipped:
        from bgflow.document import near

        raise click.BadParameter(f"{value!r} is no file, and no graph that comes with bgflow{near(value, shipped)}")
    return shipped[value]


def device_name(value: str) -> str:
    """`auto`, or a device that has a file in `bgflow/devices/`; a type for click."""
    from bgflow.devices import known
    from bgflow.document import near

    if value and value.partition(":")[0] not in (there := ["auto", *known()]):
        raise click.BadParameter(f"there is no device {value!r}{near(value, there)}")
    return value


def graph_options(command: F) -> F:
    """GRAPH and what every command that runs one lets be set: `graph`, `sets`, `slos` and `device`."""
    for option in (
        click.option(
            "--device",
            type=device_name,
            default="",
            metavar="auto|cpu|cuda:N",
            help="Where to compute; by default the graph says.",
        ),
        click.option(
            "--slo",
            "slos",
            multiple=True,
            metavar="p95=33ms",
            help="Hold this latency by giving up quality (live graphs).",
        ),
        click.option(
            "--set", "sets", multiple=True, metavar="STAGE.PARAM=VALUE", help="Override a parameter; repeatable."
        ),
        click.argument("graph", type=graph_file, metavar="GRAPH"),
    ):
        command = option(command)
    return command
