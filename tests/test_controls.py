"""Values that are set together hold from one frame on, which is told; actions run between two frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow import In, Out, Param, Run, Stage, load, plan
from bgflow.action import Done, action
from bgflow.controls import Controls
from bgflow.errors import StageError
from bgflow.news import News

SEEN: list[tuple[int, int, int]] = []
GATE = threading.Event()


class Numbers(Stage, use="toy.numbers"):
    """Frames for ever, a thousand a second."""

    image = Out("u8[h,w,3] rgb")

    def frames(self) -> Iterator[tuple[int, Any]]:
        n = 0
        while not self.ctx.stopping:
            yield n, np.zeros((2, 2, 3), np.uint8)
            n += 1
            time.sleep(0.001)


class Tagged(Stage, use="toy.tagged"):
    """Puts its value into the picture."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")
    value: int = Param(0, ge=0, le=9, hot=True)

    def process(self, image: Any) -> Any:
        out = self.ctx.empty("out")
        out[...] = image + self.value
        return out

    @action
    def count(self, to: int) -> str:
        """Count."""
        return f"{threading.current_thread().name} counts to {to}"

    @action
    def crash(self) -> None:
        """Fail in another way than by refusing."""
        raise RuntimeError("bang")


class Compared(Stage, use="toy.compared"):
    """Notes the frame, what came in the picture, and its own value."""

    image = In("u8[h,w,3] rgb")
    value: int = Param(0, ge=0, le=9, hot=True)

    def process(self, image: Any) -> None:
        SEEN.append((self.ctx.frame.seq, int(image[0, 0, 0]), self.value))


GRAPH = """
clock: file
stages:
  a: {use: toy.numbers}
  b: {use: toy.tagged, in: a.image, thread: b}
  c: {use: toy.compared, in: b.out, thread: c}
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    SEEN.clear()
    (tmp_path / "g.yaml").write_text(GRAPH)
    with Run(plan(load(tmp_path / "g.yaml"))) as it:
        until(lambda: it.done > 3)
        yield it
        it.stop()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_stages_on_several_threads_take_their_values_at_the_same_frame(run: Run) -> None:
    frames = [run.controls.update({"b.value": n, "c.value": n}).result(10) for n in (1, 2, 3, 4)]
    until(lambda: SEEN[-1][0] > frames[-1])
    assert [(tagged, own) for _, tagged, own in SEEN if tagged != own] == []
    for n, frame in enumerate(frames, 1):
        assert next(seq for seq, tagged, _ in SEEN if tagged == n) == frame


def test_nothing_of_a_refused_set_is_applied(run: Run) -> None:
    with pytest.raises(ValueError, match="^c.value: input should be less than or equal to 9, not 10$"):
        run.controls.update({"b.value": 5, "c.value": 10})
    frame = run.controls.set("c.value", 1).result(10)
    until(lambda: SEEN[-1][0] > frame)
    assert {tagged for _, tagged, _ in SEEN} == {0}


def test_an_action_runs_on_its_stages_own_thread_and_tells_the_frame(run: Run) -> None:
    done = run.controls.act("b.count", {"to": 3}).result(10)
    assert done.message == "bgflow:b counts to 3"
    assert 0 < done.frame <= SEEN[-1][0] + 10


def test_what_fails_in_an_action_without_being_a_refusal_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(GRAPH)
    with (
        pytest.raises(StageError, match="stage 'b' failed in process at frame [0-9]+: RuntimeError: bang"),
        Run(plan(load(tmp_path / "g.yaml"))) as run,
    ):
        asked = run.controls.act("b.crash")
        assert run.wait(10)
    assert isinstance(asked.exception(0), RuntimeError)


def test_an_action_that_was_taken_back_does_not_run() -> None:
    stage = Tagged()
    controls = Controls({"b": stage})
    asked = controls.act("b.count", {"to": 1})
    assert asked.cancel()
    controls.apply("b")
    assert controls.news.number == 0


def test_what_still_waits_at_the_end_of_a_run_is_refused(run: Run) -> None:
    run.stop()
    run.wait(10)
    run._join()
    for waiting in (run.controls.set("b.value", 3), run.controls.act("b.count", {"to": 3})):
        with pytest.raises(ValueError, match="^the run has ended$"):
            waiting.result(10)


def test_run_stop_is_done_at_once() -> None:
    stopped = []
    controls = Controls({"b": Tagged()})
    controls.stop = lambda: stopped.append(True)
    assert controls.act("run.stop").result(0) == Done("the run is ending", 0)
    assert stopped == [True]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "b.count: to: field required"),
        ({"to": 1, "too": 2}, "b.count: too: extra inputs are not permitted"),
        ({"to": "3"}, "b.count: to: input should be a valid integer"),
    ],
)
def test_values_of_an_action_are_checked_before_it_is_asked(values: dict[str, Any], line: str) -> None:
    asked = Controls({"b": Tagged()}).act("b.count", values)
    assert str(asked.exception(0)) == line


def test_news_are_read_from_a_number_on_and_only_the_last_ones_are_kept() -> None:
    news = News()
    for n in range(100):
        news.tell("a", f"line {n}", n)
    assert news.number == 100
    assert [n.text for n in news.after(98)] == ["line 98", "line 99"]
    assert len(news.after(0)) == 32


def test_who_follows_the_news_hears_all_until_it_leaves() -> None:
    news, heard = News(), list[str]()
    with news.followed(lambda event: heard.append(event["type"])):
        news.tell("a", "one", 0, kind="countdown")
        news.changed({"a.b": 1}, 3)
    news.tell("a", "two", 0)
    assert heard == ["countdown", "values"]
