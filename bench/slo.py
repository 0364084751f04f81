"""Run the live camera graph while other programs come and go, with an slo and without one, and count late frames.

    python -m bgflow.bench.slo [--goal 60ms] [--load 2] [--phases 20,40,60] [--json FILE] [--markdown FILE]

The graph is `webrtc_replace`, fed with rendered pictures that are due 30 times a second however busy the machine is,
and with nobody at its end (see `bgflow.bench.fed`). Each run has three phases: alone, beside processes that keep as
many cores busy, and alone again. Without `--goal` it is 1.5 times the p95 of the first phase of a run without an slo.
Late is a frame that took longer than the goal from when it was due to its sink, or was dropped on the way. The first
seconds do not count. `--markdown` puts the tables between `<!-- table: slo -->` and `<!-- end of table: slo -->` of a
page.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bgflow import Run, environment, graphs, load
from bgflow.bench.fed import clip_of, fed
from bgflow.bench.openloop import GRACE, Stream, Trial
from bgflow.bench.quality import between_markers
from bgflow.graph import Graph
from bgflow.report import report
from bgflow.slo import WINDOW, duration

GRAPH = str(Path(graphs.__path__[0]) / "webrtc_replace.yaml")
SPIN = "while True: pass"
WARM = 120  # pictures that have come through before the lead
LEAD = 5.0  # seconds before the first phase, in which everything warms up
SPARE = 1.5  # times the p95 of an idle machine
NAMES, BUSY = ("alone", "beside others", "alone again"), 1


@dataclass(frozen=True)
class Phase:
    """What was counted while nothing changed around the graph.

    `seconds` is each frame's time from when it was due to its sink, in order, infinite where it never came; `rungs` is
    where the ladder stood, once a second.
    """

    name: str
    goal: float
    seconds: tuple[float, ...]
    rungs: tuple[int, ...]

    @property
    def p95(self) -> float:
        """Milliseconds; of all frames that were due."""
        return Trial(1, self.seconds).at(0.95) * 1e3

    @property
    def lost(self) -> int:
        """Frames that never came."""
        return Trial(1, self.seconds).missed

    @property
    def missed(self) -> float:
        """The share of frames that were late or lost, in %."""
        return 100 * sum(s > self.goal for s in self.seconds) / len(self.seconds)

    @property
    def kept_after(self) -> float | None:
        """Seconds until the goal was kept in every window to the end of the phase; None if not even in the last one."""
        each = len(self.seconds) / len(self.rungs)  # frames of a second
        width = round(WINDOW * each)
        kept = None
        for n in range(len(self.rungs) - round(WINDOW), -1, -1):
            window = self.seconds[round(n * each) :][:width]
            if sum(s > self.goal for s in window) > 0.05 * len(window):
                break
            kept = float(n)
        return kept


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


def graph_of(size: tuple[int, int], slos: list[str], folder: Path) -> Graph:
    """`webrtc_replace` without browsers."""
    sets = [f"camera.{name}={n}" for name, n in zip(("width", "height"), size, strict=True)]
    graph = load(GRAPH, sets=sets, slos=slos)
    return fed(graph, clip_of(graph), folder)


def rung(run: Run) -> int:
    """Where the run's ladder stands; 0 is the graph as it is written."""
    return run.controls.keeper.ladder.rung if run.controls.keeper else 0


