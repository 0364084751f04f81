"""Steady mattes: flicker goes, edges stay where the subject is, and an old matte comes to the present."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow import In, Out, Run, Stage, load, plan
from bgflow.evaluate.motion import Motion
from bgflow.kernels import morphology
from bgflow.stages.synth import Source
from bgflow.stages.time import RING, Stabilise
from bgflow.testing import Opened, opened
from tests.kernels.test_flow import waves
from tests.stages.replaying import replaying, same

Picture = np.ndarray[Any, Any]
Matte = np.ndarray[Any, Any]


def square(n: int, speed: float = 2.0) -> tuple[Picture, Matte]:
    """A textured square on its way to the right over a textured wall, and its matte."""
    image, alpha = waves(120, 200), np.zeros((120, 200), np.float32)
    x = 20 + round(n * speed)
    image[40:80, x : x + 40] = 255 - waves(40, 40) // 3
    alpha[40:80, x : x + 40] = 1
    return image, alpha


def edges(matte: Matte) -> tuple[float, float]:
    """Where the square's left and right edge are along its middle row."""
    row = matte[60]
    inside = np.flatnonzero(row >= 0.5)
    return float(inside[0]), float(inside[-1])


def told(stage: Opened, n: int, image: Picture, alpha: Matte, of: int | None = None) -> Matte:
    """The result of instant `n`, for a matte of instant `of`."""
    stage.ctx.times["alpha"] = Fraction(n if of is None else of, 30)
    out: Matte = stage(pts=n, image=image, alpha=alpha)
    return np.array(out)


def clip(**params: Any) -> Iterator[tuple[Picture, Matte]]:
    """A person who moves, with the true matte."""
    with opened(Source(width=320, height=180, count=60, noise=1.0, **params)) as source:
        for _, made in source.frames():
            yield made["image"].copy(), made["alpha"].copy()


def test_constant_inputs_give_a_constant_result() -> None:
    image, alpha = square(10)
    alpha[50:60, 20:60] = 0.3
    with opened(Stabilise()) as stage:
        for n in range(6):
            np.testing.assert_allclose(told(stage, n, image, alpha), alpha, atol=1e-5)


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_flicker_of_a_still_scene_is_more_than_halved(on: str) -> None:
    image, alpha = square(10)
    rng = np.random.default_rng(0)
    before, after = Motion(), Motion()
    with opened(Stabilise(), on) as stage:
        for n in range(25):
            noisy = np.clip(alpha + rng.normal(0, 0.25, alpha.shape), 0, 1).astype(np.float32)
            steady = told(stage, n, image, noisy)
            if n > 5:
                before.add(noisy, alpha)
                after.add(steady, alpha)
    assert after.figures()["dtssd"] < 0.3 * before.figures()["dtssd"]


def test_the_edge_of_a_moving_square_does_not_lag() -> None:
    with opened(Stabilise()) as stage:
        for n in range(20):
            image, alpha = square(n)
            steady = told(stage, n, image, alpha)
            assert np.abs(np.subtract(edges(steady), edges(alpha))).max() <= 1, n


@pytest.mark.parametrize("late", [1, 3, 5])
def test_a_matte_that_is_some_frames_old_comes_to_the_present(late: int) -> None:
    carried, held = [], []
    with opened(Stabilise()) as stage:
        for n in range(30):
            image, alpha = square(n)
            of = max(n - late, 0) // 3 * 3
            old = square(of)[1]
            steady = told(stage, n, image, old, of)
            carried.append(np.abs(np.subtract(edges(steady), edges(alpha))).mean())
            held.append(np.abs(np.subtract(edges(old), edges(alpha))).mean())
    assert np.mean(held[10:]) >= 2 * late
    assert np.mean(carried[10:]) < np.mean(held[10:]) / 3


