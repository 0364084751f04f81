"""`bgflow eval`: measure a graph's mattes against the truth."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from bgflow.cli.commands import device_name


@click.command("eval")
@click.argument("graph", metavar="GRAPH")
@click.option("--data", default="", metavar="DIR", help="The data set; --layout synth needs none.")
@click.option("--layout", default="auto", metavar="NAME", help="pairs, davis, cdnet, webcam_plate, synth; auto looks.")
@click.option("--against", multiple=True, metavar="GRAPH", help="Another graph on the same data; repeatable.")
@click.option("--set", "sets", multiple=True, metavar="STAGE.PARAM=VALUE", help="Override a parameter of GRAPH.")
@click.option("--alpha", default="", metavar="STAGE.OUTPUT", help="The matte to judge; by default GRAPH's last one.")
@click.option(
    "--source", default="", metavar="STAGE", help="The source that the data replaces, where GRAPH has several."
)
@click.option("--only", multiple=True, metavar="CLIP", help="Only this clip or scene of the data; repeatable.")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Judge so many pictures of each clip; 0 is all.")
@click.option("--robustness", is_flag=True, help="Also judge GRAPH on pictures that were harmed in eight ways.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the harms.")
@click.option("--device", type=device_name, default="", metavar="auto|cpu|cuda:N", help="Where to compute.")
@click.option("--json", "json_to", default="", metavar="FILE", help="Write every figure, of every picture too.")
@click.option("--html", "html_to", default="", metavar="FILE", help="Write a page with the worst cases as pictures.")
def command(
    graph: str,
    data: str,
    layout: str,
    against: tuple[str, ...],
    sets: tuple[str, ...],
    alpha: str,
    source: str,
    only: tuple[str, ...],
    limit: int,
    robustness: bool,
    seed: int,
    device: str,
    json_to: str,
    html_to: str,
) -> int:
    """Measure how good the mattes of GRAPH are, on pictures whose truth is known.

    GRAPH is a YAML file, the name of a graph that comes with bgflow, or a single stage with its parameters, such as
    'u2net.mask?scale=minmax' or mog.mask. Its source is replaced by the data; its last matte is judged, and what only
    comes after that is left out. bgflow.bench.peers has other tools as stages, for --against.
    """
    from bgflow.errors import UsageError
    from bgflow.evaluate import evaluation, page, table
    from bgflow.evaluate.candidate import candidates
    from bgflow.evaluate.corrupt import GRID
    from bgflow.evaluate.layouts import read_data
    from bgflow.report import write

    for option, file in (("--json", json_to), ("--html", html_to)):
        if file and not Path(file).absolute().parent.is_dir():
            raise UsageError(f"{option} {file}: there is no folder {str(Path(file).parent)!r}; make it first")
    wanted = candidates((graph, *against), sets, device, alpha, source)
    name, footage = read_data(data, layout, limit, only)
    for candidate in wanted:
        candidate.grafted(footage[0])
    frames = sum(f.length for f in footage)
    rounds = len(wanted) + (3 * len(GRID) if robustness else 0)
    with _bar(frames * rounds) as told:
        results, cases = evaluation.evaluate(wanted, footage, told)
        card = evaluation.robustness(results[0], footage, told, seed) if robustness else {}
    title = f"{' against '.join(c.label for c in wanted)} on {Path(data).resolve().name if data else name}"
    click.echo(table.show(*table.quality(results), title=title))
    cards = []
    if card:
        cards = [(f"Robustness of {wanted[0].label}", table.report_card(results[0], card))]
        click.echo("\n" + table.show(*cards[0][1], title=cards[0][0]))
    if json_to:
        write(json_to, _report(results, card, data, name))
    if html_to:
        _save(Path(html_to), page.page(title, results, cases, cards))
    return 0


def _report(results: list[Any], card: dict[str, Any], data: str, layout: str) -> dict[str, Any]:
    from bgflow import __version__, environment

    return {
        "version": __version__,
        "environment": environment.summary(),
        "data": data,
        "layout": layout,
        "graphs": [
            {
                "graph": r.candidate.text,
                "set": list(r.candidate.sets),
                "overall": r.overall,
                "groups": r.groups,
                "clips": [
                    {
                        "name": s.footage,
                        "group": s.group,
                        "figures": s.figures,
                        "seconds": round(s.seconds, 2),
                        "frames": s.frames,
                    }
                    for s in r.scores
                ],
            }
            for r in results
        ],
        "robustness": card,
    }


def _save(file: Path, text: str) -> None:
    from bgflow.errors import MediaError

    try:
        file.write_text(text, "utf-8")
    except OSError as e:
        raise MediaError(f"{file}: the page cannot be written: {(e.strerror or str(e)).lower()}") from e


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Callable[[str, int], None]]:
    """A progress bar over all runs; a run tells what it does and how far it is. Nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda doing, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        last = 0

        def told(doing: str, done: int) -> None:
            nonlocal last
            bar.update(task, advance=done - last if done >= last else done, description=doing)
            last = done

        yield told
