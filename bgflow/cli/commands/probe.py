"""`bgflow probe FILE`: what a video file holds."""

from __future__ import annotations

import click


@click.command("probe")
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(file: str, as_json: bool) -> None:
    """Print codec, size, rotation, rate, colours and sound of a video FILE."""
    from bgflow.media.probe import probe, table

    told = probe(file)
    if as_json:
        import json

        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(table(told))
