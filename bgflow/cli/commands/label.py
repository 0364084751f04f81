"""`bgflow label`: draw masks for a folder of pictures, in the browser."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("label")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 is any that is free.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page.")
@click.option(
    "--prelabel",
    type=click.Choice(["auto", "plate", "net", "none"]),
    default="auto",
    show_default=True,
    help="What masks start from: the plate bkg.png, the network, both as far as they are there, or nothing.",
)
def command(folder: Path, port: int, browser: bool, prelabel: str) -> None:
    """Draw masks for the pictures in FOLDER.

    Writes k_mask.png beside each picture k: 0 is background, 255 the subject; and k_trimap.png, with 128 where a person
    was not sure. The page is served to this machine alone. What is unfinished waits in FOLDER/.drafts.
    """
    from bgflow.label.server import serve

    serve(folder, port, prelabel, browser)
