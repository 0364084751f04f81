"""A segment gives each stage its inputs and parameters, and takes from it only what it promised."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from bgflow import In, Out, Param, Stage
from bgflow.errors import StageError
from tests.toys import CHAIN, MET, LiveCount, start

pytestmark = pytest.mark.usefixtures("engine")


def test_a_copy_between_devices_is_made_once_for_all_readers_and_counted_by_wire() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 12}, device: cpu}
    a: {use: toy.add, in: src}
    b: {use: toy.add, in: src}
    p: {use: toy.pair, in: {image: a, other: b}, device: cpu}
    """
    with start(stages, top="device: fake") as run:
        run.wait()
    assert MET == [(n, n + 1, n + 1) for n in range(12)]
    assert run.copies == {
        "src.image -> a.image (cpu->fake)": 12,
        "a.out -> p.image (fake->cpu)": 12,
        "b.out -> p.other (fake->cpu)": 12,
    }


def test_on_one_device_nothing_is_copied() -> None:
    with start(CHAIN % ("thread: one", "every: 1")) as run:
        run.wait()
    assert run.copies == {}


def test_a_held_value_is_copied_to_another_device_once_and_not_every_frame() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 12}}
    a: {use: toy.add, in: src, every: 4, device: fake}
    p: {use: toy.pair, in: {image: src, other: a}}
    """
    with start(stages) as run:
        run.wait()
    assert run.copies == {"src.image -> a.image (cpu->fake)": 3, "a.out -> p.other (fake->cpu)": 3}
    assert MET == [(n, n, n - n % 4 + 1) for n in range(12)]


@pytest.mark.parametrize("thread", ["", "thread: net, "])
def test_a_stage_is_told_of_which_instant_its_inputs_are(thread: str) -> None:
    times: list[tuple[int, int, int]] = []

    class Dated(Stage, use="toy.dated"):
        image = In("u8[h,w,3] rgb")
        other = In("u8[h,w,3] rgb", hold=True)

        def process(self, image: Any, other: Any) -> None:
            at = self.ctx.time_of(self.image), self.ctx.time_of("other")
            times.append((self.ctx.frame.pts, *(int(t / self.ctx.frame.time_base) for t in at)))

    stages = f"""
    src: {{use: toy.count, set: {{frames_: 12, step: 7}}}}
    a: {{use: toy.add, in: src, {thread}every: 4}}
    d: {{use: toy.dated, in: {{image: src, other: a}}}}
    """
    with start(stages) as run:
        run.wait()
    assert times == [(7 * n, 7 * n, 7 * (n - n % 4)) for n in range(12)]


def test_a_stage_that_returns_an_output_it_does_not_have_is_told() -> None:
    class Wrong(Stage, use="toy.wrong"):
        image = In("u8[h,w,3] rgb")
        out = Out("u8[h,w,3] rgb")

        def process(self, image: Any) -> Any:
            return {"oot": image}

    stages = """
    src: {use: toy.count}
    w: {use: toy.wrong, in: src}
    p: {use: toy.pair, in: w}
    """
    with (
        pytest.raises(StageError, match="w gave 'oot', which is no output of toy.wrong; did you mean 'out'"),
        start(stages) as run,
    ):
        run.wait()


def test_a_stage_that_returns_the_wrong_type_is_told_what_it_gave_and_what_it_promised() -> None:
    class Doubles(Stage, use="toy.doubles"):
        image = In("u8[h,w,3] rgb")
        out = Out("u8[h,w,3] rgb")

        def process(self, image: Any) -> Any:
            return image / 2

    stages = """
    src: {use: toy.count}
    w: {use: toy.doubles, in: src}
    p: {use: toy.pair, in: w}
    """
    told = (
        r"g.yaml:4:3: stage 'w' failed in process at frame 0: w gave out as float64\[4x6x3\], but it is u8\[h,w,3\] rgb"
    )
    with pytest.raises(StageError, match=told), start(stages) as run:
        run.wait()


def test_a_hot_parameter_changes_between_two_frames_and_bad_values_change_nothing() -> None:
    with start((CHAIN % ("every: 1", "every: 1")).replace("40", "0")) as run:
        while run.done < 3:
            time.sleep(0.001)
        run.controls.set("a.amount", 11)
        with pytest.raises(ValueError, match="a.amount: input should be less than or equal to 255, not 300"):
            run.controls.set("a.amount", 300)
        with pytest.raises(
            ValueError, match="a has no parameter 'fail' that may change while it runs; there are amount, every"
        ):
            run.controls.set("a.fail", "process")
        seen = run.done
        while run.done < seen + 3:
            time.sleep(0.001)
        run.stop()
        run.wait(5)
    offsets = [(image - pts) % 256 for pts, image, _ in MET]
    assert set(offsets) == {2, 12}
    assert offsets == sorted(offsets)


def test_a_hot_parameter_of_a_source_changes_too() -> None:
    class Level(Stage, use="toy.level"):
        image = Out("u8[h,w,3] rgb")
        level: int = Param(1, ge=0, le=255, hot=True)

        def frames(self) -> Iterator[tuple[int, Any]]:
            for n in range(10_000):
                if n == 3:
                    self.ctx.controls.set(f"{self.ctx.name}.level", 7)
                image = self.ctx.empty("image", h=1, w=1)
                image[...] = self.level
                yield n, image

    with start("src: {use: toy.level}\np: {use: toy.pair, in: src}", frames=6) as run:
        run.wait()
    assert [m[1] for m in MET] == [1, 1, 1, 1, 7, 7]


def test_hot_parameters_that_are_wrong_together_change_nothing() -> None:
    class Between(Stage, use="toy.between"):
        image = In("u8[h,w,3] rgb")
        low: int = Param(1, hot=True)
        high: int = Param(5, hot=True)

        def problems(self) -> list[tuple[str, str]]:
            return [("low", f"{self.low} is above high, which is {self.high}")] if self.low > self.high else []

        def process(self, image: Any) -> None: ...

    run = start("src: {use: toy.count}\nb: {use: toy.between, in: src}")
    with pytest.raises(ValueError, match="^b.low: 9 is above high, which is 5$"):
        run.controls.set("b.low", 9)
    run.controls.update({"b.low": 9, "b.high": 10})
    assert [c["value"] for c in run.controls.list()] == [9, 10]


def test_a_value_that_is_sent_once_and_held_survives_the_drops_of_a_live_run() -> None:
    class Titled(LiveCount, use="toy.titled"):
        title = Out("text")

        def frames(self) -> Iterator[tuple[int, Any]]:
            for pts, image in super().frames():
                yield pts, {"image": image} | ({"title": "once"} if pts == 0 else {})

    class Slow(Stage, use="toy.slow"):
        image = In("u8[h,w,3] rgb")
        title = In("text", hold=True)

        def process(self, image: Any, title: str) -> None:
            seen.append((self.ctx.frame.seq, title))

    seen: list[tuple[int, str]] = []
    stages = """
    src: {use: toy.titled, set: {frames_: 2000}}
    s: {use: toy.slow, in: {image: src.image, title: src.title}}
    """
    with start(stages) as run:
        run.wait()
    assert run.dropped()["src -> s: overtaken"] > 0
    assert len(seen) + run.dropped()["src -> s: overtaken"] == 2000
    assert {title for _, title in seen} == {"once"}


def test_an_output_is_not_wired_because_an_input_of_its_name_is() -> None:
    class Same(Stage, use="toy.same"):
        image = In("u8[h,w,3] rgb")
        changed = Out("u8[h,w,3] rgb", name="image")
        other = Out("u8[h,w,3] rgb")

        def process(self, image: Any) -> Any:
            wired.update({p: self.ctx.wired(p) for p in ("image", "other")}, input=self.ctx.wired(type(self).image))
            return {"other": image}

    wired: dict[str, bool] = {}
    with start("src: {use: toy.count}\ns: {use: toy.same, in: src}\np: {use: toy.pair, in: s.other}") as run:
        run.wait()
    assert wired == {"image": False, "other": True, "input": True}


def test_dims_are_those_of_the_inputs_that_came_at_this_instant() -> None:
    class Either(Stage, use="toy.either"):
        image = In("u8[h,w,3] rgb", optional=True)
        other = In("u8[oh,ow,3] rgb", optional=True)

        def process(self, image: Any, other: Any) -> None:
            sizes.append(dict(self.ctx.size))  # type: ignore[attr-defined]

    class Turns(Stage, use="toy.turns"):
        image = In("u8[h,w,3] rgb")
        even = Out("u8[h,w,3] rgb")
        odd = Out("u8[h,w,3] rgb")

        def process(self, image: Any) -> Any:
            return {"odd" if self.ctx.frame.seq % 2 else "even": image}

    sizes: list[dict[str, int]] = []
    stages = """
    src: {use: toy.count, set: {frames_: 2}}
    t: {use: toy.turns, in: src}
    e: {use: toy.either, in: {image: t.even, other: t.odd}}
    """
    with start(stages) as run:
        run.wait()
    assert [sorted(s) for s in sizes] == [["3", "h", "w"], ["3", "oh", "ow"]]
