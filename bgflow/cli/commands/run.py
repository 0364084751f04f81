"""`bgflow run`: run a graph."""

from __future__ import annotations

import click

from bgflow.cli.commands import graph_options


@click.command("run")
@graph_options
@click.option("--frames", type=click.IntRange(min=0), default=0, help="Stop after so many frames; 0 is all.")
@click.option("--report", metavar="FILE", help="Write what was measured to a JSON file.")
@click.option("--sync", is_flag=True, help="One thread as far as possible, for debuggers and tests.")
@click.option("--eager", is_flag=True, help="Launch each kernel of a GPU from Python instead of replaying recordings.")
@click.option("--plan", "show_plan", is_flag=True, help="Print threads and memory, and run nothing.")
def command(
    graph: str,
    sets: tuple[str, ...],
    slos: tuple[str, ...],
    device: str,
    frames: int,
    report: str | None,
    sync: bool,
    eager: bool,
    show_plan: bool,
) -> int:
    """Run a graph.

    GRAPH is a YAML file, or the name of a graph that comes with bgflow, such as synth_demo.

    The first Ctrl-C finishes what is under way and closes files; the second throws frames under way away.
    """
    from bgflow.check import load
    from bgflow.cli.launch import launch

    checked = load(graph, sets=sets, device=device, slos=slos)
    return launch(checked, frames=frames, report_to=report, sync=sync, eager=eager, show_plan=show_plan)
