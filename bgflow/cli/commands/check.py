"""`bgflow check`: find every mistake of a graph without touching a model, a device or a file."""

from __future__ import annotations

import click

from bgflow.check import load
from bgflow.cli.commands import graph_file
from bgflow.errors import BgflowError, GraphError


@click.command("check")
@click.argument("graphs", nargs=-1, required=True, type=graph_file, metavar="GRAPH...")
@click.option("--set", "sets", multiple=True, metavar="STAGE.PARAM=VALUE", help="Override a parameter; repeatable.")
def command(graphs: tuple[str, ...], sets: tuple[str, ...]) -> int:
    """Find every mistake in GRAPHS, each with its line and column.

    Opens no model, no device and no file, so it is fast enough for an editor.
    """
    worst = 0
    for file in graphs:
        try:
            graph = load(file, sets=sets)
        except BgflowError as e:
            click.echo(str(e), err=True)
            worst = max(worst, e.exit_code)
            if isinstance(e, GraphError) and len(e.problems) > 1:
                click.echo(f"{file}: {len(e.problems)} problems", err=True)
        else:
            click.echo(f"{file}: ok, {len(graph.nodes)} stage{'s' * (len(graph.nodes) != 1)}")
    return worst
