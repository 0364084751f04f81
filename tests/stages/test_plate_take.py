"""A clean plate is asked for and counted down to, so that people know when to leave."""

from __future__ import annotations

import pytest

from bgflow.errors import UsageError
from bgflow.stages.plate import Capture
from bgflow.testing import opened
from tests.stages.test_plate import QUICK, fed, scene


def test_every_second_of_the_countdown_is_told_and_what_came_of_it() -> None:
    with opened(Capture(countdown=2.0, seconds=1.0)) as capture:
        fed(capture, scene(0, 100, subjects=0))
        told = [it.text for it in capture.ctx.controls.news.after(0)]
    assert told[:3] == [
        "Background in 2: leave the picture",
        "Background in 1: leave the picture",
        "Taking the background: stay out",
    ]
    assert len(told) == 4
    assert told[3].startswith("Background taken, quality 0.9")


def test_take_begins_the_countdown_again_also_in_the_middle_of_one() -> None:
    frames = scene(0, 130, subjects=0)
    with opened(Capture(**QUICK)) as capture:
        asked, came = [], []
        for n in range(330):
            if n in (60, 180):
                asked.append(capture.ctx.controls.act("capture.take"))
                capture.ctx.controls.apply("capture")
            if capture(pts=n, image=frames[n % 130]["image"]) is not None:
                came.append(n)
    assert came == [60 + 105, 180 + 105]
    assert [it.result().message for it in asked] == ["plate in 0.5 s"] * 2


def test_an_automatic_plate_cannot_be_taken_and_counts_nothing_down() -> None:
    with opened(Capture(auto=True)) as capture:
        fed(capture, scene(0, 40, subjects=0))
        asked = capture.ctx.controls.act("capture.take")
        assert capture.ctx.controls.news.after(0) == []
        capture.ctx.controls.apply("capture")
    with pytest.raises(UsageError, match="^the plate is automatic: it is always being taken$"):
        asked.result()
