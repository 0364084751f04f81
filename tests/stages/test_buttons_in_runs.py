"""Buttons in whole runs: Ext ends it cleanly, several runs may share a folder, and what a graph lacks is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from bgflow import In, Out, Param, Stage
from bgflow.errors import ModelError, UsageError
from bgflow.models import find
from bgflow.report import report
from bgflow.stages.ui import Buttons
from bgflow.testing import opened
from tests.toys import start

TICK = 1_000_000_000 // 30
ENDLESS = f"src: {{use: toy.count, set: {{frames_: 0, height: 64, width: 96, step: {TICK}}}}}"
MIDDLE = (0.5, 0.5)
EXT = "buttons: [{label: Ext, at: [0.5, 0.5], do: run.stop}]"


class Hand(Stage, use="toy.hand"):
    """A palm in the middle of the picture, for some frames."""

    image = In("u8[h,w,3] rgb")
    palms = Out("f32[n,3]")
    since: int = Param(0, ge=0)
    until: int = Param(0, ge=0)

    def process(self, image: Any) -> Any:
        out = self.ctx.empty("palms", n=1)
        out[...] = (0.5, 0.5, 1.0 if self.since <= self.ctx.frame.seq < self.until else 0.0)
        return out


def film(path: Path, since: int, until: int, frames: int) -> int:
    """How many frames a run writes in which a hand is on Ext meanwhile; its file is whole."""
    run = start(
        f"""
        {ENDLESS}
        hand: {{use: toy.hand, in: src, set: {{since: {since}, until: {until}}}}}
        ui: {{use: ui.buttons, in: {{image: src, palms: hand}}, set: {{{EXT}, dwell: 0.6}}}}
        out: {{use: file.sink, in: ui, set: {{path: {path}}}}}
        """,
        sync=True,
        frames=frames,
    )
    with run:
        run.wait()
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_ext_ends_the_run_and_its_file_is_whole(tmp_path: Path) -> None:
    count = film(tmp_path / "out.mp4", 10, 99, 0)
    assert 10 + 18 < count < 10 + 18 + 40  # 0.6 s after the hand came, and what was under way


def test_a_hand_that_passes_over_ext_ends_nothing(tmp_path: Path) -> None:
    assert film(tmp_path / "out.mp4", 10, 27, 60) == 60


@pytest.mark.parametrize("palms", ["palm.detect", "palm.detect, set: {near: ui}", "pose.palms"])
def test_buttons_take_the_palms_of_either_detector(palms: str) -> None:
    models = ("pose_detection", "pose_landmark") if palms == "pose.palms" else ("palm",)
    for model in models:
        try:
            find(model)
        except ModelError as e:
            pytest.skip(str(e))
    run = start(
        f"""
        {ENDLESS}
        palm: {{use: {palms}, in: src}}
        ui: {{use: ui.buttons, in: {{image: src, palms: palm.palms}}, set: {{{EXT}}}}}
        end: {{use: null.sink, in: ui}}
        """,
        frames=5,
    )
    with run:
        run.wait()
    assert report(run)["stages"]["palm"]["count"] == 5


PROCESS = """
import sys
from bgflow.media.sets import PictureSet
import numpy as np
sys.stdin.readline()
for n in range(10):
    it = PictureSet(sys.argv[1], "", "")
    it.add_plate(np.full((8, 8, 3), n, np.uint8), 1.0, 0.0)
    print(it.folder.name)
"""


def test_processes_that_take_backgrounds_at_once_each_get_their_own_sets(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    for run in runs:  # all wait for this line, so that they begin together
        assert run.stdin
        run.stdin.write("\n")
        run.stdin.flush()
    made = [name for run in runs for name in run.communicate()[0].split()]
    assert sorted(made) == sorted(f"set{n}" for n in range(1, 31))
    for name in made:
        assert json.loads((tmp_path / name / "manifest.json").read_text())["set"] == name
        assert sorted(p.name for p in (tmp_path / name).iterdir()) == ["bkg.png", "manifest.json"]


@pytest.mark.parametrize("at", ["[1.2, 0.5]", "[0.5, -0.1]"])
def test_a_button_outside_of_the_picture_is_refused(at: str) -> None:
    with pytest.raises(Exception, match=r"input should be (less|greater) than or equal to [01]"):
        start(f"{ENDLESS}\nui: {{use: ui.buttons, in: src, set: {{buttons: [{{label: A, at: {at}, do: run.stop}}]}}}}")


@pytest.mark.parametrize("do", [{"set": {}}, {"toggle": 3}, {"set": {"a.b": 1}, "toggle": "a.b"}, {}, {"press": "a"}])
def test_a_button_that_sets_or_toggles_nothing_is_refused_by_check(do: dict[str, Any]) -> None:
    [(param, text)] = Buttons(buttons=[{"label": "A", "at": MIDDLE, "do": do}]).problems()
    assert param == "buttons"
    assert text.startswith(f"A does {do!r}; wanted stage.action, ")


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ({"set": {"buttons.gab": 1}}, "A sets buttons.gab, which there is not; did you mean 'buttons.gap'?"),
        ({"toggle": "buttons.miror"}, "A toggles buttons.miror, which is no switch; did you mean 'buttons.mirror'?"),
        ({"toggle": "buttons.gap"}, "A toggles buttons.gap, which is no switch; did you mean 'buttons.mirror'?"),
    ],
)
def test_a_parameter_that_a_button_cannot_change_is_refused_before_the_first_frame(
    do: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as e, opened(Buttons(buttons=[{"label": "A", "at": MIDDLE, "do": do}])):
        pass
    assert str(e.value) == f"buttons: {said}"
