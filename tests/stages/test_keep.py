"""Whom `keep.subject` keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.evaluate.layouts import read_data
from bgflow.stages.keep import Subject
from bgflow.stages.synth import Source
from bgflow.testing import opened, run_stage
from tests.stages.replaying import replaying

Picture = np.ndarray[Any, Any]
H, W = 180, 320


def boxes(*where: tuple[int, int, int, int], h: int = H, w: int = W) -> Picture:
    """A matte of boxes: left, top, width, height."""
    out = np.zeros((h, w), np.float32)
    for x, y, m, n in where:
        out[max(y, 0) : y + n, max(x, 0) : x + m] = 1
    return out


LEFT, MIDDLE, RIGHT = (20, 40, 60, 120), (140, 60, 40, 90), (240, 60, 30, 80)  # the largest, the one in the middle
THREE = boxes(LEFT, MIDDLE, RIGHT)


@pytest.mark.parametrize("on", ["cpu", "fake"])
@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ({}, [LEFT]),
        ({"mode": "all"}, [LEFT, MIDDLE, RIGHT]),
        ({"mode": "all", "min_area": 5}, [LEFT, MIDDLE]),
        ({"mode": "nearest"}, [MIDDLE]),
        ({"mode": "roi", "roi": "0.4 0 1 1"}, [MIDDLE, RIGHT]),
        ({"mode": "roi", "roi": "0 0 0.1 1"}, []),
        ({"min_area": 50}, []),
    ],
)
def test_each_mode_keeps_whom_it_says(how: dict[str, Any], kept: list[tuple[int, int, int, int]], on: str) -> None:
    out = run_stage(Subject(**how), on, alpha=THREE, image=np.zeros((H, W, 3), np.uint8))
    assert np.array_equal(out["alpha"], boxes(*kept))


def test_numbers_cover_all_subjects_kept_or_not() -> None:
    ids = run_stage(Subject(), alpha=THREE)["ids"]
    assert sorted(np.unique(ids)) == [0, 1, 2, 3]
    assert np.array_equal(ids > 0, THREE > 0)


def test_hair_stays_with_the_one_who_is_kept() -> None:
    alpha = boxes(LEFT, RIGHT)
    alpha[20:40, 40:60] = 0.3
    alpha[30:60, 250:260] = 0.3
    kept = run_stage(Subject(), alpha=alpha)["alpha"]
    assert (kept[20:40, 40:60] == np.float32(0.3)).all()
    assert not kept[:, 200:].any()


def test_two_of_almost_the_same_size_do_not_take_turns() -> None:
    with opened(Subject()) as keep:
        for n in range(20):
            alpha = boxes((20, 40, 60, 115 - 5 * (n % 2)), (200, 40, 60, 112))
            kept = keep(alpha=alpha)["alpha"]
            assert kept[:, :160].any()
            assert not kept[:, 160:].any()


def test_one_who_has_become_much_larger_takes_the_place() -> None:
    with opened(Subject()) as keep:
        keep(alpha=boxes((20, 40, 60, 100), (200, 40, 60, 90)))
        kept = keep(alpha=boxes((20, 40, 60, 60), (200, 40, 60, 90)))["alpha"]
    assert kept[:, 160:].any()
    assert not kept[:, :160].any()


def test_while_the_one_who_is_kept_is_hidden_nobody_takes_its_place_until_it_is_forgotten() -> None:
    with opened(Subject(memory=0.5)) as keep:
        for n in range(5):
            keep(n, alpha=THREE)
        for n in range(5, 19):
            assert not keep(n, alpha=boxes(MIDDLE, RIGHT))["alpha"].any()
        assert np.array_equal(keep(30, alpha=boxes(MIDDLE, RIGHT))["alpha"], boxes(MIDDLE))


def test_somebody_half_out_of_the_region_stays_until_a_quarter_is_left() -> None:
    shown = []
    with opened(Subject(mode="roi", roi="0 0 0.5 1")) as keep:
        for x in range(90, 160, 4):
            inside = (160 - x) / 60
            shown.append((inside, bool(keep(alpha=boxes((x, 40, 60, 100)))["alpha"].any())))
    assert all(kept == (inside >= 0.25) for inside, kept in shown if abs(inside - 0.25) > 0.03)


def walking_past(n: int) -> tuple[Picture, Picture, Picture]:
    """Two rendered people, the first from left to right and in front; the picture and the mattes of both."""
    mattes, pictures = [], []
    for seed, x in ((1, -110 + 4 * n), (4, 130 - 4 * n)):
        with opened(Source(width=W, height=H, size=0.5, seed=seed, speed=1.0, background="flat")) as source:
            of: dict[str, Any] = source.stage.render(n)  # type: ignore[attr-defined]
            rolled = {k: np.roll(v, x, 1) for k, v in of.items()}
        for v in rolled.values():
            v[:, : max(x, 0)] = 0
            v[:, W + min(x, 0) :] = 0
        mattes.append(rolled["alpha"])
        pictures.append(rolled["foreground"])
    front = mattes[0][..., None]
    return (pictures[0] * front + pictures[1] * (1 - front)).astype(np.uint8), mattes[0], mattes[1]


@pytest.mark.parametrize("colours", [True, False])
def test_the_one_who_is_kept_is_kept_after_walking_past_another(colours: bool) -> None:
    with opened(Subject(min_area=2, memory=2)) as keep:
        for n in range(10, 55):
            picture, mine, other = walking_past(n)
            out = keep(n, alpha=np.maximum(mine, other), **({"image": picture} if colours else {}))
            if n == 20:
                first = out["alpha"].copy(), mine.copy(), other.copy()
    before = [np.minimum(first[0], m).sum() / m.sum() > 0.9 for m in first[1:]]
    after = [np.minimum(out["alpha"], m).sum() / m.sum() > 0.9 for m in (mine, other)]
    assert before == after
    assert sorted(after) == [False, True]


def test_three_who_sway_before_each_other_are_three_and_no_more() -> None:
    footage = read_data("", "synth", 60, ["several"])[1][0]
    seen: set[int] = set()
    with opened(Subject(), wired={"ids"}) as keep:
        for n, sample in enumerate(footage.read()):
            seen |= set(np.unique(keep(n, alpha=sample.truth, image=sample.image)["ids"]).tolist())
    assert seen == {0, 1, 2, 3}


@settings(max_examples=30, deadline=None)
@given(
    h=st.integers(1, 40),
    w=st.integers(1, 40),
    mode=st.sampled_from(["largest", "all", "nearest", "roi"]),
    seed=st.integers(0, 99),
)
def test_every_pixel_is_kept_as_it_is_or_is_nothing(h: int, w: int, mode: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha = np.where(rng.random((h, w)) < 0.4, rng.random((h, w)), 0).astype(np.float32)
    before = alpha.copy()
    out = run_stage(Subject(mode=mode, min_area=0), alpha=alpha)
    assert np.array_equal(alpha, before)
    assert (out["ids"][alpha >= 0.5] > 0).all() or (alpha >= 0.5).sum() > 255
    assert not out["ids"][alpha < 0.5].any()
    if mode == "all" and (alpha >= 0.5).any():
        assert np.array_equal(out["alpha"], alpha)
    else:
        assert ((out["alpha"] == alpha) | (out["alpha"] == 0)).all()


def test_no_memory_of_frame_size_is_taken_after_the_first_frame() -> None:
    with opened(Subject()) as keep:
        keep(alpha=THREE)
        scratch = {k: id(v) for k, v in keep.ctx._scratch.items()}
        keep(alpha=THREE)
        assert {k: id(v) for k, v in keep.ctx._scratch.items()} == scratch


@pytest.mark.parametrize(
    ("roi", "said"),
    [
        ("0 0 1", "'0 0 1' is not four numbers; write for example '0.25 0 0.75 1'"),
        ("0.5 0 0.2 1", "'0.5 0 0.2 1' is no region; left is below right, top below bottom, all from 0 to 1"),
    ],
)
def test_a_region_that_is_none_is_told_by_check(roi: str, said: str) -> None:
    assert list(Subject(roi=roi).problems()) == [("roi", said)]


@pytest.mark.parametrize("wired", [{"alpha"}, {"ids"}, {"alpha", "ids"}])
@pytest.mark.parametrize("coloured", [False, True])
def test_one_copy_goes_to_the_host_and_one_comes_back(wired: set[str], coloured: bool) -> None:
    image = {"image": np.zeros((H, W, 3), np.uint8)} if coloured else {}
    with replaying(Subject(), wired) as it:
        for _ in range(3):
            assert it(alpha=THREE, **image).keys() == wired
        assert {(work.ups, work.downs) for work in it.work} == {it.stage.copies()} == {(1, 1)}
    assert it.answers == [None] * 3
