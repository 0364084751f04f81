"""`bgflow graph`: draw a graph."""

from __future__ import annotations

from pathlib import Path

import click

from bgflow.check import load
from bgflow.cli import diagram
from bgflow.cli.commands import graph_file
from bgflow.errors import MediaError

DRAW = {"text": diagram.text, "mermaid": diagram.mermaid, "svg": diagram.svg}


@click.command("graph")
@click.argument("graph", type=graph_file, metavar="GRAPH")
@click.option("--format", "kind", type=click.Choice(list(DRAW)), help="By default what FILE's ending says, else text.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to a file, not to stdout.")
def command(graph: str, kind: str | None, output: Path | None) -> None:
    """Draw GRAPH: its stages, and what travels between them. Held inputs are dashed."""
    by_ending = {".svg": "svg", ".mmd": "mermaid"}.get(output.suffix.lower() if output else "", "text")
    drawn = DRAW[kind or by_ending](load(graph)).rstrip("\n")
    if output is None:
        click.echo(drawn)
        return
    try:
        output.write_text(drawn + "\n", "utf-8")
    except OSError as e:
        raise MediaError(f"{output}: cannot be written: {(e.strerror or str(e)).lower()}") from e
