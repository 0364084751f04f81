"""A graph's budget of copies is held against the plan before anything runs, and against what the run did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bgflow import In, Out, Stage, load, plan
from bgflow.budget import Budget, Crossing
from bgflow.devices import to_host
from bgflow.errors import BudgetError, GraphError, OverBudget
from tests.toys import start

pytestmark = pytest.mark.usefixtures("engine")

APART = """
    src: {use: toy.count, set: {frames_: 60}, device: cpu}
    a: {use: toy.add, in: src}
    b: {use: toy.add, in: src}
    p: {use: toy.pair, in: {image: a, other: b}, device: cpu}
"""


class Looks(Stage, use="toy.looks"):
    """Looks at its picture on the host, and says so or not."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")
    honest: bool = True

    def copies(self) -> tuple[int, int]:
        return (0, 1) if self.honest else (0, 0)

    def process(self, image: Any) -> Any:
        to_host(image)
        return image


class Matted(Stage, use="toy.matted"):
    """A matte of the subject everywhere."""

    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    def process(self, image: Any) -> Any:
        alpha = self.ctx.empty(self.alpha)
        alpha.fill(1)
        return alpha


class UpCount(Stage, use="toy.up"):
    """A source that brings its own frames to the device."""

    image = Out("u8[h,w,3] rgb")

    def copies(self) -> tuple[int, int]:
        return 1, 0

    def frames(self) -> Iterator[tuple[int, Any]]:
        import numpy as np

        for n in range(60):
            image = self.ctx.empty("image", h=4, w=6)
            self.ctx.device.upload(np.full((4, 6, 3), n, np.uint8), image)
            yield n, image


class Down(Stage, use="toy.down"):
    """A sink that takes its pictures to the host."""

    image = In("u8[h,w,3] rgb")

    def copies(self) -> tuple[int, int]:
        return 0, 1

    def process(self, image: Any) -> None:
        to_host(image)


def problems(budget: str, stages: str, device: str = "fake") -> list[str]:
    text = f"device: {device}\nbudget: {budget}\nstages:\n{stages}"
    try:
        load("g.yaml", text)
    except GraphError as e:
        return [str(p).splitlines()[0] for p in e.problems]
    return []


def test_a_plan_within_its_budget_is_accepted() -> None:
    assert problems("{h2d: 1, d2h: 2}", APART) == []


def test_a_plan_over_its_budget_is_refused_at_its_place_with_every_copy_named() -> None:
    assert problems("{h2d: 1, d2h: 1}", APART) == [
        "g.yaml:2:23: a frame is copied 2 times from the device to the host, but the budget is 1: "
        "a.out -> p.image 1, b.out -> p.other 1"
    ]


def test_both_ways_are_told_at_once() -> None:
    assert len(problems("{h2d: 0, d2h: 0}", APART)) == 2


def test_what_is_not_given_is_not_limited() -> None:
    assert problems("{h2d: 1}", APART) == []


def test_on_the_cpu_nothing_crosses() -> None:
    assert problems("{h2d: 0, d2h: 0}", APART, device="cpu") == []


def test_a_graph_that_leaves_the_device_open_is_held_to_its_budget_when_it_is_planned() -> None:
    text = f"device: auto\nbudget: {{d2h: 0}}\nstages:\n{APART.replace(', device: cpu', '')}"
    apart = text.replace("use: toy.add, in: src", "use: toy.add, in: src, device: fake")
    with pytest.raises(BudgetError, match=r"g.yaml: budget.d2h: .* 2 times .* but the budget is 0: a.out -> p.image 1"):
        plan(load("g.yaml", apart))
    assert plan(load("g.yaml", text.replace("auto", "cpu"))).crossings == ()


def test_a_video_background_counts_as_a_copy_of_its_own() -> None:
    behind = "  a: {use: compose.replace, in: {image: src, alpha: m}, set: {background: %s}}\n"
    stages = "  src: {use: toy.up}\n  m: {use: toy.matted, in: src}\n" + behind + "  b: {use: toy.down, in: a}\n"
    assert problems("{h2d: 1}", stages % "beach.jpg") == problems("{h2d: 1}", stages % "gallery:studio") == []
    assert problems("{h2d: 1}", stages % "beach.mp4") == [
        "g.yaml:2:15: a frame is copied 2 times from the host to the device, but the budget is 1: src 1, a 1"
    ]


def test_copies_inside_a_stage_count() -> None:
    stages = "  src: {use: toy.up}\n  a: {use: toy.looks, in: src}\n  b: {use: toy.down, in: a}\n"
    assert problems("{h2d: 1, d2h: 1}", stages) == [
        "g.yaml:2:23: a frame is copied 2 times from the device to the host, but the budget is 1: a 1, b 1"
    ]


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("2", "g.yaml:2:9: budget holds limits: {h2d: 1, d2h: 1}"),
        ("{h2d: -1}", "g.yaml:2:15: h2d: input should be greater than or equal to 0, not -1"),
        ("{up: 1}", "g.yaml:2:10: budget has no parameter 'up'; there are d2h, h2d"),
    ],
    ids=["no limits", "negative", "unknown"],
)
def test_a_wrong_budget_is_told_with_what_is_right(budget: str, message: str) -> None:
    assert problems(budget, APART) == [message]


def test_a_device_named_on_the_command_line_is_planned_with_its_own_copies() -> None:
    text = f"device: cpu\nbudget: {{d2h: 1}}\nstages:\n{APART}"
    with pytest.raises((BudgetError, GraphError), match="budget is 1"):
        plan(load("g.yaml", text, device="fake"))


def test_a_plan_says_where_each_frame_crosses() -> None:
    said = str(plan(load("g.yaml", f"device: fake\nstages:\n{APART}")))
    assert "h2d copies of each frame: src.image -> a.image 1" in said
    assert "d2h copies of each frame: a.out -> p.image 1, b.out -> p.other 1" in said


def test_what_the_run_made_is_what_was_planned() -> None:
    with start(APART, top="device: fake") as run:
        run.wait()
    planned, made = run.plan.crossings, run.crossings
    assert sum(c.h2d for c in made) == sum(c.h2d for c in planned) == 1
    assert sum(c.d2h for c in made) == sum(c.d2h for c in planned) == 2


def test_a_stage_that_brings_its_frames_itself_is_counted_as_it_says() -> None:
    with start("src: {use: toy.up}\nout: {use: toy.down, in: src}", top="device: fake") as run:
        run.wait()
    assert run.crossings == list(run.plan.crossings) == [Crossing("src", 1, 0), Crossing("out", 0, 1)]


def test_a_run_that_copies_more_than_it_planned_ends_with_an_error_after_all_is_done() -> None:
    stages = "src: {use: toy.up}\na: {use: toy.looks, in: src, set: {honest: false}}\nout: {use: toy.down, in: a}"
    with (
        pytest.raises(OverBudget, match=r"g.yaml: a frame is copied 2 times .* budget is 1: a 1, out 1"),
        start(stages, top="budget: {d2h: 1}\ndevice: fake") as run,
    ):
        run.wait()
    assert run.done == 60


def test_a_share_of_a_copy_is_over_too() -> None:
    assert Budget(h2d=1).over([Crossing("a", 1.5, 0)]) == [
        ("h2d", "a frame is copied 1.5 times from the host to the device, but the budget is 1: a 1.5")
    ]
