"""A film of colour over the subject."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bgflow.errors import UsageError
from bgflow.stages.tint import Tint
from bgflow.testing import opened, run_stage
from tests.stages.replaying import replaying, same

Picture = np.ndarray[Any, Any]
on = pytest.mark.parametrize("on", ["cpu", "fake"])


def half(seed: int = 0) -> dict[str, Picture]:
    """A noisy picture whose left half is subject."""
    alpha = np.zeros((20, 30), np.float32)
    alpha[:, :15] = 1
    return {"image": np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8), "alpha": alpha}


@on
def test_the_subject_gets_the_colour_and_the_rest_stays_as_it_is(on: str) -> None:
    given = half()
    out = run_stage(Tint(colour="#0000ff", opacity=0.5), on, **given)
    np.testing.assert_array_equal(out[:, 15:], given["image"][:, 15:])
    want = (given["image"][:, :15] + np.array((0, 0, 255))) / 2
    assert np.abs(out[:, :15] - want).max() <= 0.5


@on
@pytest.mark.parametrize("params", [{"active": False}, {"opacity": 0.0}], ids=str)
def test_off_the_picture_goes_through_as_it_is(on: str, params: dict[str, Any]) -> None:
    given = half()
    np.testing.assert_array_equal(run_stage(Tint(**params), on, **given), given["image"])


def test_until_there_is_a_matte_the_picture_goes_through_as_it_is() -> None:
    image = half()["image"]
    np.testing.assert_array_equal(run_stage(Tint(), image=image), image)


def test_toggle_turns_the_film_off_and_on_and_says_so() -> None:
    told, shown = [], []
    with opened(Tint()) as it:
        for _ in range(3):
            shown.append(bool((it(**half()) != half()["image"]).any()))
            asked = it.ctx.controls.act("tint.toggle")
            for _ in range(2):  # the action sets the value, which holds from the next frame on
                it.ctx.controls.apply("tint")
            told.append(asked.result().message)
    assert shown == [True, False, True]
    assert told == ["tint off", "tint on", "tint off"]


def test_what_is_no_colour_is_told_before_anything_starts() -> None:
    assert list(Tint(colour="blau").problems()) == [("colour", "'blau' is no colour; write '#rrggbb' or a CSS name")]
    with pytest.raises(UsageError, match=r"^colour: 'blau' is no colour"), opened(Tint(colour="blau")):
        pass


def test_launches_that_are_replayed_give_the_same_bits_and_what_goes_through_is_not_replayed() -> None:
    assert same(Tint, [half(n) for n in range(4)]).answers == [None] + [()] * 3
    with replaying(Tint(active=False)) as it:
        for n in range(3):
            it(**half(n))
    assert it.answers == [None] * 3
