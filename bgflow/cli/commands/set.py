"""`bgflow set`: change hot parameters of a graph that runs."""

from __future__ import annotations

import click

from bgflow.cli.remote import ask, value_of
from bgflow.errors import UsageError


@click.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("pairs", nargs=-1, required=True, metavar="STAGE.PARAM VALUE [STAGE.PARAM VALUE…]")
@click.option("--url", default="", metavar="URL", help="The graph's page; needed only where several run.")
def command(pairs: tuple[str, ...], url: str) -> None:
    """Change parameters of a running graph, all of them or none, between two frames.

    Those marked hot in `bgflow stages NAME` may change. The graph is found by its page.
    """
    if len(pairs) % 2:
        raise UsageError(f"{pairs[-1]} has no value; write STAGE.PARAM VALUE, and so on")
    values = {target: value_of(text) for target, text in zip(pairs[::2], pairs[1::2], strict=True)}
    told = ask("set", values, url)
    click.echo(f"applied at frame {told['frame']}" if told["frame"] is not None else f"taken; {told['message']}")
