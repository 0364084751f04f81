"""Stages that say what they launch are recorded once per situation and replayed, with the same result."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bgflow import In, Run, Stage
from bgflow.capture import Chain
from bgflow.devices import to_host
from tests.toys import start

pytestmark = pytest.mark.usefixtures("engine")

CHAIN = """
    src: {use: toy.count, set: {frames_: %d}}
    a: {use: toy.%s, in: src, set: {amount: 2}}
    b: {use: toy.%s, in: a, set: {amount: 5}}
    out: {use: toy.seen, in: b, set: {keep: %d}}
"""
SEEN: list[int] = []
KEPT: list[Any] = []


class Seen(Stage, use="toy.seen"):
    """Notes the value of each picture, and keeps the last few."""

    image = In("u8[h,w,3] rgb")
    keep: int = 0

    def copies(self) -> tuple[int, int]:
        return 0, 1

    def process(self, image: Any) -> None:
        SEEN.append(int(to_host(image)[0, 0, 0]))
        KEPT.append(image)
        del KEPT[: max(len(KEPT) - self.keep, 0)]


@pytest.fixture(autouse=True)
def _empty() -> Any:
    SEEN.clear()
    yield
    KEPT.clear()


def chains(run: Run) -> list[Chain]:
    return [unit for s in run.segments for unit in s.units if isinstance(unit, Chain)]


def ran(frames: int = 40, a: str = "capturable", b: str = "capturable", keep: int = 0, device: str = "fake") -> Run:
    with start(CHAIN % (frames, a, b, keep), top=f"device: {device}", sync=True) as run:
        run.wait()
    return run


def test_a_replayed_chain_gives_what_its_stages_give_one_by_one() -> None:
    run = ran()
    assert SEEN == [n + 7 for n in range(40)]
    (chain,) = chains(run)
    assert [s.name for s in chain.steps] == ["a", "b"]
    assert chain.replays > 30


def test_every_stage_of_a_replayed_chain_counts_its_instants() -> None:
    assert {c.name: c.count for c in ran().contexts} == {"src": 40, "a": 40, "b": 40, "out": 40}


def test_few_recordings_serve_a_long_run() -> None:
    (chain,) = chains(ran(300))
    assert chain.recorded <= 4


def test_a_result_that_somebody_still_holds_is_never_overwritten() -> None:
    run = ran(keep=3)
    assert [int(to_host(image)[0, 0, 0]) for image in KEPT] == [44, 45, 46]
    assert chains(run)[0].replays > 20


def test_when_more_results_are_held_than_recordings_may_be_made_the_rest_runs_from_python() -> None:
    run = ran(keep=12)
    assert SEEN == [n + 7 for n in range(40)]
    assert [int(to_host(image)[0, 0, 0]) for image in KEPT] == [n + 7 for n in range(28, 40)]
    assert chains(run)[0].recorded >= 8


def test_a_stage_that_does_not_say_what_it_launches_parts_a_chain() -> None:
    run = ran(b="add")
    assert [[s.name for s in c.steps] for c in chains(run)] == [["a"]]
    assert SEEN == [n + 7 for n in range(40)]


def test_on_the_cpu_nothing_is_captured() -> None:
    assert chains(ran(device="cpu")) == []


def test_a_hot_parameter_takes_effect_at_once_though_a_recording_has_the_old_one() -> None:
    with start(CHAIN % (0, "capturable", "capturable", 0), top="device: fake", sync=True) as run:
        while len(SEEN) < 100:
            run.wait(0.01)
        run.controls.set("a.amount", 100)
        enough = len(SEEN) + 100
        while len(SEEN) < enough:
            run.wait(0.01)
        run.stop()
    jumps = [b - a for a, b in itertools.pairwise(SEEN)]
    assert {j % 256 for j in jumps} == {1, 99}
    assert sum(j % 256 == 99 for j in jumps) == 1
    assert chains(run)[0].replays > 100


def test_until_a_stage_can_tell_its_chain_runs_from_python() -> None:
    stages = CHAIN % (40, "capturable", "capturable", 0)
    with start(stages.replace("amount: 2", "amount: 2, warm: 20"), top="device: fake", sync=True) as run:
        run.wait()
    assert SEEN == [n + 7 for n in range(40)]
    assert 10 < chains(run)[0].replays <= 20
    assert run.plan.graph.nodes["a"].stage.age == 40  # type: ignore[attr-defined]


def test_another_size_midway_begins_anew() -> None:
    stages = """
    src: {use: toy.sizes}
    a: {use: toy.capturable, in: src}
    out: {use: toy.seen, in: a}
    """
    with start(stages, top="device: fake", sync=True) as run:
        run.wait()
    assert SEEN == [n + 1 for n in range(60)]
    assert chains(run)[0].replays > 30


def test_a_stage_that_reads_back_after_all_runs_one_by_one_with_a_warning() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 20}}
    a: {use: toy.liar, in: src}
    out: {use: toy.seen, in: a}
    """
    with start(stages, top="device: fake", sync=True) as run:
        run.wait()
    assert SEEN == list(range(20))
    assert chains(run)[0].replays == 0
    (warning,) = run.contexts[1].warnings
    assert warning == (
        "its launches are not captured, and run one by one: a download cannot be captured: "
        "its host memory is another one at the next instant"
    )


def test_nothing_is_allocated_after_warm_up() -> None:
    assert ran(200).late_allocations == 0


def test_a_stage_that_takes_new_scratch_while_it_is_captured_runs_one_by_one() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 20}}
    a: {use: toy.restless, in: src}
    out: {use: toy.seen, in: a}
    """
    with start(stages, top="device: fake", sync=True) as run:
        run.wait()
    assert SEEN == list(range(20))
    (warning,) = run.contexts[1].warnings
    assert "takes scratch 'size' anew while its launches are captured" in warning