def measured(
    size: tuple[int, int], slos: list[str], goal: float, phases: list[float], load_: int
) -> tuple[list[Phase], dict[str, Any]]:
    """One run through all phases, and its report."""
    spans: list[tuple[float, tuple[int, ...]]] = []
    with tempfile.TemporaryDirectory() as folder:
        stream = Stream(graph_of(size, slos, Path(folder)))
        with stream:
            while stream.done < WARM and not stream.errors:
                time.sleep(0.05)
            time.sleep(LEAD)
            for n, seconds in enumerate(phases):
                with burning(load_ if n == BUSY else 0):
                    first, rungs = time.monotonic(), list[int]()
                    while len(rungs) < seconds:
                        time.sleep(max(first + len(rungs) + 1 - time.monotonic(), 0))
                        rungs.append(rung(stream))
                spans.append((first, tuple(rungs)))
            time.sleep(GRACE)
            stream.stop()
    found = [
        Phase(name, goal, tuple(stream.lateness(first, first + len(rungs))), rungs)
        for name, (first, rungs) in zip(NAMES, spans, strict=False)
    ]
    return found, report(stream)


def table(title: str, found: list[Phase]) -> Iterator[str]:
    """The rows of one run."""
    for phase in found:
        kept = "never" if phase.kept_after is None else f"{phase.kept_after:.0f} s"
        rungs = " ".join(str(round(sum(of) / len(of))) for of in batched(phase.rungs, round(WINDOW)))
        p95 = "never" if math.isinf(phase.p95) else f"{phase.p95:.0f} ms"
        lost = f"{phase.lost} of {len(phase.seconds)}"
        yield f"| {title} | {phase.name} | {p95} | {lost} | {phase.missed:.1f} % | {kept} | {rungs} |"


def batched(values: Sequence[int], length: int) -> Iterator[Sequence[int]]:
    """The values in rows of so many; the last may be shorter."""
    return (values[n : n + length] for n in range(0, len(values), length))


def main(args: list[str] | None = None) -> None:
    """Measure, print a table and the steps, and write everything as JSON where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bgflow.bench.slo")
    parser.add_argument("--goal", help="p95 to hold, such as 60ms")
    parser.add_argument("--load", type=int, default=len(os.sched_getaffinity(0)), help="processes beside it; all cores")
    parser.add_argument("--phases", default="20,40,60", help="seconds alone, beside others, alone again")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--only", choices=("off", "on"), help="one of the two runs")
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    asked = parser.parse_args(args)
    phases = [float(s) for s in asked.phases.split(",")]
    width, height = map(int, asked.size.split("x"))
    size = width, height
    if asked.goal:
        goal = duration(asked.goal)
    else:
        goal = SPARE * measured(size, [], 1.0, phases[:1], 0)[0][0].p95 / 1e3
    lines = ["| slo | the machine | p95 | dropped | late or dropped | in the goal after | rung, each 5 s |"]
    lines.append("| --- " * 7 + "|")
    results: dict[str, dict[str, Any]] = {}
    for title, slos in (("off", []), ("on", [f"p95={goal * 1e3:.1f}ms"])):
        if asked.only not in (None, title):
            continue
        found, told = measured(size, slos, goal, phases, asked.load)
        lines += table(title, found)
        results[title] = {"phases": [asdict(p) for p in found], "slo": told["slo"], "dropped": told["dropped"]}
    shares = ""
    if kept := results.get("on", {}).get("slo"):
        lines += ["", "| at | step | why |", "| --- | --- | --- |"]
        lines += [f"| {s['at_s']:.1f} s | {s['what']} | {s['why']} |" for s in kept["steps"]]
        share = ", ".join(f"{rung}: {share:.0%}" for rung, share in kept["shares"].items())
        shares = f" Time on each rung: {share}."
    what = f"{asked.size}, p95 within {goal * 1e3:.0f} ms, {asked.load} busy processes in the middle; {asked.phases} s"
    lines += ["", f"{what}.{shares} {environment.cpu()}, {environment.cores()} cores."]
    print("\n".join(lines))
    if asked.markdown:
        page = Path(asked.markdown)
        page.write_text(between_markers(page.read_text("utf-8"), "slo", "\n".join(lines)), "utf-8")
    if asked.json:
        Path(asked.json).write_text(json.dumps({"goal_ms": goal * 1e3, **results}) + "\n", "utf-8")


if __name__ == "__main__":
    main()
