"""Taps: which values of which instants belong together, and what they cost a run in which nobody looks."""

from __future__ import annotations

import collections
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from types import FrameType
from typing import Any

import numpy as np
import pytest

from bgflow import Run, load, plan
from bgflow.capture import Chain
from bgflow.devices import to_host
from bgflow.frame import Frame
from bgflow.tap import KEPT, Taps
from tests.looking import MADE
from tests.toys import start

pytestmark = pytest.mark.usefixtures("engine")

BRANCHES = """
clock: live
device: cpu
stages:
  src: {use: toy.live}
  a: {use: toy.add, in: src.image, thread: a}
  b: {use: toy.add, in: src.image, thread: b}
  c: {use: toy.add, in: a.out, thread: c}
  end: {use: null.sink, in: c.out}
  other: {use: null.sink, in: b.out}
"""


def taps() -> Taps:
    """Those of a graph in which `a` and `b` are two branches with a thread each, and `c` follows `a` on a third."""
    return Taps(plan(load("g.yaml", BRANCHES), cores=8))


def offered(made: Taps, key: str, frame: int, value: Any = None) -> None:
    """One instant of the segment that makes an output, at 10 ms a frame; without a value it made none."""
    given = {} if value is None else {key: value}
    made.offer(made.home(key), Frame(frame, frame, Fraction(1, 100)), given, {}, {}, lambda _: None)


def picked(made: Taps, *keys: str, **how: Any) -> tuple[int, list[Any]] | None:
    shot = made.pick(keys, **how)
    return None if shot is None else (shot.frame, [it.value if it else None for it in shot.samples])


def test_of_two_branches_the_newest_frame_that_both_have_finished_is_shown() -> None:
    made = taps()
    with made.looking(["b.out", "c.out"], lambda: None):
        for n in range(5):
            offered(made, "c.out", n, f"c{n}")
        for n in range(3):
            offered(made, "b.out", n, f"b{n}")
        assert picked(made, "c.out", "b.out") == (2, ["c2", "b2"])


def test_a_branch_that_is_ahead_is_shown_at_the_frame_of_the_other() -> None:
    made = taps()
    with made.looking(["b.out", "c.out"], lambda: None):
        for n in range(5):
            offered(made, "b.out", n, f"b{n}")
        offered(made, "c.out", 3, "c3")
        assert picked(made, "c.out", "b.out") == (3, ["c3", "b3"])


def test_an_output_that_was_not_made_at_the_frame_shows_its_last_value_and_its_age() -> None:
    made = taps()
    with made.looking(["b.out", "c.out"], lambda: None):
        for n in range(5):
            offered(made, "b.out", n, "old" if n == 1 else None)
            offered(made, "c.out", n, f"c{n}")
        shot = made.pick(["c.out", "b.out"])
    assert shot is not None
    assert (shot.frame, shot.ages) == (4, (0, 3))


def test_a_branch_that_is_far_behind_does_not_stop_the_other() -> None:
    made = taps()
    with made.looking(["b.out", "c.out"], lambda: None):
        offered(made, "b.out", 0, "b0")
        for n in range(2 * KEPT):
            offered(made, "c.out", n, f"c{n}")
        assert picked(made, "c.out", "b.out") == (2 * KEPT - 1, [f"c{2 * KEPT - 1}", "b0"])


def test_what_has_given_nothing_is_waited_for_until_patience_ends() -> None:
    made = taps()
    with made.looking(["b.out", "c.out"], lambda: None):
        offered(made, "b.out", 0)
        offered(made, "c.out", 0, "c0")
        assert picked(made, "c.out", "b.out") is None
        assert picked(made, "c.out", "b.out", patient=False) == (0, ["c0", None])


@pytest.mark.parametrize("patient", [True, False])
def test_a_frame_that_was_seen_is_not_shown_again(patient: bool) -> None:
    made = taps()
    with made.looking(["c.out"], lambda: None):
        offered(made, "c.out", 0, "c0")
        assert picked(made, "c.out", last=Fraction(0), patient=patient) is None
        offered(made, "c.out", 1, "c1")
        assert picked(made, "c.out", last=Fraction(0), patient=patient) == (1, ["c1"])


def test_values_are_kept_for_those_who_still_look() -> None:
    made = taps()
    with made.looking(["c.out"], lambda: None):
        with made.looking(["b.out", "c.out"], lambda: None):
            offered(made, "b.out", 0, "b0")
            offered(made, "c.out", 0, "c0")
        assert made.keys == {"c.out"}
        assert picked(made, "c.out") == (0, ["c0"])
    assert not any(made.rings)


