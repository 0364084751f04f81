"""`bgflow models`: list, fetch, check, build and import the networks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bgflow import models
from bgflow.cli import build, verify
from bgflow.errors import UsageError


@click.group("models")
def command() -> None:
    """List, fetch, check, build and import models."""


command.add_command(build.command)
command.add_command(verify.command)


@command.command("list")
@click.option("--commercial", is_flag=True, help="Only models whose licence suits a closed commercial product.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def list_models(commercial: bool, as_json: bool) -> None:
    """Show every model, its size and licence, and whether its file is here."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    chosen = [m for m in models.known().values() if m.permissive or not commercial]
    if as_json:
        rows = [
            {**m.model_dump(), "commercial": m.permissive, "present": m.path.is_file(), "path": str(m.path)}
            for m in chosen
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("model", "size", "licence", "here", "what it finds", box=box.SIMPLE_HEAD)
    for m in chosen:
        here = "yes" if m.path.is_file() else "no"
        table.add_row(m.name, f"{m.size / 1e6:.1f} MB", m.licence, here, m.title)
    Console().print(table)
    click.echo(f"store: {models.store()}")


@command.command("pull")
@click.argument("names", nargs=-1, required=True)
@click.option("--accept-licence", metavar="ID", help="Agree to a licence that does not suit every product, as GPL-3.0.")
def pull_models(names: tuple[str, ...], accept_licence: str | None) -> None:
    """Fetch models into the store, each from its first source that answers."""
    chosen = [models.get(name) for name in names]
    for model in chosen:
        if model.sources and not model.permissive and model.licence != accept_licence:
            raise UsageError(
                f"{model.name} is under {model.licence}, which binds what you build with it: {model.home}; "
                f"to agree: bgflow models pull {model.name} --accept-licence {model.licence}"
            )
    for model in chosen:
        fetched = _pull(model)
        click.echo(f"{model.name}: {'fetched' if fetched else 'already here'}, {model.path}")


def _pull(model: models.Model) -> bool:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from bgflow.models import fetch

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(model.name, total=None)

        def progress(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        def note(text: str) -> None:
            console.print(text, highlight=False, markup=False, soft_wrap=True)

        return fetch.pull(model, progress, note)


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What graphs will call it.")
@click.option("--licence", default="unknown", show_default=True, help="SPDX identifier of the weights' licence.")
@click.option("--like", default="u2netp", show_default=True, help="The model whose input layout it shares.")
def import_model(file: Path, name: str, licence: str, like: str) -> None:
    """Copy an own ONNX FILE into the store and remember its sha256."""
    model = models.add(file, name, licence, like)
    click.echo(f"{model.name}: imported, sha256 {model.sha256}, {model.path}")