def test_between_two_answers_the_matte_goes_with_the_subject() -> None:
    with opened(Stabilise()) as stage:
        for n in range(13):
            image, alpha = square(n)
            steady = told(stage, n, image, square(0)[1], 0)
    assert np.abs(np.subtract(edges(steady), edges(alpha))).max() <= 4


def test_where_something_new_shows_the_network_is_believed_at_once() -> None:
    with opened(Stabilise()) as stage:
        empty = waves(120, 200)
        for n in range(10):
            told(stage, n, empty, np.zeros((120, 200), np.float32))
        image, alpha = square(10)
        steady = told(stage, 10, image, alpha)
    assert (steady[42:78, 42:78] > 0.9).mean() > 0.9
    assert steady[:30].max() == 0


def test_one_wrong_answer_is_outvoted_and_a_lasting_one_is_not() -> None:
    image, alpha = square(10)
    with opened(Stabilise()) as stage:
        for n in range(10):
            told(stage, n, image, alpha)
        assert told(stage, 10, image, 1 - alpha)[60, 50] > 0.6
        assert told(stage, 11, image, alpha)[60, 50] > 0.6
        for n in range(12, 18):
            steady = told(stage, n, image, 1 - alpha)
    assert steady[60, 50] < 0.2


def test_an_answer_from_before_all_that_is_remembered_still_counts() -> None:
    image, alpha = square(10)
    with opened(Stabilise()) as stage:
        for n in range(RING + 5):
            told(stage, n, image, 0 * alpha, 0)
        for n in range(RING + 5, RING + 25):
            steady = told(stage, n, image, alpha, n - RING - 2)
    assert steady[60, 50] > 0.9


def test_another_size_starts_afresh() -> None:
    image, alpha = square(10)
    with opened(Stabilise()) as stage:
        for n in range(4):
            told(stage, n, image, alpha)
        small = np.ascontiguousarray(alpha[:90, :150])
        np.testing.assert_allclose(told(stage, 4, np.ascontiguousarray(image[:90, :150]), small), small, atol=1e-6)


def test_a_moving_person_keeps_a_true_matte() -> None:
    overlap = []
    with opened(Stabilise()) as stage:
        for n, (image, alpha) in enumerate(clip()):
            steady = told(stage, n, image, alpha)
            a, b = steady >= 0.5, alpha >= 0.5
            overlap.append((a & b).sum() / max((a | b).sum(), 1))
    assert np.mean(overlap) > 0.985


@settings(max_examples=20, deadline=None)
@given(h=st.integers(1, 50), w=st.integers(1, 50), seed=st.integers(0, 9), late=st.integers(0, 3))
def test_any_size_gives_a_matte_and_leaves_the_inputs_alone(h: int, w: int, seed: int, late: int) -> None:
    rng = np.random.default_rng(seed)
    with opened(Stabilise()) as stage:
        for n in range(4):
            image, alpha = rng.integers(0, 256, (h, w, 3), np.uint8), rng.random((h, w), np.float32)
            kept = image.copy(), alpha.copy()
            steady = told(stage, n, image, alpha, max(n - late, 0))
            assert np.isfinite(steady).all()
            assert 0 <= steady.min() <= steady.max() <= 1
            np.testing.assert_array_equal(image, kept[0])
            np.testing.assert_array_equal(alpha, kept[1])


def test_no_memory_of_frame_size_is_taken_after_the_first_frames() -> None:
    with opened(Stabilise()) as stage:
        for n in range(5):
            image, alpha = square(n)
            told(stage, n, image, alpha, max(n - 3, 0))
        scratch = {k: id(v) for k, v in stage.ctx._scratch.items()}
        made = [p.allocations for p in stage.ctx._pools.values()]
        for n in range(5, 12):
            image, alpha = square(n)
            told(stage, n, image, alpha, n - 3)
        assert {k: id(v) for k, v in stage.ctx._scratch.items()} == scratch
        assert [p.allocations for p in stage.ctx._pools.values()] == made


