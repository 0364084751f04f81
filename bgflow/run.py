"""Run a plan: one thread per segment, one bounded edge per cut, one way to stop.

    with Run(plan(load("graphs/webrtc_replace.yaml"))) as run:
        run.wait()

The end of a source closes its edges and the end flows down. `stop` asks the sources to end, so that everything
under way is finished and files are closed properly; `abort`, and any failure, closes and empties all edges, which
wakes everybody. Leaving the `with` joins the threads and raises the StageError, or a group of several; a run that was
whole but crossed between host and accelerator more often than the graph's `budget` allows raises OverBudget then (a
live run only warns).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from bgflow.budget import Crossing
from bgflow.clock import Clock, FileClock, LiveClock
from bgflow.context import RunContext, Shared
from bgflow.controls import Controls
from bgflow.edge import Edge
from bgflow.errors import Closed, OverBudget, StageError
from bgflow.figures import Figures
from bgflow.frame import WARM_UP, Frame
from bgflow.keeper import Keeper
from bgflow.loop import Loop
from bgflow.planning import Plan
from bgflow.segment import Segment
from bgflow.tap import Taps

if TYPE_CHECKING:
    import asyncio

    from bgflow.graph import Node

log = logging.getLogger("bgflow.run")
LATENCIES = 8192  # kept for the percentiles
CLOSE_SECONDS = 10  # for a stage's connections, which may be to somebody who does not answer any more


class Ready:
    """All segments wait here until every stage is open, so that no source starts before its sinks."""

    def __init__(self, count: int):
        self._left = count
        self._broken = False
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Arrive and wait for the others. Raises Closed when the run failed meanwhile."""
        with self._changed:
            self._left -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._left <= 0 or self._broken)
            if self._broken:
                raise Closed

    @property
    def passed(self) -> bool:
        """Whether every stage is open."""
        return self._left <= 0 and not self._broken

    def abort(self) -> None:
        """Wake everybody: there will be no start."""
        with self._changed:
            self._broken = self._left > 0
            self._changed.notify_all()


