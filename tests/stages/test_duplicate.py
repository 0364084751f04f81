"""The subject again in its own picture: where, when, in which order, and without harm to the subject itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.stages.duplicate import Duplicate
from bgflow.testing import Opened, opened, run_stage
from tests.stages.replaying import replaying, same

H, W, TOP, SIDE = 48, 96, 12, 10
Picture = np.ndarray[Any, Any]
HARD: dict[str, Any] = {"feather": 0.0, "decontaminate": 0.0}
on = pytest.mark.parametrize("on", ["cpu", "fake"])
orders = pytest.mark.parametrize("order", ["front", "behind"])


def wall(seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(60, 120, (H, W, 3), np.uint8)


def block() -> Picture:
    """The subject: a square, red on its left and yellow on its right."""
    out = np.full((SIDE, SIDE, 3), (250, 0, 0), np.uint8)
    out[:, SIDE // 2 :] = (250, 250, 0)
    return out


def scene(x: int, plate: Picture | None = None) -> dict[str, Picture]:
    """The block before a wall, with its left edge at column x, and the plate."""
    plate = wall() if plate is None else plate
    image, alpha = plate.copy(), np.zeros((H, W), np.float32)
    image[TOP : TOP + SIDE, x : x + SIDE] = block()
    alpha[TOP : TOP + SIDE, x : x + SIDE] = 1
    return {"image": image, "alpha": alpha, "plate": plate}


def pasted(picture: Picture, x: int, what: Picture) -> Picture:
    out = picture.copy()
    out[TOP : TOP + SIDE, x : x + SIDE] = what
    return out


def mirrored(x: int) -> int:
    """Where the mirror image of a block at x begins."""
    return W - SIDE - x


@on
@orders
@pytest.mark.parametrize("plated", [True, False])
def test_a_mirrored_copy_stands_on_the_other_side_and_the_rest_is_the_picture(
    on: str, order: str, plated: bool
) -> None:
    given = scene(9)
    want = pasted(given["image"], mirrored(9), block()[:, ::-1])
    if not plated:
        del given["plate"]
    np.testing.assert_array_equal(run_stage(Duplicate(order=order, **HARD), on, **given), want)


@on
@pytest.mark.parametrize(
    ("params", "alpha"),
    [({"active": False}, True), ({"number": 0}, True), ({}, False)],
    ids=["off", "no copies", "no matte yet"],
)
def test_the_picture_goes_through_as_it_is(on: str, params: dict[str, Any], alpha: bool) -> None:
    given = scene(9)
    if not alpha:
        del given["alpha"]
    np.testing.assert_array_equal(run_stage(Duplicate(**params), on, **given), given["image"])


@settings(deadline=None, max_examples=30)
@given(
    number=st.integers(0, 8), order=st.sampled_from(["front", "behind"]), shift=st.floats(-100, 100),
    scale=st.floats(0.5, 1.5), feather=st.floats(0, 5), plated=st.booleans(),
)  # fmt: skip
def test_where_the_matte_is_empty_everywhere_nothing_changes(
    number: int, order: str, shift: float, scale: float, feather: float, plated: bool
) -> None:
    image, plate = wall(1), wall(2) if plated else None
    stage = Duplicate(number=number, order=order, shift=shift, scale=scale, feather=feather)
    np.testing.assert_array_equal(run_stage(stage, image=image, alpha=np.zeros((H, W), np.float32), plate=plate), image)


@settings(deadline=None, max_examples=30)
@given(
    x=st.integers(0, W - SIDE), number=st.integers(1, 8), shift=st.floats(-30, 30), scale=st.floats(0.5, 1.5),
    mirror=st.sampled_from(["alternate", "all", "none"]), feather=st.floats(0, 5), plated=st.booleans(),
)  # fmt: skip
def test_behind_the_subject_no_copy_takes_a_bit_from_it(
    x: int, number: int, shift: float, scale: float, mirror: str, feather: float, plated: bool
) -> None:
    given = scene(x)
    if not plated:
        del given["plate"]
    stage = Duplicate(number=number, shift=shift, scale=scale, mirror=mirror, feather=feather, order="behind")
    out = run_stage(stage, **given)
    inside = given["alpha"] == 1
    np.testing.assert_array_equal(out[inside], given["image"][inside])


def test_in_front_the_copy_covers_the_subject() -> None:
    given = scene(mirrored(0) // 2 - 3)
    x = mirrored(mirrored(0) // 2 - 3)
    out = run_stage(Duplicate(order="front", **HARD), **given)
    np.testing.assert_array_equal(out, pasted(given["image"], x, block()[:, ::-1]))


@orders
def test_copies_stand_apart_by_the_shift_each_one_behind_the_last_or_before_it(order: str) -> None:
    given = scene(5)
    step = 5  # of 96 columns; less than the block's width, so that neighbours overlap
    out = run_stage(Duplicate(number=3, mirror="none", shift=100 * step / W, order=order, **HARD), **given)
    want = given["image"]
    for k in (0, 1, 2, 3) if order == "front" else (3, 2, 1, 0):
        want = pasted(want, 5 + k * step, block())
    np.testing.assert_array_equal(out, want)


def test_every_other_copy_is_mirrored_and_goes_the_other_way() -> None:
    given = scene(20)
    out = run_stage(Duplicate(number=2, shift=12.5, **HARD), **given)
    want = pasted(pasted(given["image"], mirrored(20 + 12), block()[:, ::-1]), 20 + 24, block())
    np.testing.assert_array_equal(out, want)


@on
def test_the_plate_shows_what_a_subject_hid_that_is_moved_aside(on: str) -> None:
    given = scene(30)
    out = run_stage(Duplicate(number=0, aside=25.0, **HARD), on, **given)
    np.testing.assert_array_equal(out, pasted(given["plate"], 30 + 24, block()))


def test_a_subject_that_is_moved_aside_has_its_mirror_image_on_the_other_side() -> None:
    given = scene(mirrored(0) // 2)
    out = run_stage(Duplicate(aside=25.0, **HARD), **given)
    x = mirrored(0) // 2
    want = pasted(pasted(given["plate"], mirrored(x + 24), block()[:, ::-1]), x + 24, block())
    np.testing.assert_array_equal(out, want)


def test_without_a_plate_the_subject_stays_where_it_is() -> None:
    given = scene(30)
    del given["plate"]
    np.testing.assert_array_equal(run_stage(Duplicate(number=0, aside=25.0), **given), given["image"])


def walk(it: Opened, n: int, first: int = 0) -> Picture:
    """Frame n of a block that walks a column a frame, 10 frames a second."""
    out: Picture = it(pts=3 * n, **scene(first + n))
    return out


@on
def test_each_copy_is_later_than_the_one_before_and_comes_when_its_time_has_come(on: str) -> None:
    stage = Duplicate(number=2, delay=0.5, mirror="none", kept=20, **HARD)
    with opened(stage, on) as it:
        for n in range(15):
            want = wall()
            for late in (10, 5, 0):
                if n >= late:
                    want = pasted(want, 3 + n - late, block())
            np.testing.assert_array_equal(walk(it, n, 3), want)
        assert it.ctx.warnings == []


def test_a_delay_beyond_what_is_kept_shows_the_oldest_and_is_told() -> None:
    with opened(Duplicate(number=1, delay=2.0, mirror="none", kept=6, **HARD)) as it:
        for n in range(30):
            out = walk(it, n)
        np.testing.assert_array_equal(out, pasted(pasted(wall(), 24, block()), 29, block()))
        assert set(it.ctx.warnings) == {
            "1 copies 2 s apart reach back beyond the 6 pictures that are kept: the oldest is shown; raise `kept`, "
            "or lower `delay` or `number`"
        }


def test_what_was_before_it_was_switched_off_does_not_come_back() -> None:
    stage = Duplicate(number=1, delay=0.5, mirror="none", kept=20, **HARD)
    with opened(stage) as it:
        for n in range(8):
            walk(it, n)
        stage.active = False
        walk(it, 8)
        stage.active = True
        for n in range(9, 14):
            np.testing.assert_array_equal(walk(it, n), scene(n)["image"])
        np.testing.assert_array_equal(walk(it, 14), pasted(pasted(wall(), 9, block()), 14, block()))


def test_a_stream_that_begins_again_has_no_copies_of_the_one_before() -> None:
    with opened(Duplicate(number=1, delay=0.2, mirror="none", kept=9, **HARD)) as it:
        for n in range(8):
            walk(it, n)
        np.testing.assert_array_equal(walk(it, 0), scene(0)["image"])


def test_a_softer_edge_lies_inside_the_matte_and_leaves_the_middle_whole() -> None:
    given = scene(9)
    out = run_stage(Duplicate(feather=5.0, decontaminate=0.0), **given)
    x, r = mirrored(9), round(0.05 * H)
    hard = pasted(given["image"], x, block()[:, ::-1])
    outside = np.ones((H, W), bool)
    outside[TOP : TOP + SIDE, x : x + SIDE] = False
    np.testing.assert_array_equal(out[outside], hard[outside])
    middle = np.s_[TOP + r : TOP + SIDE - r, x + r : x + SIDE - r]
    np.testing.assert_array_equal(out[middle], hard[middle])
    edge = np.s_[TOP, x : x + SIDE]
    assert (out[edge] != hard[edge]).any(axis=-1).all()


def test_a_copys_soft_edge_has_nothing_of_the_wall_it_stood_before() -> None:
    """A red disc before a green wall, mirrored to a blue one: the mix is of red and blue."""
    y, x = np.mgrid[:90, :160]
    alpha = np.clip((20 - np.hypot(y - 45, x - 40)) / 6 + 0.5, 0, 1).astype(np.float32)
    plate = np.where(x[..., None] < 80, (0, 200, 0), (0, 0, 200)).astype(np.uint8)
    image = (alpha[..., None] * (200, 0, 0) + (1 - alpha[..., None]) * plate + 0.5).astype(np.uint8)
    out = run_stage(Duplicate(feather=0.0), image=image, alpha=alpha, plate=plate)
    want = alpha[:, ::-1, None] * (200, 0, 0) + (1 - alpha[:, ::-1, None]) * plate
    assert np.abs(out[:, 80:].astype(int) - want[:, 80:]).max() <= 12


def test_toggle_turns_it_off_and_on_and_says_so() -> None:
    stage = Duplicate(**HARD)
    with opened(stage) as it:
        told, shown = [], []
        for _ in range(3):
            shown.append(bool((walk(it, 0) != scene(0)["image"]).any()))
            asked = it.ctx.controls.act("duplicate.toggle")
            for _ in range(2):  # the action sets the value, which holds from the next frame on
                it.ctx.controls.apply("duplicate")
            told.append(asked.result().message)
    assert shown == [True, False, True]
    assert told == ["duplicate off", "duplicate on", "duplicate off"]


def clip(count: int = 6) -> list[dict[str, Any]]:
    return [scene(4 + n) for n in range(count)]


@pytest.mark.parametrize("params", [{}, {"order": "front", "number": 3, "scale": 0.8}, {"aside": 10.0}], ids=str)
def test_launches_that_are_replayed_give_the_same_bits(params: dict[str, Any]) -> None:
    it = same(Duplicate, clip(), **params)
    assert it.answers == [None] + [()] * 5
    assert {(work.ups, work.downs) for work in it.work} == {it.stage.copies()}


@pytest.mark.parametrize("params", [{"delay": 0.1}, {"active": False}, {"number": 0}], ids=str)
def test_what_changes_from_frame_to_frame_or_goes_through_is_not_replayed(params: dict[str, Any]) -> None:
    with replaying(Duplicate(**params)) as it:
        for instant in clip():
            it(**instant)
    assert it.answers == [None] * 6


def test_all_memory_is_taken_at_the_first_picture_whatever_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    stage = Duplicate(kept=9)
    with opened(stage) as it:
        scratch = it.ctx.scratch

        def noted(name: str, shape: tuple[int, ...], dtype: Any) -> Any:
            taken.append(f"{name} {shape} {np.dtype(dtype)}")
            return scratch(name, shape, dtype)

        monkeypatch.setattr(it.ctx, "scratch", noted)
        it(image=wall())
        first = set(taken)
        for changes in (
            {},
            {"order": "front", "number": 8, "delay": 0.1},
            {"aside": 10.0, "scale": 0.9},
            {"feather": 5.0},
        ):
            for name, value in changes.items():
                setattr(stage, name, value)
            walk(it, 3 + len(taken))
    assert set(taken) == first
