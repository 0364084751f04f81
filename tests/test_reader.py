"""What sources make of a frame: the same bits on every device, with one copy to an accelerator."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from av import VideoFrame

from bgflow.devices import device, to_host
from bgflow.kernels import yuv
from bgflow.media.reader import Intake
from bgflow.media.video import Colours
from bgflow.stages.file import Source
from bgflow.testing import TestContext
from tests.kernels.test_yuv import smooth
from tests.test_video import decoded

FORMATS = ["yuv420p", "yuvj420p", "nv12", "yuv422p", "yuv444p", "yuv420p10le", "rgb24", "gray"]
BOTH = {"image", "nv12"}


def context(on: str, wired: set[str]) -> TestContext:
    return TestContext(Source(path="a.mp4"), on, wired=wired)


def made(frame: Any, on: str, wired: set[str]) -> dict[str, Any]:
    """The outputs as host arrays."""
    return {name: to_host(a).copy() for name, a in Intake(context(on, wired)).take(frame).items()}


@pytest.mark.parametrize("pix_fmt", FORMATS)
@pytest.mark.parametrize(("h", "w"), [(48, 64), (47, 61)])
def test_an_accelerator_makes_the_same_bits_of_a_frame(pix_fmt: str, h: int, w: int) -> None:
    frame = decoded(smooth(h, w), pix_fmt, full=pix_fmt in ("rgb24", "gray"))
    cpu, fake = made(frame, "cpu", BOTH), made(frame, "fake", BOTH)
    assert cpu.keys() == fake.keys() == BOTH
    for name in BOTH:
        np.testing.assert_array_equal(fake[name], cpu[name])


@pytest.mark.parametrize(("pix_fmt", "per_pixel"), [("yuv420p", 1.5), ("nv12", 1.5), ("yuv444p", 3), ("rgb24", 3)])
@pytest.mark.parametrize("wired", [{"image"}, {"nv12"}, BOTH])
def test_a_frame_goes_up_in_one_copy(pix_fmt: str, per_pixel: float, wired: set[str]) -> None:
    ctx, frame, meter = context("fake", wired), decoded(smooth(48, 64), pix_fmt), device("fake").meter
    before = meter.read()
    Intake(ctx).take(frame)
    work = meter.read().minus(before)
    assert (work.ups, work.up_bytes, work.downs) == (1, 48 * 64 * per_pixel, 0)


@pytest.mark.parametrize("wired", [{"image"}, {"nv12"}, {"audio"}])
def test_only_what_is_wired_is_made(wired: set[str]) -> None:
    assert made(decoded(smooth(48, 64), "yuv420p"), "cpu", wired).keys() == wired - {"audio"}


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12"])
@pytest.mark.parametrize(("h", "w"), [(48, 64), (47, 61)])
def test_nv12_of_a_usual_frame_is_what_was_decoded(pix_fmt: str, h: int, w: int) -> None:
    frame = decoded(smooth(h, w), pix_fmt)
    y, uv = yuv.nv12_planes(made(frame, "cpu", {"nv12"})["nv12"], h, w)
    image = np.empty((h, w, 3), np.uint8)
    yuv.nv12_to_rgb(y, uv, image, "bt601")
    np.testing.assert_array_equal(image, made(frame, "cpu", {"image"})["image"])


@pytest.mark.parametrize(("matrix", "full"), [("bt709", False), ("bt601", True), ("bt2020", False)])
def test_nv12_of_a_frame_in_other_colours_is_brought_to_the_usual_ones(matrix: str, full: bool) -> None:
    frame = decoded(smooth(48, 64), "yuv420p", matrix, full)
    assert Colours.of(frame) != Colours.usual(48)
    both = made(frame, "cpu", BOTH)
    want = np.empty_like(both["nv12"])
    yuv.rgb_to_nv12(both["image"], *yuv.nv12_planes(want, 48, 64), *Colours.usual(48))
    np.testing.assert_array_equal(both["nv12"], want)


def test_an_odd_width_is_made_even_by_repeating_the_last_column_of_luma() -> None:
    found = made(decoded(smooth(47, 61), "yuv420p"), "cpu", {"nv12"})["nv12"]
    assert found.shape == (47 + 24, 62)
    np.testing.assert_array_equal(found[:47, 61], found[:47, 60])


def frames() -> int:
    """How many frames there are, whoever holds them."""
    return sum(type(o) is VideoFrame for o in gc.get_objects())


def test_a_frame_is_freed_as_soon_as_it_is_let_go() -> None:
    gc.collect()
    gc.disable()
    try:
        before = frames()
        frame = decoded(smooth(48, 64), "yuv420p")
        gc.collect()
        made(frame, "cpu", BOTH)
        assert frames() > before
        del frame
        assert frames() == before
    finally:
        gc.enable()
