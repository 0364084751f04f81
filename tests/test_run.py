"""A run delivers every instant in order, joins by exact time, and has one way to stop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from fractions import Fraction
from typing import Any

import pytest

from bgflow import In, Out, Stage
from bgflow.clock import FakeClock
from bgflow.errors import StageError, UsageError
from tests.toys import CHAIN, EVENTS, MET, start

pytestmark = pytest.mark.usefixtures("engine")


@pytest.mark.parametrize(("cores", "sync"), [(2, False), (8, False), (2, True)])
@pytest.mark.parametrize("threads", [("every: 1", "every: 1"), ("thread: one", "thread: two")])
def test_every_frame_arrives_once_in_order_however_it_is_cut(cores: int, sync: bool, threads: tuple[str, str]) -> None:
    with start(CHAIN % threads, cores=cores, sync=sync) as run:
        run.wait()
    assert MET == [(n, n + 2, None) for n in range(40)]
    assert run.dropped() == {}


def test_stages_open_in_order_and_close_in_reverse() -> None:
    with start(CHAIN % ("every: 1", "every: 1")) as run:
        run.wait()
    assert EVENTS == [("open", "a"), ("open", "b"), ("close", "b"), ("close", "a")]


@pytest.mark.parametrize("cut", ["thread: one", "every: 1"])
def test_two_branches_meet_at_the_same_instant(cut: str) -> None:
    stages = f"""
    src: {{use: toy.count, set: {{frames_: 50}}}}
    a: {{use: toy.add, in: src, {cut}}}
    p: {{use: toy.exact, in: {{image: src, other: a}}}}
    """
    with start(stages) as run:
        run.wait()
    assert MET == [(n, n, n + 1) for n in range(50)]


@pytest.mark.parametrize("cut", ["thread: one", "every: 3", "every: 3, thread: one"])
def test_hold_gives_the_newest_value_at_or_before_the_instant(cut: str) -> None:
    every = 3 if "every" in cut else 1
    stages = f"""
    src: {{use: toy.count, set: {{frames_: 30}}}}
    a: {{use: toy.add, in: src, {cut}}}
    p: {{use: toy.pair, in: {{image: src, other: a}}}}
    """
    with start(stages) as run:
        run.wait()
    assert MET == [(n, n, n - n % every + 1) for n in range(30)]


def test_without_hold_a_stage_that_runs_every_third_frame_gives_every_third_instant() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 10}}
    a: {use: toy.add, in: src, every: 3, thread: one}
    p: {use: toy.exact, in: {image: src, other: a}}
    """
    with start(stages) as run:
        run.wait()
    assert MET == [(n, n, n + 1) for n in (0, 3, 6, 9)]


def test_two_sources_of_different_rate_join_by_time_and_not_by_number() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 10, step: 2}}
    slow: {use: toy.count, set: {frames_: 0, step: 5}}
    p: {use: toy.pair, in: {image: src, other: slow}}
    """
    with start(stages) as run:
        run.wait()
    assert MET == [(2 * n, n, 2 * n // 5) for n in range(10)]


@pytest.mark.parametrize(("doing", "seq"), [("open", None), ("process", 3), ("close", None)])
@pytest.mark.parametrize("cut", ["every: 1", "thread: one"])
def test_a_failure_stops_everything_and_names_stage_place_and_frame(doing: str, seq: int | None, cut: str) -> None:
    frames = 0 if doing == "process" else 5
    stages = f"""
    src: {{use: toy.count, set: {{frames_: {frames}}}}}
    a: {{use: toy.add, in: src, {cut}, set: {{fail: {doing}}}}}
    b: {{use: toy.add, in: a}}
    p: {{use: toy.pair, in: b}}
    """
    with pytest.raises(StageError) as e, start(stages) as run:
        run.wait()
    at = "" if seq is None else f" at frame {seq}"
    assert str(e.value) == f"g.yaml:4:3: stage 'a' failed in {doing}{at}: ValueError: {doing}"
    assert isinstance(e.value.__cause__, ValueError)
    opened = {n for what, n in EVENTS if what == "open"} - ({"a"} if doing == "open" else set())
    assert opened == {n for what, n in EVENTS if what == "close"}


def test_several_failures_come_as_a_group() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 5}}
    a: {use: toy.add, in: src, set: {fail: close}}
    b: {use: toy.add, in: a, set: {fail: close}}
    p: {use: toy.pair, in: b}
    """
    with pytest.raises(BaseExceptionGroup) as e, start(stages) as run:
        run.wait()
    assert len(e.value.exceptions) == 2


