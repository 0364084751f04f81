"""Run a plan from the command line: signals, progress, the report and the exit code."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import click

from bgflow.check import load
from bgflow.cli.progress import Meter, display
from bgflow.errors import BgflowError, MediaError, UsageError
from bgflow.footprint import SHRINKS, shrink
from bgflow.graph import Graph, Node
from bgflow.planning import Plan, plan
from bgflow.preload import preloaded
from bgflow.report import report, write
from bgflow.run import Run
from bgflow.stopping import INTERRUPTED, stopping

PERIOD = 0.1  # seconds between two looks at a run
Beside: TypeAlias = Callable[[Run], AbstractContextManager[object]]
log = logging.getLogger("bgflow.run")


def launch(
    graph: Graph,
    *,
    frames: int = 0,
    report_to: str | None = None,
    sync: bool = False,
    eager: bool = False,
    show_plan: bool = False,
    beside: Beside = contextlib.nullcontext,
) -> int:
    """Plan and run a graph, or only print its plan; returns the exit code. `eager` captures no launches of a GPU.

    What `beside` makes of the run is entered as long as that lasts.

    The first SIGINT or SIGTERM lets the run finish what is under way and returns 0; the second throws it away, and
    130 is returned; the third ends the process on the spot.

    Raises:
        BgflowError: the graph cannot be planned, the report cannot be written, or the run failed.
    """
    if show_plan:
        click.echo(str(_planned(graph, sync)))
        return 0
    if report_to and not Path(report_to).absolute().parent.is_dir():
        raise UsageError(f"--report {report_to}: there is no folder {str(Path(report_to).parent)!r}; make it first")
    if report_to and Path(report_to).is_dir():
        raise UsageError(f"--report {report_to}: is a folder; give the name of a file to write")
    with preloaded(graph):
        return _run(_planned(graph, sync), frames, report_to, capture=not eager, beside=beside)


def _planned(graph: Graph, sync: bool) -> Plan:
    try:
        return plan(graph, sync=sync)
    except MediaError as e:
        if writer := _writer(graph):
            raise UsageError(f"{e}; {writer} writes it: run that first") from e
        raise


def _run(planned: Plan, frames: int, report_to: str | None, *, capture: bool, beside: Beside) -> int:
    log.info(planned.why)
    unknown = sum(pool.shape is None for pool in planned.pools.values())
    later = f", and {unknown} pool{'s' * (unknown != 1)} more as large as the first frame asks" if unknown else ""
    log.info("frame memory: %s bytes%s", f"{planned.nbytes:,}", later)
    run = Run(planned, frames=frames, capture=capture)
    meter = Meter(run)
    try:
        with stopping(run.stop, run.abort), run, beside(run), display(run, meter) as refresh:
            finishing = False
            milestones = list(SHRINKS)
            while not run.wait(PERIOD):
                meter.read()
                refresh()
                if milestones and meter.done >= milestones[0]:
                    milestones.pop(0)
                    shrink()
                if run.shared.stop.is_set() and not (finishing or run.aborted):
                    finishing = True
                    log.info("finishing what is under way; Ctrl-C again throws it away")
    except BaseException:
        with contextlib.suppress(MediaError):  # the run's own error matters more
            _conclude(run, meter, report_to)
        raise
    _conclude(run, meter, report_to)
    return INTERRUPTED if run.aborted else 0


def _conclude(run: Run, meter: Meter, report_to: str | None) -> None:
    """Say in one line what was done, and write the report."""
    if meter.done:
        log.info("%s", meter)
    if report_to:
        write(report_to, report(run, meter))


def _writer(graph: Graph) -> str:
    """The graph beside this one that writes a file which this one reads and which is not there, or ''."""
    reads = {_path(n) for n in graph.nodes.values() if n.stage.is_source()}
    missing = {p for p in reads if p and not Path(p).exists()}
    for file in sorted(Path(graph.file).parent.glob("*.yaml")) if missing else ():
        with contextlib.suppress(BgflowError):
            written = {_path(n) for n in load(file).nodes.values() if not n.stage.is_source()}
            if any(w == m or w.startswith(f"{m}/") for w in written for m in missing):
                return str(file)
    return ""


def _path(node: Node) -> str:
    return str(getattr(node.stage, "path", "") or "")