def test_launches_that_are_replayed_give_the_same_bits() -> None:
    clip = [dict(zip(("image", "alpha"), square(n), strict=True)) for n in range(30)]
    assert same(Stabilise, clip).replays > 20


def late(n: int, by: int) -> dict[str, Any]:
    """The inputs of instant `n` with an answer to every second picture, `by` instants old or one more."""
    of = max(n - by, 0) // 2 * 2
    return {"image": square(n)[0], "alpha": square(of)[1], "of": {"alpha": of}}


@pytest.mark.parametrize("by", [0, 1, 4])
def test_launches_that_are_replayed_give_the_same_bits_however_late_the_answers_are(by: int) -> None:
    assert same(Stabilise, [late(n, by) for n in range(60)], on="fake").replays > 15


def test_on_an_accelerator_a_late_answer_comes_to_the_present_as_it_does_on_the_cpu() -> None:
    with opened(Stabilise()) as here, opened(Stabilise(), "fake") as there:
        for n in range(40):
            p, q = (
                told(stage, n, late(n, 4)["image"], late(n, 4)["alpha"], late(n, 4)["of"]["alpha"])
                for stage in (here, there)
            )
    assert np.abs(p - q).max() < 0.01


def test_answers_of_the_present_instant_need_two_recordings_and_older_ones_a_few_more() -> None:
    image, alpha = square(0)
    with replaying(Stabilise()) as stage:
        for _ in range(20):
            stage(image=image, alpha=alpha)
        assert len(set(stage.answers[1:])) == 2
        for n in range(20, 90):
            stage(image=image, alpha=alpha, of={"alpha": (n - 4) // 2 * 2})
    made, rest = stage.answers[20:32], stage.answers[32:]
    assert None in made, "the ring is made larger"
    assert len(set(rest)) == 8, "for five pictures before the present one"
    assert None not in rest


def test_between_two_answers_the_launches_are_others_than_when_one_has_come() -> None:
    image, alpha = square(0)
    with replaying(Stabilise()) as stage:
        for n in range(12):
            stage(image=image, alpha=alpha, of={"alpha": n // 6 * 6})
    quiet, answered = set(stage.answers[1:6]), stage.answers[6]
    assert len(quiet) == 2
    assert answered not in quiet | set(stage.answers[7:])


def test_nothing_is_copied_to_or_from_the_host() -> None:
    with replaying(Stabilise()) as stage:
        for n in range(10):
            stage(**late(n, 3))
    assert {(work.ups, work.downs) for work in stage.work} == {stage.stage.copies()} == {(0, 0)}


class Net(Stage, use="toy.steep"):
    """A network of one launch, which can be captured."""

    alpha = In("f32[h,w] alpha")
    found = Out("f32[h,w] alpha", name="alpha")

    def process(self, alpha: Any) -> Any:
        out = self.ctx.empty(self.found)
        morphology.steepen(alpha, out, 1.5)
        return out

    def launches(self) -> tuple[()]:
        return ()


class Film(Stage, use="toy.film"):
    """Keeps what it is given."""

    host = True
    seen: ClassVar[list[Matte]] = []
    alpha = In("f32[h,w] alpha")

    def process(self, alpha: Any) -> None:
        self.seen.append(np.array(alpha))


def test_captured_together_with_the_network_the_stage_sees_the_present_answer_as_on_the_cpu() -> None:
    stages = """
        camera: {use: synth.source, set: {width: 160, height: 90, count: 30, noise: 2}}
        net: {use: toy.steep, in: camera.alpha}
        steady: {use: time.stabilise, in: {image: camera.image, alpha: net.alpha}}
        film: {use: toy.film, in: steady.alpha}
    """
    films = []
    for device in ("cpu", "fake"):
        Film.seen.clear()
        with Run(plan(load("g.yaml", f"device: {device}\nstages:{stages}"))) as run:
            run.wait()
        films.append([*Film.seen])
    assert len(films[0]) == 30
    np.testing.assert_array_equal(films[0], films[1])