def test_stop_ends_an_endless_run_after_finishing_what_is_under_way() -> None:
    with start((CHAIN % ("thread: one", "thread: two")).replace("frames_: 40", "frames_: 0")) as run:
        while run.done < 5:
            time.sleep(0.001)
        run.stop()
        assert run.wait(5)
    assert [m[0] for m in MET] == list(range(len(MET)))
    assert run.contexts[0].count <= len(MET) + 1


def test_an_error_in_the_caller_ends_an_endless_run() -> None:
    with pytest.raises(KeyboardInterrupt), start((CHAIN % ("every: 1", "thread: two")).replace("40", "0")):
        raise KeyboardInterrupt


def test_a_live_source_never_waits_and_its_drops_are_counted() -> None:
    stages = """
    src: {use: toy.live, set: {frames_: 3000}}
    a: {use: toy.add, in: src}
    p: {use: toy.pair, in: a}
    """
    with start(stages) as run:
        run.wait()
    dropped = run.dropped().get("src -> a: overtaken", 0)
    assert dropped > 0
    assert dropped + len(MET) == 3000
    assert [m[0] for m in MET] == sorted({m[0] for m in MET})
    assert MET[-1][0] == 2999


def test_a_live_clock_paces_a_file_source_and_ten_minutes_pass_in_a_moment_on_a_fake_one() -> None:
    clock = FakeClock()
    stages = """
    src: {use: toy.count, set: {frames_: 600, step: 1000000000}}
    p: {use: toy.pair, in: src}
    """
    with start(stages, clock=clock, top="clock: live\ndevice: cpu") as run:
        while run.done < 1:
            time.sleep(0.001)
        assert not run.wait(0.02)
        while not run.wait(0.0):
            clock.advance(1)
    assert clock.now >= Fraction(599)
    assert run.contexts[0].count == 600


def test_a_frame_limit_ends_the_sources() -> None:
    with start((CHAIN % ("every: 1", "every: 1")).replace("40", "0"), frames=7) as run:
        run.wait()
    assert len(MET) == 7


@pytest.mark.parametrize("cut", ["every: 1", "thread: one", "every: 2, thread: one"])
def test_no_memory_is_taken_after_warm_up_and_the_plan_foresaw_all_of_it(cut: str) -> None:
    stages = f"""
    src: {{use: toy.count, set: {{frames_: 200}}}}
    a: {{use: toy.add, in: src, {cut}}}
    b: {{use: toy.add, in: a}}
    p: {{use: toy.pair, in: {{image: src, other: b}}}}
    """
    with start(stages) as run:
        run.wait()
    assert run.late_allocations == 0
    pools = [p for c in run.contexts for p in c.pools.values()]
    assert len(pools) == 3
    assert all(p.allocations <= p.planned for p in pools)


class Serving(Stage, use="toy.serving"):
    """Takes pictures and talks to nobody."""

    image = In("u8[h,w,3] rgb")
    fail: bool = False

    async def serve(self, ctx: Any) -> None:
        EVENTS.append(("serve", ctx.name))
        if self.fail:
            raise UsageError("the port is taken")
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            EVENTS.append(("served", ctx.name))

    def process(self, image: Any) -> None: ...

    def close(self) -> None:
        EVENTS.append(("close", self.ctx.name))


def test_an_async_stage_is_served_until_the_run_ends_and_cleans_up_before_it_is_closed() -> None:
    with start("src: {use: toy.count}\ns: {use: toy.serving, in: src}") as run:
        run.wait()
    assert EVENTS in (
        [("serve", "s"), ("served", "s"), ("close", "s")],
        [("close", "s")],  # the run may be over before the loop has come to it
    )


