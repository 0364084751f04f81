"""From starting `bgflow run` to its first frame: a graph of background models, and the shipped one with a network."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bgflow import graphs, models
from bgflow.bench.clips import rendered
from bgflow.bench.duel import ROUNDS
from bgflow.bench.empty import END, TICK
from bgflow.bench.pictures import Size
from bgflow.bench.result import Absent, Goal
from bgflow.bench.suite import Case, Item, Scope
from bgflow.errors import BgflowError, MediaError

COLD_ROUNDS = 3  # compiling takes long: the limits are the extremes then
MOST_SECONDS = 300  # after which a start has failed
FRAMES = 15  # of the clip
GOALS = (Goal(of="value", most=1.5),)
WARM, COLD = "start to the first frame", "start to the first frame, nothing compiled"

LIGHT = f"""
graph: light
device: cpu
stages:
  tick: {{use: "{TICK}", set: {{width: 320, height: 180}}}}
  mog: {{use: mog.running, in: tick.image}}
  edge: {{use: edge.refine, in: {{image: tick.image, alpha: mog.alpha}}}}
  over: {{use: compose.replace, in: {{image: tick.image, alpha: edge.alpha}}}}
  end: {{use: "{END}", in: over.out, set: {{stamp: "STAMP"}}}}
"""


def starts(scope: Scope) -> Iterator[Item]:
    """A row for each graph, with compiled kernels on disk and, where sizes mean something, without."""
    rounds = 1 if scope.tiny else ROUNDS
    with tempfile.TemporaryDirectory(prefix="bgflow-starts-") as name:
        folder = Path(name)
        light, stamp = folder / "light.yaml", folder / "stamp"
        light.write_text(LIGHT.replace("STAMP", str(stamp)), "utf-8")
        note = "320x180, mog.running, edge.refine, compose.replace; with Python's own start and every import"
        warm = start_of(light, stamp)
        warm()  # fills the cache
        yield Case(f"{WARM}, no network", warm, unit="s", note=note, rounds=rounds, clocked=True)
        try:
            models.find("u2netp")
        except BgflowError as why:
            yield Absent(suite="overhead", name=f"{WARM}, file_replace", why=str(why), unit="s", goals=list(GOALS))
            return
        graph = file_replace(folder, stamp, Size(64, 48) if scope.tiny else Size(1280, 720))
        note = "1280x720, u2netp; file, network and encoder are opened; with Python's own start and every import"
        warm = start_of(graph, stamp)
        warm()
        yield Case(f"{WARM}, file_replace", warm, unit="s", goals=GOALS, note=note, rounds=rounds, clocked=True)
        if not scope.tiny:
            cold = start_of(graph, stamp, cold=True)
            note = "every kernel is compiled first; the limits are the extremes"
            yield Case(f"{COLD}, file_replace", cold, unit="s", note=note, rounds=COLD_ROUNDS, clocked=True)


def file_replace(folder: Path, stamp: Path, size: Size) -> Path:
    """The shipped graph on a rendered clip in that folder, with one more end, which writes the stamp."""
    shipped = Path(graphs.__path__[0]) / "file_replace.yaml"
    rendered(folder / "synth_camera.mp4", size, FRAMES)
    text = shipped.read_text("utf-8")
    for file in ("synth_camera.mp4", "file_replace.mp4"):
        text = text.replace(f"path: {file}", f'path: "{folder / file}"')
    graph = folder / shipped.name
    graph.write_text(f'{text}\n  stamp: {{use: "{END}", in: replace.out, set: {{stamp: "{stamp}"}}}}\n', "utf-8")
    return graph


def start_of(graph: Path, stamp: Path, *, cold: bool = False) -> Callable[[], float]:
    """Starts a process that runs one frame, and tells the seconds to it; a cold one finds no compiled kernel.

    It raises BgflowError when the process fails.
    """
    command = [sys.executable, "-m", "bgflow", "run", str(graph), "--frames", "1"]
    # as users have it: Python keeps what it compiled of its modules, and does not compile them at every start
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start() -> float:
        stamp.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=graph.parent) as empty:
            environment = {**usual, "BGFLOW_CACHE": empty} if cold else usual
            began = time.monotonic()
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
            )
        if done.returncode:
            raise BgflowError(f"bgflow run ended with {done.returncode}: {done.stderr.strip()[-200:]}")
        if not stamp.exists():
            raise MediaError(f"{graph}: no frame came out")
        return float(stamp.read_text("ascii")) - began

    return start
