"""`bgflow new`: write the start of something of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from bgflow.cli.scaffold import new_stage


@click.group("new")
def command() -> None:
    """Write the start of a stage of your own."""


@command.command("stage")
@click.argument("name")
@click.option("--folder", default=".", type=click.Path(path_type=Path), help="Where to write; made if need be.")
def stage(name: str, folder: Path) -> None:
    """Write NAME.py with a small stage, its passing test, and a graph that runs it."""
    files = new_stage(name, folder)
    for file in files:
        click.echo(f"wrote {file}")
    graph = next(f for f in files if f.suffix == ".yaml")
    click.echo(f"next: pytest {files[1]} && bgflow run {graph}")
