"""`bgflow bench`: measure bgflow beside what one would use instead."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bgflow.bench.compare import Change
    from bgflow.bench.result import Result
    from bgflow.bench.suite import Suite

PEERS = "peers"
log = logging.getLogger("bgflow.bench")


@click.command("bench")
@click.argument("what", default="", metavar="[SUITE|GRAPH]")
@click.option(
    "--against", default=PEERS, metavar="peers|OLD.json", help="An older result to compare with; peers run anyway."
)
@click.option("--compare", "given", default="", metavar="NEW.json", help="Measure nothing: compare this result.")
@click.option("--merge", "merged", multiple=True, metavar="FILE|FOLDER", help="Measure nothing: join these results.")
@click.option("--anyway", is_flag=True, help="Compare with, or merge, a result of another machine, too.")
@click.option("--streams", default="", metavar="auto|N", help="Load a GRAPH with so many streams; auto finds the most.")
@click.option("--slo", default="", metavar="p99<33ms", help="The promise that --streams auto has to keep.")
@click.option("--only", default="", metavar="TEXT", help="Only rows in whose name it is.")
@click.option(
    "--seconds", type=click.FloatRange(min=0), default=3.0, help="For each row at least, or run of a graph; 3."
)
@click.option("--tiny", is_flag=True, help="Tiny sizes: tries the bench itself, the figures mean nothing.")
@click.option("--json", "json_to", default="", metavar="FILE", help="Write everything, for --against.")
@click.option("--html", "html_to", default="", metavar="FILE", help="Write a page with charts.")
@click.option("--pictures", "pictures_to", default="", metavar="FOLDER", help="Write the charts as SVG files.")
@click.option("--markdown", "markdown_to", multiple=True, metavar="FILE", help="Put tables between a page's markers.")
@click.option("--list", "listed", is_flag=True, help="Say which suites there are.")
def command(
    what: str,
    against: str,
    given: str,
    merged: tuple[str, ...],
    anyway: bool,
    streams: str,
    slo: str,
    only: str,
    seconds: float,
    tiny: bool,
    json_to: str,
    html_to: str,
    pictures_to: str,
    markdown_to: tuple[str, ...],
    listed: bool,
) -> int:
    """Measure a suite beside its peers, or a graph as it is; all suites when none is named.

    Everything takes turns with its peers, A B B A, so that whatever else the machine does slows all alike. Figures are
    medians with their 95 % interval. With an older result, each row is faster, slower or cannot be told, and the
    command ends with 1 when one is slower beyond noise.
    """
    from rich.console import Console

    from bgflow.bench import compare, gallery, markdown, report_html
    from bgflow.bench.merge import files, merge
    from bgflow.bench.result import read
    from bgflow.bench.suite import names, title
    from bgflow.errors import UsageError

    if listed:
        width = max(map(len, names()))
        for name in names():
            click.echo(f"{name:{width}}  {title(name)}")
        return 0
    if given and (what or against == PEERS):
        raise UsageError("--compare wants --against OLD.json and neither suite nor graph: it measures nothing")
    if merged and (what or given):
        raise UsageError("--merge wants neither suite, nor graph, nor --compare: it measures nothing")
    ready = bool(given or merged)
    suites = {} if ready else _load(what, streams, slo) if streams or slo else _suites(what)
    targets = [("--json", json_to), ("--html", html_to), *(("--markdown", page) for page in markdown_to)]
    for option, file in targets:
        if file and not Path(file).absolute().parent.is_dir():
            raise UsageError(f"{option} {file}: there is no folder {str(Path(file).parent)!r}; make it first")
    if pictures_to and not Path(pictures_to).is_dir():
        raise UsageError(f"--pictures {pictures_to}: there is no folder {pictures_to!r}; make it first")
    old = None if against == PEERS else read(Path(against))
    if merged:
        result = merge(files(merged), anyway=anyway)
    else:
        result = read(Path(given)) if given else _begun(tiny)
    changes: list[Change] = []
    if old:
        compare.check(old, result, where=against, anyway=anyway)
    if not ready:
        _measure(result, suites, seconds, only)
    if json_to:
        result.save(Path(json_to))
    console = Console(width=None if Console().is_terminal else 200)
    if not given:
        for table in markdown.tables(result):
            table.show(console)
    if old:
        changes = compare.compare(old, result, where=against, anyway=anyway)
        compare.table(changes, f"Against {against}").show(console)
    if html_to:
        report_html.save(Path(html_to), report_html.page(result, changes, against))
    if pictures_to:
        gallery.save(Path(pictures_to), list(gallery.drawn(result)))
    for page in markdown_to:
        markdown.write(Path(page), result, Path(pictures_to) if pictures_to else None)
    return int(compare.slower(changes))


def _begun(tiny: bool) -> Result:
    """A result without rows: what the machine is before anything is measured."""
    from bgflow.bench.fingerprint import fingerprint
    from bgflow.bench.result import Result

    result = Result(fingerprint=fingerprint(), tiny=tiny)
    for warning in result.fingerprint.warnings():
        log.warning(warning)
    return result


def _measure(result: Result, suites: dict[str, Suite], seconds: float, only: str) -> None:
    from bgflow.bench.result import Absent
    from bgflow.bench.suite import Scope, measure
    from bgflow.errors import UsageError

    scope, began = Scope(seconds, result.tiny, only), time.monotonic()
    try:
        for name, suite in suites.items():
            for line in measure(name, suite, scope, log.info):
                now = {"when": datetime.now(UTC).isoformat(timespec="seconds")}
                if isinstance(line, Absent):
                    result.absent.append(line.model_copy(update=now))
                else:
                    result.rows.append(line.model_copy(update=now))
    finally:
        scope.close()
    if not (result.rows or result.absent):
        raise UsageError(f"--only {only}: is in no row's name")
    result.copy_gbs, result.seconds = scope.copy_gbs, round(time.monotonic() - began, 1)


def _load(what: str, streams: str, slo: str) -> dict[str, Suite]:
    """A graph under load, as a suite."""
    from bgflow.bench.openloop import MOST, Load, Slo
    from bgflow.bench.suite import names
    from bgflow.cli.commands import graph_file
    from bgflow.errors import UsageError

    if not what or what in names():
        raise UsageError(f"--{'streams' if streams else 'slo'} wants a graph, not {what or 'all suites'}")
    if streams != "auto" and not (streams.isdecimal() and 1 <= int(streams) <= MOST):
        told = f"--streams {streams}" if streams else "--slo alone"
        raise UsageError(f"{told}: says no number of streams; write --streams auto, or 1 to {MOST}")
    promise = Slo.parse(slo) if slo else None
    if streams == "auto" and promise is None:
        raise UsageError("--streams auto wants a promise to keep: add --slo 'p99<33ms'")
    load = Load(graph_file(what), 0 if streams == "auto" else int(streams), promise)
    return {load.name: load}


def _suites(what: str) -> dict[str, Suite]:
    """Suites by name: the one that is meant, all of them, or a graph as one."""
    from bgflow.bench.repeat import Repeated
    from bgflow.bench.suite import find, names
    from bgflow.cli.commands import graph_file
    from bgflow.document import near

    if not what or what in names():
        return {name: find(name) for name in ([what] if what else names())}
    try:
        repeated = Repeated(graph_file(what))
    except click.BadParameter:
        raise click.BadParameter(f"{what!r} is no suite, no file, and no graph{near(what, names())}") from None
    return {repeated.name: repeated}
