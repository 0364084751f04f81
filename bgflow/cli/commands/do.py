"""`bgflow do`: ask a graph that runs for an action."""

from __future__ import annotations

import click

from bgflow.cli.remote import ask, value_of
from bgflow.errors import UsageError


@click.command("do")
@click.argument("action", metavar="STAGE.ACTION")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE…]")
@click.option("--url", default="", metavar="URL", help="The graph's page; needed only where several run.")
def command(action: str, values: tuple[str, ...], url: str) -> None:
    """Ask a stage of a running graph for an action; `run.stop` ends the run.

    `bgflow stages NAME` lists the actions of a stage. The graph is found by its page.
    """
    given = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{text!r} is no NAME=VALUE")
        given[name] = value_of(value)
    told = ask("act", {"action": action, "values": given}, url)
    click.echo(f"{told['message'] or 'done'} (frame {told['frame']})")
