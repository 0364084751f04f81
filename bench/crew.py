"""Several streams of a graph in one process, each fed by the clock: what one of them costs.

`python -m bgflow.bench.crew GRAPH STREAMS SECONDS` warms up, writes `ready`, waits for a line, runs on for so many
seconds, and writes what they took as JSON. Several such processes begin together.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from bgflow import load, process
from bgflow.bench.fed import clip_of
from bgflow.bench.openloop import Stream, warm
from bgflow.bench.resident import resident
from bgflow.errors import BgflowError

START_SECONDS = 300  # after which processes that are not ready have failed


@dataclass(frozen=True)
class Cost:
    """Of all streams together: frames that came out, seconds of the wall and of processors, resident bytes."""

    frames: int
    seconds: float
    cpu: float
    memory: int

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of a processor for a frame."""
        return 1e3 * self.cpu / max(self.frames, 1)


def together(file: str, streams: int, seconds: float, *, processes: int = 1) -> Cost:
    """So many streams in each of so many processes, all of them at the same time; raises BgflowError."""
    command = [sys.executable, "-m", "bgflow.bench.crew", file, str(streams), str(seconds)]
    with contextlib.ExitStack() as stack:
        crew = [stack.enter_context(_started(command)) for _ in range(processes)]
        for process in crew:
            _heard(process, "ready")
        for process in crew:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        costs = [Cost(**json.loads(_heard(process, "{"))) for process in crew]
    return Cost(
        sum(cost.frames for cost in costs),
        max(cost.seconds for cost in costs),
        sum(cost.cpu for cost in costs),
        sum(cost.memory for cost in costs),
    )


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _heard(process: subprocess.Popen[str], start: str) -> str:
    """The next line that begins so; libraries may write lines of their own before it."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return line
    told = process.stderr.read().strip().splitlines() if process.stderr else []
    raise BgflowError(f"the process of some streams has ended: {told[-1] if told else 'it said nothing'}")


def run(file: str, streams: int, seconds: float) -> None:
    """What a process of the crew does."""
    process.prepare()
    clip = clip_of(load(file))
    with warm(file, clip, streams, START_SECONDS) as runs:
        if errors := [error for run in runs for error in run.errors]:
            raise errors[0]
        print("ready", flush=True)
        sys.stdin.readline()
        came, cpu, began = _came(runs), time.process_time(), time.monotonic()
        time.sleep(seconds)
        took, used, frames = time.monotonic() - began, time.process_time() - cpu, _came(runs) - came
        print(json.dumps(asdict(Cost(frames, took, used, resident()))), flush=True)
        for run in runs:
            run.stop()


def _came(runs: Sequence[Stream]) -> int:
    return sum(len(run.came) for run in runs)


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
