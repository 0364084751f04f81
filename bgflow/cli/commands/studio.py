"""`bgflow studio`: run a graph and look into it."""

from __future__ import annotations

import logging

import click

from bgflow.cli.commands import graph_options

log = logging.getLogger("bgflow.studio")


@click.command("studio")
@graph_options
@click.option("--host", help="Where the page is served; 0.0.0.0 is the whole network, without a password. [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Of the page; 0 is any that is free. [8080 or the next]")
@click.option("--open/--no-open", "browser", default=True, show_default=True, help="Open the page in a browser.")
@click.option("--once", is_flag=True, help="End where files and pictures end, instead of beginning again.")
@click.option("--write", is_flag=True, help="Write the files that the graph's sinks name; plays once, every frame.")
def command(
    graph: str,
    sets: tuple[str, ...],
    slos: tuple[str, ...],
    device: str,
    host: str | None,
    port: int | None,
    browser: bool,
    once: bool,
    write: bool,
) -> int:
    """Run GRAPH with a page to look at whatever its stages give, and to change their parameters.

    GRAPH is a YAML file, or the name of a graph that comes with bgflow, such as synth_demo. Files and pictures play at
    their own pace, and again and again; nothing is written. A graph with a page of its own, as those of webrtc.* have
    one, is seen there. Ctrl-C ends it.
    """
    from bgflow.check import load
    from bgflow.cli.launch import launch
    from bgflow.cli.rehearsal import rehearsal, writers
    from bgflow.web.studio import Studio, has_display, own_page, placed

    original = load(graph, sets=sets, device=device, slos=slos)
    sets = (*sets, *placed(original, host, port))
    played = load(graph, sets=sets, device=device, slos=slos)
    if not write:
        played = rehearsal(played, sets, once=once)
    page = own_page(played, host, port)
    for name, path in writers(original):
        log.info("%s: %s", name, f"writes {path}" if write else f"{path} is not written; --write does that")
    studio = Studio(original, page, browser and has_display())
    return launch(played, beside=studio.beside)
