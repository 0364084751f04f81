"""How a run stands at this moment: frames a second, queues and times of the stages since the last look."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bgflow.context import SAMPLES, RunContext

if TYPE_CHECKING:
    from bgflow.run import Run


class Figures:
    """Looks at a run from time to time; every reader has its own, used by one thread at a time."""

    def __init__(self, run: Run):
        self._run = run
        self._at = time.monotonic()
        self._done = 0
        self._counts: dict[str, int] = {}

    def read(self) -> dict[str, Any]:
        """What has happened since the last call; times in milliseconds, `level` in frames that wait."""
        now, done = time.monotonic(), self._run.done
        fps = (done - self._done) / max(now - self._at, 1e-3)
        self._at, self._done = now, done
        queues = [
            {"from": src, "to": dst, "level": edge.level, "size": edge.size, "dropped": edge.dropped}
            for (src, dst), edge in self._run.edges.items()
        ]
        return {"fps": round(fps, 2), "frames": done, "queues": queues, "stages": self._stages()}

    def _stages(self) -> dict[str, dict[str, Any]]:
        out = {}
        for segment in self._run.segments:
            for step in segment.steps:
                out[step.name] = {"use": step.stage.use, "thread": segment.name, **self._times(step.ctx)}
        return out

    def _times(self, ctx: RunContext) -> dict[str, Any]:
        count = ctx.count
        first = max(self._counts.get(ctx.name, 0), count - SAMPLES)
        self._counts[ctx.name] = count
        if first == count:
            return {"count": 0, "p50": None, "p95": None}
        ms = ctx.times[np.arange(first, count) % SAMPLES] / 1e6
        p50, p95 = np.percentile(ms, (50, 95))
        return {"count": count - first, "p50": round(float(p50), 3), "p95": round(float(p95), 3)}