def test_a_stage_that_does_not_stop_serving_is_told_of_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(Stage, use="toy.stubborn"):
        image = In("u8[h,w,3] rgb")

        async def serve(self, ctx: Any) -> None:
            with contextlib.suppress(asyncio.CancelledError):
                serving.set()
                await asyncio.sleep(60)
            await asyncio.sleep(60)

        def process(self, image: Any) -> None:
            serving.wait(5)

    serving = threading.Event()
    monkeypatch.setattr("bgflow.run.CLOSE_SECONDS", 0.05)
    with start("src: {use: toy.count, set: {frames_: 1}}\ns: {use: toy.stubborn, in: src}") as run:
        run.wait()
    assert run.contexts[-1].warnings == {"its connections were not closed within 0.05 s": 1}


def test_a_failure_in_serve_ends_the_run_with_the_exit_code_of_its_cause() -> None:
    with (
        pytest.raises(StageError, match="stage 's' failed in serve: the port is taken") as e,
        start("src: {use: toy.count, set: {frames_: 0}}\ns: {use: toy.serving, in: src, set: {fail: true}}") as run,
    ):
        run.wait()
    assert e.value.exit_code == 2


def test_a_sink_gets_every_frame_though_another_has_had_enough() -> None:
    stages = """
    long: {use: toy.count, set: {frames_: 60}}
    short: {use: toy.count, set: {frames_: 5}}
    p: {use: toy.pair, in: long, thread: one}
    q: {use: toy.exact, in: {image: long, other: short}, thread: two}
    """
    with start(stages) as run:
        run.wait()
    assert sorted(m[0] for m in MET if m[2] is None) == list(range(60))
    assert sorted(m[0] for m in MET if m[2] is not None) == list(range(5))


def test_instants_are_counted_once_though_two_threads_have_sinks() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 20}}
    p: {use: toy.pair, in: src, thread: one}
    q: {use: toy.pair, in: src, thread: two}
    """
    with start(stages) as run:
        run.wait()
    assert (len(MET), run.done) == (40, 20)


def test_an_instant_without_a_value_for_the_sink_does_not_count() -> None:
    stages = """
    src: {use: toy.count, set: {frames_: 10}}
    a: {use: toy.add, in: src, every: 3, thread: one}
    p: {use: toy.pair, in: a}
    """
    with start(stages) as run:
        run.wait()
    assert run.done == len(run.latencies) == 4


def test_a_thread_that_cannot_be_had_ends_the_others() -> None:
    def refuse() -> None:
        raise RuntimeError("can't start new thread")

    run = start(CHAIN % ("thread: one", "thread: two"))
    run.threads[-1].start = refuse  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="can't start"), run:
        raise AssertionError("it began")
    assert not any(t.is_alive() for t in run.threads)


class Half(Stage, use="toy.half"):
    """Promises the input's size and gives half of it."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")

    def process(self, image: Any) -> Any:
        return image[::2]


def test_a_stage_that_gives_another_size_than_it_promised_is_told() -> None:
    told = "g.yaml:4:3: stage 'w' failed in process at frame 0: w gave out as 2x6x3, but h is 4 here"
    with (
        pytest.raises(StageError, match=told),
        start("src: {use: toy.count}\nw: {use: toy.half, in: src}\np: {use: toy.pair, in: w}") as run,
    ):
        run.wait()


class Scribble(Stage, use="toy.scribble"):
    """Writes into its input, which others share."""

    image = In("u8[h,w,3] rgb")

    def process(self, image: Any) -> None:
        image[0] = 0


def test_a_stage_that_writes_into_its_input_is_stopped() -> None:
    told = "stage 'w' failed in process at frame 0: ValueError: assignment destination is read-only"
    with (
        pytest.raises(StageError, match=told),
        start("src: {use: toy.count}\nw: {use: toy.scribble, in: src}\np: {use: toy.pair, in: src}") as run,
    ):
        run.wait()