def until(run: Run, true: Callable[[], Any]) -> Any:
    """What `true()` is once it is so; the run must go on until then."""
    while not (found := true()):
        assert not run.wait(0.001), "the run has ended"
    return found


def count_calls(run: Run, work: Any) -> collections.Counter[str]:
    """Calls into each file that the threads of a run make, by the file's name."""
    calls: collections.Counter[str] = collections.Counter()

    def called(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls[frame.f_code.co_filename.rpartition("/")[2]] += 1

    threading.setprofile(called)
    try:
        with run:
            work(run)
    finally:
        threading.setprofile(None)
        sys.setprofile(None)
    return calls


CHAIN = """
    src: {use: "tests.looking:Numbered", set: {frames_: 200, pause: 0.001}}
    a: {use: "tests.looking:Passed", in: src.image}
    end: {use: null.sink, in: a.out}
"""


def test_a_run_that_nobody_looks_at_calls_nothing_here_and_allocates_nothing() -> None:
    MADE.clear()
    run = start(CHAIN)
    calls = count_calls(run, lambda it: it.wait())
    assert calls["segment.py"] > 200
    assert calls["tap.py"] == 0
    assert run.late_allocations == 0
    assert set(MADE) == {"image"}


def test_a_run_that_somebody_has_looked_at_is_as_it_was_before() -> None:
    run = start(CHAIN)

    def look(it: Run) -> None:
        with it.taps.looking(["src.alpha", "a.twin"], lambda: None):
            until(it, lambda: it.taps.pick(["src.alpha", "a.twin"]))
        until(it, lambda: not any(segment.looked for segment in it.segments))
        before = dict(MADE)
        it.wait()
        assert MADE["alpha"] <= before["alpha"] + 1  # the source was making one frame when the look ended
        assert MADE["image"] > before["image"] + 1

    MADE.clear()
    calls = count_calls(run, look)
    assert calls["tap.py"] > 0


def test_a_value_inside_a_captured_chain_can_be_looked_at_and_the_chain_is_replayed_again_afterwards() -> None:
    text = """
        src: {use: toy.count, set: {frames_: 0}}
        a: {use: toy.capturable, in: src, set: {amount: 2}}
        b: {use: toy.capturable, in: a, set: {amount: 5}}
        end: {use: null.sink, in: b}
    """
    with start(text, top="device: fake", sync=True) as run:
        (chain,) = (unit for s in run.segments for unit in s.units if isinstance(unit, Chain))
        until(run, lambda: chain.replays > 10)
        keys = ["src.image", "a.out", "b.out"]
        with run.taps.looking(keys, lambda: None):
            shot = until(run, lambda: run.taps.pick(keys))
            n, a, b = (int(to_host(it.value)[0, 0, 0]) for it in shot.samples)
        assert (n, a, b) == (shot.frame % 256, (shot.frame + 2) % 256, (shot.frame + 7) % 256)
        del shot
        replays = chain.replays
        until(run, lambda: chain.replays > replays + 10)
        run.stop()


def test_a_plate_that_was_taken_long_ago_can_be_looked_at_with_what_the_graph_does_not_use_of_it() -> None:
    text = """
        camera: {use: synth.source, set: {width: 64, height: 48, subjects: 0, noise: 2}}
        plate: {use: plate.capture, in: camera.image, set: {countdown: 0, seconds: 0.2, samples: 4}}
        end: {use: null.sink, in: plate.quality}
    """
    with start(text) as run:
        until(run, lambda: run.controls.begun.get("end", 0) > 30)
        keys = ["camera.image", "plate.plate", "plate.spread"]
        with run.taps.looking(keys, lambda: None):
            shot = until(run, lambda: run.taps.pick(keys))
        run.stop()
    image, plate, spread = (it.value for it in shot.samples)
    assert np.abs(plate.astype(int) - image).max() < 12
    assert 0 < spread.mean() < 6


def test_many_who_look_for_long_do_not_exhaust_the_memory_of_an_output() -> None:
    with start(CHAIN) as run:
        keys = ["src.image", "src.alpha", "a.out", "a.twin"]
        held = collections.deque[Any](maxlen=8)  # as many as are drawn at once
        with run.taps.looking(keys, lambda: None):
            while not run.wait(0.002):
                held.append(run.taps.pick(keys))
        assert [np.shape(it.value)[:2] for it in held[-1].samples] == [(16, 192)] * 4