class Run:
    """A running graph. `frames` stops each source after so many; `clock` replaces the one that the plan asks for.

    Without `capture` every kernel is launched from Python, which is slower and gives the same.
    """

    def __init__(self, plan: Plan, *, frames: int = 0, clock: Clock | None = None, capture: bool = True):
        self.plan, self.frames, self.capture = plan, frames, capture
        self.clock: Clock = clock or (LiveClock() if plan.live else FileClock())
        self.controls = Controls.of(plan.graph)
        self.taps = Taps(plan)
        self.controls.stop, self.controls.figures, self.controls.taps = self.stop, lambda: Figures(self), self.taps
        self.shared = Shared(plan, self.controls)
        self.errors: list[BaseException] = []
        self.aborted = False
        self.started = self.ended = 0.0
        self._latencies = np.full(LATENCIES, 0.0)  # seconds; touched now, lest it looks as if a long run grew
        self._arrivals = 0
        self._lock = threading.Lock()
        self._loop = Loop()
        self.edges = {(e.src, e.dst): Edge(f"{e.src} -> {e.dst}", e.size, e.latest, e.held) for e in plan.edges}
        self.segments = [
            Segment(
                self,
                s,
                [(self.edges[e.src, e.dst], e.driver) for e in plan.edges if e.dst == s.name],
                [(self.edges[e.src, e.dst], e.keys) for e in plan.edges if e.src == s.name],
            )
            for s in plan.segments
        ]
        if plan.graph.slo:
            self.controls.keeper = Keeper(self, plan.graph.slo)
        self.ready = Ready(len(self.segments))
        self.threads = [threading.Thread(target=s.work, name=f"bgflow:{s.name}") for s in self.segments]

    def __enter__(self) -> Run:
        self.started = time.monotonic()
        try:
            for thread in self.threads:
                thread.start()
        except BaseException:  # those that have started would wait for the others for ever
            self.abort()
            self._join()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if kind:
            self.abort()
        self._join()
        if not (kind or self.errors):
            over = [f"{self.plan.graph.file}: {text}" for _, text in self.over_budget()]
            if self.plan.live:  # what somebody chose on the page, such as a video as background, is no failure
                for text in over:
                    log.warning(text)
            else:
                self.errors += map(OverBudget, over)
        errors = _distinct(self.errors)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("the run failed", errors)

    def _join(self) -> None:
        for thread in self.threads:
            if thread.ident is not None:
                thread.join()
        self.ended = time.monotonic()
        self.controls.end()
        self._loop.end(CLOSE_SECONDS)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every thread has ended; returns whether they have."""
        end = None if timeout is None else time.monotonic() + timeout
        for thread in self.threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        return not any(t.is_alive() for t in self.threads)

    def stop(self) -> None:
        """Ask the sources to end; what is under way is finished. Any thread, also a signal handler."""
        self.shared.stop.set()

    def abort(self) -> None:
        """End now: frames under way are thrown away, stages are still closed. Any thread."""
        self.aborted = True
        self.shared.stop.set()
        self.ready.abort()
        for edge in self.edges.values():
            edge.close(drop=True)

    def fail(self, error: BaseException) -> None:
        """Keep an error and end the run; called by whoever met it."""
        with self._lock:
            self.errors.append(error)
        self.abort()

    def arrived(self, frame: Frame) -> None:
        """Note how long an instant took to a sink; with several sinks, each segment notes its own."""
        now = time.monotonic()
        with self._lock:
            self._latencies[self._arrivals % LATENCIES] = now - frame.born
            self._arrivals += 1
        if keeper := self.controls.keeper:
            keeper.arrived(now, now - frame.born)

    def serve(self, node: Node, ctx: RunContext) -> Callable[[], None]:
        """Run a stage's `serve` on the run's event loop; returns what ends it and waits for that."""
        stage: Any = node.stage
        loop, ended = self._loop.begun(), threading.Event()
        tasks: list[asyncio.Task[None]] = []

        def begin() -> None:
            task = loop.create_task(self._served(stage, ctx))
            task.add_done_callback(lambda _: ended.set())
            tasks.append(task)

        def end() -> None:
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            if not ended.wait(CLOSE_SECONDS):
                ctx.warn(f"its connections were not closed within {CLOSE_SECONDS:g} s")

        loop.call_soon_threadsafe(begin)
        return end

    async def _served(self, stage: Any, ctx: RunContext) -> None:
        import asyncio  # 20 ms, which a run without a server can do without

        try:
            await stage.serve(ctx)
        except asyncio.CancelledError:
            raise
        except Exception as e:
            self.fail(ctx.error("serve", None, e))

    @property
    def contexts(self) -> list[RunContext]:
        """The contexts of all stages, in the plan's order."""
        return [step.ctx for s in self.segments for step in s.steps]

    @property
    def done(self) -> int:
        """Instants that have reached a sink; the busiest counts when there are several."""
        return max((step.ctx.count for s in self.segments for step in s.steps if step.is_sink), default=0)

    @property
    def fps(self) -> float:
        """Instants a second that reached a sink, over the whole run so far."""
        elapsed = (self.ended or time.monotonic()) - self.started
        return self.done / elapsed if elapsed > 0 else 0.0

    @property
    def copies(self) -> dict[str, int]:
        """Copies between devices by wire."""
        return {wire: count for s in self.segments for wire, (count, _) in list(s.copies.counts.items())}

    @property
    def crossings(self) -> list[Crossing]:
        """Copies of each frame that were really made at every stage, on the mean of all instants after warm-up.

        A copy on a wire counts at the stage that it is made for. Empty while no stage has warmed up.
        """
        out = []
        for ctx in self.contexts:
            settled = ctx.count - WARM_UP
            if settled > 0 and (ctx.settled.ups or ctx.settled.downs):
                out.append(
                    Crossing(ctx.name, round(ctx.settled.ups / settled, 2), round(ctx.settled.downs / settled, 2))
                )
        return out

    def over_budget(self) -> list[tuple[str, str]]:
        """What crossed between host and accelerator more often than the graph allows: ('h2d' or 'd2h', text)."""
        return self.plan.graph.budget.over(self.crossings)

    @property
    def late_allocations(self) -> int:
        """Frame-sized allocations made after warm-up; none is what a run should have."""
        return sum(c.late_allocations + sum(p.late_allocations for p in list(c.pools.values())) for c in self.contexts)

    def dropped(self) -> dict[str, int]:
        """Dropped frames by place and reason."""
        out: dict[str, int] = {}
        for (src, dst), edge in self.edges.items():
            if edge.dropped:
                out[f"{src} -> {dst}: overtaken"] = edge.dropped
        for s in self.segments:
            if s.join.unmatched:
                out[f"{s.name}: no partner"] = s.join.unmatched
        for ctx in self.contexts:
            out.update({f"{ctx.name}: {reason}": n for reason, n in list(ctx.drops.items())})
        return out

    def percentiles(self, ctx: RunContext) -> dict[str, float]:
        """p50, p95 and p99 of one stage's time per frame, in milliseconds."""
        return _percentiles(ctx.times[: min(ctx.count, len(ctx.times))] / 1e6)

    @property
    def latencies(self) -> np.ndarray[Any, Any]:
        """Seconds from a frame's entry into the run to its sink, of the last few thousand frames in their order."""
        with self._lock:
            n = self._arrivals
            return np.roll(self._latencies, -n) if n > LATENCIES else self._latencies[:n].copy()

    def latency(self) -> dict[str, float]:
        """p50, p95 and p99 of the latencies, in milliseconds."""
        return _percentiles(self.latencies * 1e3)


def _percentiles(ms: np.ndarray[Any, Any]) -> dict[str, float]:
    if not ms.size:
        return {}
    return {f"p{q}": round(float(v), 3) for q, v in zip((50, 95, 99), np.percentile(ms, (50, 95, 99)), strict=True)}


def _distinct(errors: list[BaseException]) -> list[BaseException]:
    """Errors without the echoes that one failure makes in other segments."""
    seen: set[str] = set()
    out = []
    for e in errors:
        if str(e) not in seen or not isinstance(e, StageError):
            out.append(e)
        seen.add(str(e))
    return out
