"""How far a run is and how fast: counted by a `Meter`, shown on a terminal as a bar (files) or a line (live)."""

from __future__ import annotations

import collections
import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from bgflow.graph import Graph
from bgflow.run import Run

WINDOW = 20  # readings that the momentary frame rate looks back on


class Meter:
    """Instants that a run has finished; `read` it a few times a second from one thread.

    The clock starts when every sink has been reached once, so opening files, loading networks and compiling kernels
    do not count as slowness.
    """

    def __init__(self, run: Run):
        self.run = run
        ends = {n for n, node in run.plan.graph.nodes.items() if not node.stage.outputs}
        self._sinks = [c for c in run.contexts if c.name in ends] or run.contexts
        self._first: tuple[float, int] | None = None
        self._recent: collections.deque[tuple[float, int]] = collections.deque(maxlen=WINDOW)

    @property
    def done(self) -> int:
        """Instants that have reached a sink; the busiest counts when there are several."""
        return max((c.count for c in self._sinks), default=0)

    @property
    def total(self) -> int | None:
        """Instants that there will be, where the sources know."""
        known = self.run.plan.sizes.frames
        counts = [known[name] for name in drivers(self.run.plan.graph) if known.get(name)]
        limits = [*counts, self.run.frames] if self.run.frames else counts
        return min(limits, default=None)

    @property
    def fps(self) -> float:
        """Mean instants a second, without the start; over the whole run when it was too short for that."""
        end = self.run.ended or time.monotonic()
        if self._first and self.done > self._first[1]:
            began, count = self._first
            return (self.done - count) / (end - began)
        return self.done / (end - self.run.started) if end > self.run.started else 0.0

    @property
    def now(self) -> float:
        """Instants a second lately."""
        if len(self._recent) < 2:
            return 0.0
        (began, before), (end, after) = self._recent[0], self._recent[-1]
        return (after - before) / (end - began)

    def read(self) -> None:
        """Note the time and the count."""
        moment = (time.monotonic(), self.done)
        self._recent.append(moment)
        if self._first is None and all(c.count for c in self._sinks):
            self._first = moment

    def __str__(self) -> str:
        """The run in one line, for its end."""
        seconds = (self.run.ended or time.monotonic()) - self.run.started
        dropped = sum(self.run.dropped().values())
        frames = f"{self.done} frame{'s' * (self.done != 1)}"
        lost = f", {dropped} dropped" if dropped else ""
        return f"{self.run.plan.graph.name}: {frames} in {seconds:.1f} s, {self.fps:.1f} fps{lost}"


def drivers(graph: Graph) -> list[str]:
    """The sources whose end is the run's end: those from which a sink is fed without a `hold` between."""
    feeds = {
        n: [w.src for p, w in graph.into(n).items() if not graph.nodes[n].stage.inputs[p].hold] for n in graph.nodes
    }
    todo = [n for n, node in graph.nodes.items() if not node.stage.outputs]
    seen: set[str] = set()
    while todo:
        if (name := todo.pop()) not in seen:
            seen.add(name)
            todo += feeds[name]
    return [n for n in graph.order if n in seen and graph.nodes[n].stage.is_source()]


@contextlib.contextmanager
def display(run: Run, meter: Meter) -> Iterator[Callable[[], None]]:
    """Show a run on the terminal while the `with` lasts; call what it yields to refresh. Nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
    elif run.plan.live:
        with _line(run, meter) as refresh:
            yield refresh
    else:
        with _bar(run, meter) as refresh:
            yield refresh


@contextlib.contextmanager
def _bar(run: Run, meter: Meter) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(run.plan.graph.name, total=meter.total, fps=0.0)

        def refresh() -> None:
            doing = "finishing" if run.shared.stop.is_set() else run.plan.graph.name
            bar.update(task, completed=meter.done, fps=meter.now, description=doing)

        yield refresh


@contextlib.contextmanager
def _line(run: Run, meter: Meter) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:

        def refresh() -> None:
            late = run.latency()
            delay = f"latency {late['p50']:.0f} ms, p95 {late['p95']:.0f} ms" if late else "waiting for the first frame"
            dropped = sum(run.dropped().values())
            line = f"{run.plan.graph.name}: {meter.now:5.1f} fps, {delay}, {dropped} dropped"
            live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

        yield refresh
