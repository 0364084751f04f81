"""Run the live camera graph while other programs come and go, with an slo and without one, and count late frames.

    python -m bgflow.bench.slo [--goal 60ms] [--load 2] [--phases 20,40,60] [--json FILE] [--markdown FILE]

The graph is `webrtc_replace`, with a camera of rendered pictures that come at 30 a second however busy the machine is,
and nobody at its end. Each run has three phases: alone, beside processes that keep as many cores busy, and alone again.
Without `--goal` it is 1.5 times the p95 of the first phase of a run without an slo. Late is a frame that took longer
than the goal from its entry to its sink, or was dropped on the way. The first seconds do not count. `--markdown` puts
the tables between `<!-- table: slo -->` and `<!-- end of table: slo -->` of a page.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from bgflow import Out, Param, Run, Stage, environment, graphs, load, plan
from bgflow.bench.quality import between_markers
from bgflow.report import report
from bgflow.slo import duration
from bgflow.stage import Context
from bgflow.stages.synth import Source
from bgflow.testing import opened

SPIN = "while True: pass"
PICTURES = 60  # rendered before the run, then shown to and fro
LEAD = 5.0  # seconds before the first phase, in which everything warms up
SPARE = 1.5  # times the p95 of an idle machine
NAMES = ("alone", "beside others", "alone again")


class Camera(Stage, use="benchslo.camera"):
    """Rendered pictures that cost nothing while the graph runs."""

    image = Out("u8[h,w,3] rgb")
    width: int = Param(1280, ge=16)
    height: int = Param(720, ge=16)

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        with opened(Source(width=self.width, height=self.height, noise=2.0, count=PICTURES)) as scene:
            self._shown = [made["image"].copy() for _, made in scene.frames()]

    def frames(self) -> Iterator[tuple[int, Any]]:
        round_trip = [*self._shown, *self._shown[-2:0:-1]]
        n = 0
        while not self.ctx.stopping:
            image = self.ctx.empty(self.image, h=self.height, w=self.width)
            image[...] = round_trip[n % len(round_trip)]
            yield round(n * 1e9 / 30), image
            n += 1


class Phase(NamedTuple):
    """What was counted while nothing changed around the graph; `p95` in milliseconds, of the frames that arrived."""

    name: str
    entered: int
    lost: int
    late: int
    p95: float

    @property
    def missed(self) -> float:
        """The share of frames that were late or lost, in %."""
        return 100 * (self.late + self.lost) / max(self.entered, 1)


@contextlib.contextmanager
def burning(count: int) -> Iterator[None]:
    """That many processes that each keep a core busy."""
    made = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in made:
            process.kill()
            process.wait()


def graph_text(size: tuple[int, int]) -> str:
    """`webrtc_replace` without browsers."""
    data = yaml.safe_load((Path(graphs.__path__[0]) / "webrtc_replace.yaml").read_text("utf-8"))
    stages = data["stages"]
    stages["camera"] = {"use": "benchslo.camera", "set": {"width": size[0], "height": size[1]}}
    stages["out"] = {"use": "null.sink", "in": stages["out"]["in"]}
    return yaml.safe_dump({**data, "clock": "live", "stages": stages}, sort_keys=False)


def counted(run: Run, name: str, seconds: float, goal: float) -> Phase:
    """Let the run go on for so long, and count."""
    camera = next(c for c in run.contexts if c.node.stage.is_source())
    entered, arrived = camera.count, run.done
    time.sleep(seconds)
    count = run.done - arrived
    took = np.array(list(run.latencies)[-count:] if count else [])
    lost = max(camera.count - entered - count, 0)
    p95 = float(np.percentile(took, 95) * 1e3) if count else float("nan")
    return Phase(name, camera.count - entered, lost, int((took > goal).sum()), p95)


def measured(
    text: str, slos: list[str], goal: float, phases: list[float], load_: int
) -> tuple[list[Phase], dict[str, Any]]:
    """One run through all phases, and its report."""
    with Run(plan(load("slo", text, slos=slos))) as run:
        while run.done < 2 * PICTURES:
            time.sleep(0.05)
        time.sleep(LEAD)
        found = [counted(run, NAMES[0], phases[0], goal)]
        if len(phases) > 1:
            with burning(load_):
                found.append(counted(run, NAMES[1], phases[1], goal))
            found.append(counted(run, NAMES[2], phases[2], goal))
        run.stop()
        run.wait()
    return found, report(run)


def table(title: str, found: list[Phase]) -> Iterator[str]:
    """The rows of one run."""
    for phase in found:
        dropped = f"{phase.lost} of {phase.entered}"
        yield f"| {title} | {phase.name} | {phase.p95:.0f} ms | {dropped} | {phase.missed:.1f} % |"


def main(args: list[str] | None = None) -> None:
    """Measure, print a table and the steps, and write everything as JSON where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bgflow.bench.slo")
    parser.add_argument("--goal", help="p95 to hold, such as 60ms")
    parser.add_argument("--load", type=int, default=len(os.sched_getaffinity(0)), help="processes beside it; all cores")
    parser.add_argument("--phases", default="20,40,60", help="seconds alone, beside others, alone again")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    asked = parser.parse_args(args)
    phases = [float(s) for s in asked.phases.split(",")]
    width, height = map(int, asked.size.split("x"))
    text = graph_text((width, height))
    if asked.goal:
        goal = duration(asked.goal)
    else:
        goal = SPARE * measured(text, [], 1.0, phases[:1], 0)[0][0].p95 / 1e3
    lines = ["| slo | the machine | p95 | dropped | late or dropped |", "| --- | --- | --- | --- | --- |"]
    results = {}
    for title, slos in (("off", []), ("on", [f"p95={goal * 1e3:.1f}ms"])):
        found, told = measured(text, slos, goal, phases, asked.load)
        lines += table(title, found)
        results[title] = {"phases": [p._asdict() for p in found], "slo": told["slo"], "dropped": told["dropped"]}
    kept = results["on"]["slo"]
    lines += ["", "| at | step | why |", "| --- | --- | --- |"]
    lines += [f"| {s['at_s']:.1f} s | {s['what']} | {s['why']} |" for s in kept["steps"]]
    shares = ", ".join(f"{rung}: {share:.0%}" for rung, share in kept["shares"].items())
    what = f"{asked.size}, p95 within {goal * 1e3:.0f} ms, {asked.load} busy processes beside it for {phases[1]:g} s"
    lines += ["", f"{what}. Time on each rung: {shares}. {environment.cpu()}, {environment.cores()} cores."]
    print("\n".join(lines))
    if asked.markdown:
        page = Path(asked.markdown)
        page.write_text(between_markers(page.read_text("utf-8"), "slo", "\n".join(lines)), "utf-8")
    if asked.json:
        Path(asked.json).write_text(json.dumps({"goal_ms": goal * 1e3, **results}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
