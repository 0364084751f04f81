"""The report of a run: what it did, how fast, what it dropped, copied and allocated; JSON for people and programs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bgflow import __version__, environment
from bgflow.aside import aside
from bgflow.capture import Chain
from bgflow.cli.progress import Meter
from bgflow.context import RunContext
from bgflow.errors import MediaError
from bgflow.run import Run


def report(run: Run, meter: Meter | None = None) -> dict[str, Any]:
    """Everything that was counted in a run, at its end or while it goes.

    Times are in milliseconds where a key ends in `_ms` or holds percentiles, else in seconds. `fps` is the mean over
    the whole run; with a `meter` that was read meanwhile, it leaves the start out.
    """
    meter = meter or Meter(run)
    plan = run.plan
    return {
        "graph": plan.graph.name,
        "file": plan.graph.file,
        "version": __version__,
        "device": plan.why,
        "live": plan.live,
        "environment": environment.summary(),
        "duration_s": round((run.ended or time.monotonic()) - run.started, 3),
        "frames": meter.done,
        "fps": round(meter.fps, 2),
        "latency_ms": run.latency(),
        "dropped": _drops(run),
        "slo": run.controls.keeper.report() if run.controls.keeper else None,
        "stages": _stages(run),
        "copies": _copies(run),
        "crossings": _crossings(run),
        "recordings": _recordings(run),
        "pools": _pools(run),
        "planned_bytes": plan.nbytes,
        "allocations_after_warm_up": run.late_allocations,
        "peak_rss_bytes": environment.peak_memory(),
        "warnings": {c.name: dict(c.warnings) for c in run.contexts if c.warnings},
        "errors": [str(e) for e in run.errors],
    }


def write(path: str | Path, content: dict[str, Any]) -> None:
    """Write a report as JSON, whole or not at all; raises MediaError."""
    try:
        with aside(path) as part:
            part.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", "utf-8")
    except OSError as e:
        raise MediaError(f"{path}: the report cannot be written: {(e.strerror or str(e)).lower()}") from e


def _drops(run: Run) -> dict[str, dict[str, int]]:
    """Dropped frames by place and reason."""
    out: dict[str, dict[str, int]] = {}
    for text, count in run.dropped().items():
        place, _, reason = text.rpartition(": ")
        out.setdefault(place, {})[reason] = count
    return out


def _stages(run: Run) -> dict[str, dict[str, Any]]:
    return {
        step.name: {
            "use": step.stage.use,
            "device": step.ctx.device.name,
            "thread": segment.name,
            "count": step.ctx.count,
            **_launches(step.ctx),
            **run.percentiles(step.ctx),
            **step.ctx.facts,
        }
        for segment in run.segments
        for step in segment.steps
    }


def _launches(ctx: RunContext) -> dict[str, float]:
    """Kernels per instant and what enqueueing each costs the host, in microseconds; nothing on a CPU.

    A recording counts as one launch, at the first of its stages.
    """
    work = ctx.work
    if not work.launches:
        return {}
    each = work.launch_ns / work.launches / 1e3
    return {"launches": round(work.launches / max(ctx.count, 1), 2), "launch_us": round(each, 2)}


def _crossings(run: Run) -> dict[str, dict[str, Any]]:
    """Copies of each frame between host and accelerator: what the graph allows, what was planned, what was made."""
    budget, plan, made = run.plan.graph.budget, run.plan.crossings, run.crossings
    return {
        way: {
            "budget": getattr(budget, way),
            "planned": sum(getattr(c, way) for c in plan),
            "made": round(sum(getattr(c, way) for c in made), 2),
            "where": {c.place: getattr(c, way) for c in made if getattr(c, way)},
        }
        for way in ("h2d", "d2h")
    }


def _recordings(run: Run) -> list[dict[str, Any]]:
    """The chains of stages whose launches were captured: how many recordings, and instants that replayed one."""
    return [
        {
            "stages": [s.name for s in unit.steps],
            "recordings": unit.recorded,
            "bytes": unit.nbytes,
            "replays": unit.replays,
        }
        for segment in run.segments
        for unit in segment.units
        if isinstance(unit, Chain)
    ]


def _copies(run: Run) -> dict[str, dict[str, int]]:
    """Copies between devices on every wire, also where there was none."""
    made = {key: counts for s in run.segments for key, counts in list(s.copies.counts.items())}
    out = {}
    for wire in run.plan.graph.wires:
        here = [counts for key, counts in made.items() if key.startswith(f"{wire} (")]
        out[str(wire)] = {"count": sum(c for c, _ in here), "bytes": sum(b for _, b in here)}
    return out


def _pools(run: Run) -> list[dict[str, Any]]:
    """The memory that was really made, beside what the plan foresaw."""
    return [
        {
            "port": pool.name,
            "device": pool.device.name,
            "shape": list(pool.shape),
            "planned": pool.planned,
            "made": pool.allocations,
            "bytes": pool.allocations * pool.nbytes,
        }
        for c in run.contexts
        for pool in list(c.pools.values())
    ]
