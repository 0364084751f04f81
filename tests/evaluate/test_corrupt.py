from __future__ import annotations

import numpy as np
import pytest

from bgflow.evaluate.corrupt import GRID, change
from bgflow.evaluate.footage import Footage, Kind, Sample
from tests.evaluate.shapes import box, photo

TRUTH = box(30, 110, 20, 220, (240, 320))
SAMPLE = Sample("a", photo(TRUTH), TRUTH)


def _footage(kind: Kind = "video") -> Footage:
    return Footage("clip", "all", kind, 10, lambda: iter([SAMPLE] * 10))


@pytest.mark.parametrize("name", list(GRID))
def test_a_harm_is_the_same_for_the_same_seed_and_another_for_another(name: str) -> None:
    first, again, other = (change(name, 1, _footage(), seed)(SAMPLE, 8) for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    if name in ("noise", "shake", "occlusion"):
        assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("name", [n for n in GRID if n != "occlusion"])
def test_a_stronger_level_does_more_harm(name: str) -> None:
    def off(level: int) -> float:
        harmed = [change(name, level, _footage(), 0)(SAMPLE, n).image for n in range(5, 30)]
        return float(np.mean([np.abs(h.astype(int) - SAMPLE.image).mean() for h in harmed]))

    assert 0 < off(0) < off(2)


@pytest.mark.parametrize("name", list(GRID))
def test_a_harm_changes_no_sample_that_others_see(name: str) -> None:
    before, truth = SAMPLE.image.copy(), TRUTH.copy()
    change(name, 2, _footage(), 0)(SAMPLE, 9)
    assert np.array_equal(SAMPLE.image, before)
    assert np.array_equal(SAMPLE.truth, truth)


def test_shake_moves_the_truth_with_the_picture() -> None:
    shaken = change("shake", 2, _footage(), 3)(SAMPLE, 1)
    assert not np.array_equal(shaken.truth, TRUTH)
    assert np.array_equal(shaken.image, photo(shaken.truth))


@pytest.mark.parametrize(("level", "share"), [(0, 0.05), (1, 0.1), (2, 0.2)])
def test_what_is_hidden_is_no_subject(level: int, share: float) -> None:
    whole = Sample("a", photo(np.ones((96, 128))), np.ones((96, 128), np.float32))
    hidden = change("occlusion", level, _footage("stills"), 0)(whole, 0)
    assert hidden.truth is not None
    assert (hidden.truth == 0).mean() == pytest.approx(share, abs=0.01)


def test_a_late_harm_waits_for_the_last_third_of_a_clip_and_spares_no_still() -> None:
    clip, stills = change("exposure step", 0, _footage(), 0), change("exposure step", 0, _footage("stills"), 0)
    assert clip(SAMPLE, 5) is SAMPLE
    assert clip(SAMPLE, 6) is not SAMPLE
    assert stills(SAMPLE, 0) is not SAMPLE
