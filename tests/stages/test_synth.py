"""A scene whose truth is known."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.devices import device, to_host
from bgflow.stages.synth import Source
from bgflow.testing import opened

PORTS = {"image", "alpha", "foreground", "plate", "label"}
SMALL: dict[str, Any] = {"width": 96, "height": 54}
BUSY: dict[str, Any] = {
    **SMALL, "subjects": 2, "hair": 0.7, "shadow": 0.4, "exposure": 1.0, "exposure_at": 3, "shake": 2.5,
}  # fmt: skip


def shot(n: int = 5, on: str = "cpu", wired: set[str] | None = None, **params: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The outputs at frame n."""
    with opened(Source(**params), on, wired=wired) as source:
        made: dict[str, Any] = source.stage.render(n)  # type: ignore[attr-defined]
        return {port: to_host(value).copy() for port, value in made.items()}


def composed(of: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    a = of["alpha"][..., None].astype(np.float64)
    return a * of["foreground"] + (1 - a) * of["plate"]


@settings(max_examples=25, deadline=None)
@given(
    shape=st.sampled_from(["person", "ellipse", "disc"]),
    background=st.sampled_from(["flat", "gradient", "textured", "room"]),
    size=st.floats(0.1, 2),
    edge=st.floats(0, 30),
    hair=st.floats(0, 1),
    shadow=st.floats(0, 1),
    exposure=st.floats(-2, 2),
    shake=st.floats(0, 5),
    subjects=st.integers(0, 4),
    seed=st.integers(0, 2**31 - 1),
    n=st.integers(0, 500),
)
def test_the_picture_is_the_composite_of_its_parts_to_the_last_level(n: int, **params: Any) -> None:
    of = shot(n, **SMALL, **params)
    assert np.abs(of["image"] - composed(of)).max() <= 0.5 + 1e-3
    assert of["alpha"].min() >= 0
    assert of["alpha"].max() <= 1


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_the_same_seed_gives_the_same_bits(on: str) -> None:
    first, again = shot(**BUSY, noise=4.0), shot(on=on, **BUSY, noise=4.0)
    for port in PORTS:
        assert np.array_equal(first[port], again[port]), port


def test_another_seed_is_another_scene() -> None:
    assert not np.array_equal(shot(**BUSY)["image"], shot(**BUSY, seed=9)["image"])


@pytest.mark.parametrize("port", sorted(PORTS))
def test_an_output_does_not_depend_on_what_else_is_wired(port: str) -> None:
    alone = shot(wired={port}, **BUSY, noise=4.0)
    assert set(alone) == {port}
    assert np.array_equal(alone[port], shot(**BUSY, noise=4.0)[port])


def test_a_frame_does_not_depend_on_the_frames_before_it() -> None:
    with opened(Source(**BUSY, count=6)) as source:
        *_, (pts, last) = source.frames()
    assert pts == 5
    assert np.array_equal(last["image"], shot(5, **BUSY)["image"])


def test_pts_and_time_base_are_exact() -> None:
    with opened(Source(**SMALL, fps="30000/1001", count=4), wired={"alpha"}) as source:
        assert [pts for pts, _ in source.frames()] == [0, 1, 2, 3]
        assert source.stage.time_base == Fraction(1001, 30000)


def test_it_ends_when_the_run_stops() -> None:
    with opened(Source(**SMALL), wired={"alpha"}) as source:
        stream = source.frames()
        next(stream)
        source.ctx.stop()
        assert next(stream, None) is None


def test_its_size_is_known_without_opening_it() -> None:
    assert Source(width=320, height=180).sizes(probe=False) == {"w": 320, "h": 180}
    assert Source(width=320, height=180, count=7).sizes(probe=False) == {"w": 320, "h": 180, "frames": 7}


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_without_subjects_the_picture_is_the_plate(on: str) -> None:
    made = shot(3, on=on, **SMALL, subjects=0, shadow=0.5)
    assert np.array_equal(made["image"], made["plate"])
    assert not made["alpha"].any()
    assert not made["label"].any()


def test_nobody_is_there_before_the_subject_enters_and_after_it_has_left() -> None:
    when = {"enter": 10, "leave": 100}
    assert shot(9, **SMALL, **when)["alpha"].max() == 0
    assert shot(60, **SMALL, **when)["alpha"].max() == 1
    assert shot(131, **SMALL, **when)["alpha"].max() == 0


def test_a_subject_walks_in_from_outside_the_picture() -> None:
    areas = [float(shot(n, **SMALL, enter=10, wired={"alpha"})["alpha"].mean()) for n in range(10, 41, 5)]
    assert areas[0] == 0
    assert areas[-1] > 0.15
    assert areas == sorted(areas)


def test_speed_zero_stands_still() -> None:
    assert np.array_equal(shot(0, **SMALL, speed=0)["image"], shot(77, **SMALL, speed=0)["image"])


def test_a_subject_moves() -> None:
    assert np.abs(shot(0, **SMALL)["alpha"] - shot(30, **SMALL)["alpha"]).sum() > 20


def test_the_exposure_steps_at_its_frame() -> None:
    dark = shot(2, **SMALL, speed=0, exposure=-1.0, exposure_at=3)
    after = shot(3, **SMALL, speed=0, exposure=-1.0, exposure_at=3)
    assert np.array_equal(dark["plate"], shot(2, **SMALL, speed=0)["plate"])
    ratio = after["plate"].mean() / dark["plate"].mean()
    assert ratio == pytest.approx(2 ** (-1 / 2.2), abs=0.01)


def test_a_shadow_darkens_the_plate_where_the_label_says_so() -> None:
    lit, dim = shot(**SMALL), shot(**SMALL, shadow=0.5)
    fallen = dim["label"] == 127
    assert fallen.sum() > 50
    assert (dim["plate"][fallen] < 0.9 * lit["plate"][fallen]).all()
    assert not (lit["label"] == 127).any()


def test_the_label_is_the_subject_where_alpha_is_a_half_or_more() -> None:
    of = shot(**BUSY)
    assert np.array_equal(of["label"] == 255, of["alpha"] >= 0.5)


def test_the_camera_shakes_subject_and_background_together_and_no_further_than_asked() -> None:
    still, moved = (shot(7, width=320, height=180, background="textured", shake=s) for s in (0.0, 4.0))
    columns = (still["alpha"].sum(0), moved["alpha"].sum(0))
    rows = (still["alpha"].sum(1), moved["alpha"].sum(1))
    centre = [float((s * np.arange(s.size)).sum() / s.sum()) for s in columns]
    assert 0.1 < abs(centre[1] - centre[0]) <= 4.5
    assert not np.array_equal(rows[0], rows[1])
    assert not np.array_equal(still["plate"], moved["plate"])


def test_the_foreground_is_black_where_nobody_is_and_coloured_in_the_softest_edge() -> None:
    of = shot(**SMALL, edge=12.0)
    assert (of["foreground"][of["alpha"] == 0] == 0).all()
    assert (of["foreground"][of["alpha"] > 0].max(axis=-1) > 10).all()


@pytest.mark.parametrize(("w", "h"), [(1, 1), (3, 1), (1, 7), (37, 23)])
def test_odd_sizes_work(w: int, h: int) -> None:
    of = shot(**{**BUSY, "width": w, "height": h})
    assert of["image"].shape == (h, w, 3)
    assert np.abs(of["image"] - composed(of)).max() <= 0.5 + 1e-3


def test_no_memory_of_frame_size_is_taken_after_the_first_frames() -> None:
    with opened(Source(**BUSY)) as source:
        for _ in source.frames(3):
            pass
        made = {k: p.allocations for k, p in source.ctx._pools.items()}
        scratch = {k: id(v) for k, v in source.ctx._scratch.items()}
        for _ in source.frames(10):
            pass
        assert {k: p.allocations for k, p in source.ctx._pools.items()} == made
        assert {k: id(v) for k, v in source.ctx._scratch.items()} == scratch


@pytest.mark.parametrize(("subjects", "copies"), [(0, 0), (2, 1)])
def test_an_accelerator_is_given_one_table_a_frame(subjects: int, copies: int) -> None:
    with opened(Source(**SMALL, subjects=subjects, shadow=0.5, noise=2), "fake") as source:
        before = device("fake").meter.read()
        source.stage.render(3)  # type: ignore[attr-defined]
        work = device("fake").meter.read().minus(before)
    assert (work.ups, work.downs) == source.stage.copies() == (copies, 0)
