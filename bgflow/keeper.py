"""Hold a running graph to its slo: watch when frames arrive, change parameters, and keep account of it."""

from __future__ import annotations

import collections
import logging
import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from bgflow.context import SAMPLES
from bgflow.frame import WARM_UP
from bgflow.governor import Governor, Step
from bgflow.ladder import Changes, Ladder, chains
from bgflow.slo import Slo

if TYPE_CHECKING:
    from bgflow.run import Run

LOOKS = 20  # at the latencies, in each window
STEPS = 1000  # kept for the report
SHOWN = 5  # steps on the page

log = logging.getLogger("bgflow.slo")


class Keeper:
    """Takes the steps of a run's ladder; called by the threads of its sinks, asked by any.

    A frame is late by the time from its entry into the run to its sink. Those that were dropped on the way, by the
    source or by an edge, count as never arrived; what a sink drops does not, nor what rests in a stage.
    """

    def __init__(self, run: Run, slo: Slo):
        self.slo = slo
        plan, fast = run.plan, [n for n, d in run.plan.devices.items() if d.name != "cpu"]
        self.ladder = Ladder(chains(plan.graph, slo.rungs, fast))
        self.governor = Governor(slo.quantile, slo.goal, slo.window, self.ladder.lowest)
        self.steps: collections.deque[dict[str, Any]] = collections.deque(maxlen=STEPS)
        self._controls, self._segments = run.controls, run.segments
        ends = {s.name for s in run.segments if s.has_sink}
        for edge in reversed(plan.edges):  # segments are in order, so a taker is known before its givers
            if edge.driver and edge.dst in ends:
                ends.add(edge.src)
        self._path = [s for s in run.segments if s.name in ends]
        self._edges = [run.edges[e.src, e.dst] for e in plan.edges if e.driver and e.dst in ends]
        self._undo: list[tuple[Changes, Changes]] = []
        self._latencies: list[float] = []
        self._skip = WARM_UP
        self._lost = 0
        self._began = self._looked = self._moved = 0.0
        self._spent: collections.Counter[int] = collections.Counter()
        self._marks: collections.deque[dict[str, int]] = collections.deque(maxlen=LOOKS)
        self._told = False
        self._lock = threading.Lock()

    def arrived(self, now: float, latency: float) -> None:
        """A frame has reached its sink; a few times in each window, decide what follows from it."""
        with self._lock:
            if self._skip:
                self._skip -= 1
                if not self._skip:
                    self._begin(now)
                return
            self._latencies.append(latency)
            if now - self._looked >= self.slo.window / LOOKS:
                self._look(now)

    def _begin(self, now: float) -> None:
        """The run is warm: what has been slow or lost until now, compiling and loading, was no load."""
        self._began = self._looked = self._moved = now
        self._lost = self._losses()
        self.governor.rest(now)

    def _look(self, now: float) -> None:
        lost = self._losses()
        step = self.governor.advance(now, self._latencies, lost - self._lost)
        self._latencies.clear()
        self._marks.append({s.name: s.ctx.count for segment in self._segments for s in segment.steps})
        self._lost, self._looked = lost, now
        if step:
            self._spent[step.before] += int((now - self._moved) * 1e9)
            self._moved = now
            self._take(now, step)
        elif self.governor.exhausted and not self._told:
            log.warning("%s is missed, and nothing is left to be made cheaper", self.slo)
        self._told = self.governor.exhausted

    def _take(self, now: float, step: Step) -> None:
        """Change what the step changes; a value that somebody else has changed meanwhile is left as it is."""
        changes: dict[str, Any] = {}
        if step.after > step.before:
            for rung in self.ladder.down(self._costs(), step.after - step.before):
                self._undo.append((rung, {t: changes.get(t, self._controls.value(t)) for t in rung}))
                changes.update(rung)
        else:
            self.ladder.up()
            made, old = self._undo.pop()
            changes = {t: value for t, value in old.items() if self._controls.value(t) == made[t]}
        before = {t: self._controls.value(t) for t in changes}
        words = ", ".join(f"{t} {before[t]} -> {value}" for t, value in changes.items()) or "nothing"
        why = self._why(step)
        try:
            self._controls.update(changes)
        except ValueError as e:  # what else was changed meanwhile does not go with it
            words = f"nothing: {e}"
        log.info("%s (rung %d -> %d of %d): %s", words, step.before, step.after, self.governor.lowest, why)
        self.steps.append(
            {
                "at_s": round(now - self._began, 2),
                "from": step.before,
                "to": step.after,
                "changes": changes,
                "what": words,
                "why": why,
                f"{self.slo.name}_ms": _ms(step.value),
                "lost": step.lost,
                "of": step.frames,
            }
        )

    def _why(self, step: Step) -> str:
        goal = f"{self.slo.goal * 1e3:g} ms"
        if step.after < step.before:
            return f"{self.slo.name} was {step.value * 1e3:.0f} ms of {goal}, and easy for {step.calm:.0f} s"
        lost = f"{step.lost} of {step.frames} frames were lost"
        if step.value == math.inf:
            return f"{lost}; {self.slo.name} should be {goal}"
        return f"{self.slo.name} was {step.value * 1e3:.0f} ms of {goal}" + (f", {lost}" if step.lost else "")

    def _losses(self) -> int:
        """Frames that were dropped on the way to a sink."""
        dropped = sum(edge.dropped for edge in self._edges) + sum(s.join.unmatched for s in self._path)
        return dropped + sum(sum(list(s.source.ctx.drops.values())) for s in self._path if s.source)

    def _costs(self) -> dict[str, float]:
        """What each stage has taken in the last window, in nanoseconds."""
        then = self._marks[0]
        costs = {}
        for ctx in (step.ctx for segment in self._segments for step in segment.steps):
            first = max(then[ctx.name], ctx.count - SAMPLES)
            costs[ctx.name] = float(ctx.times[np.arange(first, ctx.count) % SAMPLES].sum())
        return costs

    def status(self) -> dict[str, Any]:
        """How it stands, for the page."""
        with self._lock:
            value = self.governor.value
            return {
                "quantile": self.slo.name,
                "goal_ms": self.slo.goal * 1e3,
                "value_ms": None if value is None else _ms(value),
                "rung": self.ladder.rung,
                "lowest": self.ladder.lowest,
                "missed": self.governor.exhausted,
                "steps": list(self.steps)[-SHOWN:],
            }

    def report(self) -> dict[str, Any]:
        """What was promised, every step, and the share of the time on each rung, by its number."""
        with self._lock:
            spent = self._spent + collections.Counter({self.ladder.rung: int((self._looked - self._moved) * 1e9)})
            total = max(spent.total(), 1)
            return {
                "quantile": self.slo.name,
                "goal_ms": self.slo.goal * 1e3,
                "window_s": self.slo.window,
                "rung": self.ladder.rung,
                "lowest": self.ladder.lowest,
                "shares": {str(rung): round(ns / total, 4) for rung, ns in sorted(spent.items())},
                "steps": list(self.steps),
            }


def _ms(seconds: float) -> float | None:
    """Milliseconds; None for what never came, which JSON has no number for."""
    return None if seconds == math.inf else round(seconds * 1e3, 2)
