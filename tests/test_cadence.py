"""`every: auto`: a still picture lets the network rest, a moving one wakes it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bgflow import Out, Param, Stage, load
from bgflow.cadence import Auto, Watch
from bgflow.devices import device
from bgflow.frame import Pool
from bgflow.report import report
from tests.toys import MET, start

pytestmark = pytest.mark.usefixtures("engine")

Picture = np.ndarray[Any, Any]
RATE = 30
H, W = 180, 320


def room(rng: np.random.Generator, noise: float = 0.0, x: int | None = None, light: float = 0.0) -> Picture:
    """A wall with a lamp; with `x`, somebody stands there."""
    image = np.full((H, W, 3), 90.0)
    image[20:60, 250:280] = 200
    if x is not None:
        image[60:, x : x + 60] = (60, 50, 40)
    image += light + rng.normal(0, noise or 1e-9, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def runs(pictures: list[Picture], on: str = "cpu", **auto: Any) -> list[int]:
    """The instants at which a stage that sees these pictures runs."""
    where, watch, out = device(on), Watch(Auto(**auto)), []
    for n, picture in enumerate(pictures):
        there = Pool(where, picture.shape, picture.dtype).take()
        where.upload(picture, there)
        if watch.is_due(Fraction(n, RATE), there):
            out.append(n)
    return out


@pytest.mark.parametrize("on", ["cpu", "fake"])
@pytest.mark.parametrize("noise", [0.0, 2.0, 12.0])
def test_a_still_scene_runs_once_a_second_however_noisy_the_sensor(on: str, noise: float) -> None:
    rng = np.random.default_rng(0)
    assert runs([room(rng, noise) for _ in range(95)], on) == [0, 30, 60, 90]


def test_a_camera_that_repeats_pictures_does_not_make_its_noise_motion() -> None:
    rng = np.random.default_rng(0)
    assert runs([picture for _ in range(30) for picture in [room(rng, 2.0)] * 2], seconds=3) == [0]


def test_time_is_stream_time_and_may_be_chosen() -> None:
    still = room(np.random.default_rng(0))
    assert runs([still] * 40, seconds=0.5) == [0, 15, 30]


@pytest.mark.parametrize("noise", [0.0, 2.0, 8.0])
def test_somebody_who_comes_in_is_seen_at_once_and_followed(noise: float) -> None:
    rng = np.random.default_rng(0)
    pictures = [room(rng, noise, None if n < 10 else 40 + 4 * (n - 10)) for n in range(25)]
    ran = runs(pictures)
    assert ran[:2] == [0, 10]
    assert len(ran) >= 6


def test_slow_motion_adds_up() -> None:
    rng = np.random.default_rng(0)
    ran = runs([room(rng, 1.0, 40 + n // 3) for n in range(29)])
    assert 2 <= len(ran) <= 15


def test_less_motion_than_asked_for_is_left_to_the_clock() -> None:
    rng = np.random.default_rng(0)
    pictures = [room(rng, 1.0, 40 + 4 * n) for n in range(31)]
    assert runs(pictures, motion=90) == [0, 30]


def test_no_motion_at_all_means_every_frame() -> None:
    assert runs([room(np.random.default_rng(0))] * 5, motion=0) == [0, 1, 2, 3, 4]


def test_runs_are_as_far_apart_as_asked_however_much_moves() -> None:
    rng = np.random.default_rng(0)
    assert runs([room(rng, 1.0, 40 + 4 * n) for n in range(14)], least=4) == [0, 4, 8, 12]


def test_light_that_comes_on_is_a_change_and_afterwards_all_is_still() -> None:
    rng = np.random.default_rng(0)
    assert runs([room(rng, 2.0, light=40 * (n >= 12)) for n in range(40)]) == [0, 12]


def test_a_sensor_that_grows_noisy_is_soon_taken_for_noisy() -> None:
    rng = np.random.default_rng(0)
    ran = runs([room(rng, 1.0 + n / 25) for n in range(150)])
    assert len(ran) <= 10


def test_another_size_and_a_clock_that_jumps_back_run_at_once() -> None:
    watch = Watch(Auto())
    still = room(np.random.default_rng(0))
    assert watch.is_due(Fraction(5), still)
    assert not watch.is_due(Fraction(5) + Fraction(1, RATE), still)
    assert watch.is_due(Fraction(5) + Fraction(2, RATE), still[:100])
    assert watch.is_due(Fraction(4), still[:100])


@pytest.mark.parametrize(("h", "w"), [(1, 1), (3, 500), (97, 5), (33, 47)])
def test_any_size_can_be_watched(h: int, w: int) -> None:
    rng = np.random.default_rng(0)
    dark, light = (np.full((h, w, 3), v, np.uint8) + rng.integers(0, 3, (h, w, 3), np.uint8) for v in (30, 200))
    assert runs([dark, dark, light, light]) == [0, 2]


class Door(Stage, use="toy.door"):
    """A picture that changes at every `each`-th frame."""

    image = Out("u8[h,w,3] rgb")
    each: int = Param(5, ge=1)

    def frames(self) -> Iterator[tuple[int, Any]]:
        self.time_base = Fraction(1, RATE)
        for n in range(20):
            image = self.ctx.empty("image", h=64, w=64)
            image[...] = 40 * (n // self.each)
            yield n, image
            del image


STAGES = """
    src: {use: toy.door}
    a: {use: toy.add, in: src, every: EVERY}
    p: {use: toy.pair, in: {image: src, other: a}}
"""


@pytest.mark.parametrize("where", ["", "device: fake", "thread: net"])
def test_in_a_run_the_stage_rests_and_its_value_is_held(where: str) -> None:
    with start(STAGES.replace("EVERY", f"auto, {where}" if where else "auto")) as run:
        run.wait()
    assert [(image, other - 1) for _, image, other in MET] == [(40 * (n // 5), 40 * (n // 5)) for n in range(20)]
    assert report(run)["stages"]["a"]["count"] == 4
    assert report(run)["stages"]["p"]["count"] == 20


def test_a_resting_stage_on_another_device_is_sent_no_picture() -> None:
    with start(STAGES.replace("EVERY", "auto, device: fake")) as run:
        run.wait()
    assert run.copies == {"src.image -> a.image (cpu->fake)": 4, "a.out -> p.other (fake->cpu)": 4}


def test_where_the_picture_is_on_an_accelerator_the_stage_runs_at_every_instant_and_nothing_is_looked_at() -> None:
    stages = STAGES.replace("toy.door", "toy.door, device: fake").replace("EVERY", "auto, device: fake")
    with start(stages) as run:
        run.wait()
    assert report(run)["stages"]["a"]["count"] == 20
    assert run.copies == {"src.image -> p.image (fake->cpu)": 20, "a.out -> p.other (fake->cpu)": 20}


def test_its_numbers_are_written_in_the_graph() -> None:
    stages = STAGES.replace("EVERY", "{motion: 3, seconds: 2, least: 4}")
    graph = load("g.yaml", f"stages:{stages}")
    assert graph.nodes["a"].every == Auto(motion=3, seconds=2, least=4)
