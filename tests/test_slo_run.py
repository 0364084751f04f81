"""An slo on a real clock: threads, edges that drop, and a command that writes the report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import tests.toys
from bgflow import In, Out, Param, Stage
from tests.commandline import bgflow

assert tests.toys

GRAPH = """
device: cpu
clock: live
slo: {p95: 60ms, window: 1s, ladder: [{slow.ms: 5}]}
stages:
  src: {use: toy.count, set: {frames_: 300, step: 33333333}}
  slow: {use: toy.loaded, in: src}
  end: {use: toy.pair, in: slow}
"""


class Slow(Stage, use="toy.loaded"):
    """Takes so long; ten times longer from the fourth second of the stream on."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")
    ms: int = Param(10, ge=1, le=100, hot=True)

    def process(self, image: Any) -> Any:
        time.sleep(self.ms / 1e3 * (10 if self.ctx.frame.time >= 4 and self.ms > 5 else 1))
        return image


@pytest.mark.slow
def test_a_stage_that_becomes_slow_is_made_cheaper_and_the_report_tells(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(GRAPH)
    told = bgflow("run", tmp_path / "g.yaml", "--report", tmp_path / "r.json", "--slo", "window=2s")
    assert told.code == 0, told.err
    kept = json.loads((tmp_path / "r.json").read_text())["slo"]
    assert (kept["goal_ms"], kept["window_s"], kept["lowest"]) == (60, 2, 1)
    first = kept["steps"][0]
    assert (first["from"], first["to"], first["changes"]) == (0, 1, {"slow.ms": 5})
    assert any(line.startswith("slow.ms 10 -> 5 (rung 0 -> 1 of 1): ") for line in told.err.splitlines())
