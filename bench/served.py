"""A graph with a page, in a process of its own that tells what it did: `Server` starts it, and this file is what runs.

The process answers each line on its standard input by a line of JSON, and ends with its input.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bgflow.bench.resident import resident
from bgflow.bench.taps import Passage, Taps, keep_code
from bgflow.errors import BgflowError
from bgflow.footprint import SHRINKS, shrink

START_SECONDS, STOP_SECONDS = 180, 30  # the first start on a machine compiles every kernel
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
NATIVE = "numba, OpenVINO"  # threads that Python has not made


class Reading(NamedTuple):
    """What the process has done so far; `passages` are those since the reading before."""

    at: float
    """The monotonic clock, which all processes of a machine have in common."""
    cpu: float
    """Seconds of processor time, of all threads."""
    threads: dict[str, float]
    """The same by thread."""
    rss: int
    """Bytes of memory in use."""
    came: int
    """Pictures of the camera."""
    dropped: dict[str, int]
    stages: dict[str, float]
    """The median of each stage's time for a picture, in milliseconds."""
    passages: list[Passage]


class Server:
    """A graph that runs in a process of its own; `with` starts and ends it. Raises BgflowError when it does not."""

    def __init__(self, graph: str, sets: Sequence[str] = (), *, code: bool = False):
        """`code` keeps the corner with the time code as the camera has it (`bgflow.bench.taps.keep_code`)."""
        self._command = [sys.executable, "-m", "bgflow.bench.served", graph, "code" if code else "", *sets]
        self.url = ""

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with _limit(self._process, START_SECONDS):
            self.url = self._line()
        return self

    def read(self) -> Reading:
        """What it has done so far."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        told = json.loads(self._line())
        return Reading(**{**told, "passages": [tuple(p) for p in told["passages"]]})

    def _line(self) -> str:
        assert self._process.stdout
        if line := self._process.stdout.readline().strip():
            return line
        raise BgflowError(f"{self._command[3]}: the run ended with {self._process.wait(STOP_SECONDS)}")

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with _limit(self._process, STOP_SECONDS):
            self._process.wait()
        self._process.stdout.close()


@contextlib.contextmanager
def _limit(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    """Kill a process that takes longer over what is done here."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main(file: str, code: str, *sets: str) -> None:
    """Run the graph as `bgflow run` does, and answer until the input ends."""
    from bgflow import Run, load, plan, process
    from bgflow.stages.webrtc import Source
    from bgflow.web.served import Webs

    process.prepare()
    taps, graph = Taps(), load(file, sets=sets)
    if code:
        keep_code(graph)
    with Run(plan(graph)) as run:
        webs: Webs = run.shared.get("webs", Webs)
        while not webs.ready.wait(0.05):
            if run.errors:
                return
        (camera,) = (node.stage.camera for node in graph.nodes.values() if isinstance(node.stage, Source))
        taps.listen(camera)
        print(webs.first.result(0).url, flush=True)
        milestones = list(SHRINKS)
        for _ in sys.stdin:
            if milestones and run.done >= milestones[0]:
                milestones.pop(0)
                shrink()
            stages = {ctx.name: run.percentiles(ctx).get("p50", 0.0) for ctx in run.contexts}
            reading = Reading(
                at=time.monotonic(),
                cpu=time.process_time(),
                threads=thread_times(),
                rss=resident(),
                came=camera.rate.count,
                dropped=run.dropped(),
                stages=stages,
                passages=taps.drain(),
            )
            print(json.dumps(reading._asdict()), flush=True)
        run.stop()


def thread_times() -> dict[str, float]:
    """Seconds of processor time of this process's threads, by their names; native ones together."""
    names = {t.native_id: t.name for t in threading.enumerate()}
    times: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            fields: list[Any] = (task / "stat").read_text().rpartition(")")[2].split()
            name = names.get(int(task.name), NATIVE)
            times[name] = times.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS
    return times


if __name__ == "__main__":
    main(*sys.argv[1:])
