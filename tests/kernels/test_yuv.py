"""YUV conversion against OpenCV, FFmpeg and itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.errors import KernelError
from bgflow.kernel import Kernel
from bgflow.kernels import yuv

H, W = 33, 47
CH, CW = 17, 24
VARIANTS = list(itertools.product(yuv.LUMA, (False, True)))
Rng = np.random.Generator


def u8(rng: Rng, *shape: int) -> Any:
    return rng.integers(0, 256, shape, np.uint8)


def blank(*shape: int) -> Any:
    return np.zeros(shape, np.uint8)


RUNS = [(1, CW), (5, 5), (CW, 1)]
CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = []
for variant in VARIANTS:
    for runs in RUNS:
        for h, w in ((H, W), (H + 1, W + 1)):
            numbers = (h, w, *runs, *yuv.decoding(*variant))

            def planar(r: Rng, h: int = h, w: int = w, numbers: Any = numbers) -> list[Any]:
                return [u8(r, h, w), u8(r, CH, CW), u8(r, CH, CW), blank(h, w, 3), *numbers]

            def interleaved(r: Rng, h: int = h, w: int = w, numbers: Any = numbers) -> list[Any]:
                return [u8(r, h, w), u8(r, CH, CW, 2), blank(h, w, 3), *numbers]

            CASES += [(yuv.i420_rgb, planar), (yuv.nv12_rgb, interleaved)]
CASES.append((yuv.nv12_i420, lambda r: [u8(r, CH, CW, 2), blank(CH, CW), blank(CH, CW)]))
CASES.append((yuv.i420_nv12, lambda r: [u8(r, CH, CW), u8(r, CH, CW), blank(CH, CW, 2)]))


def planes(h: int, w: int) -> tuple[Any, Any, Any]:
    return blank(h, w), blank((h + 1) // 2, (w + 1) // 2), blank((h + 1) // 2, (w + 1) // 2)


def pixels(plane: Any) -> Any:
    """A plane of FFmpeg's as an array."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]


def to_i420(image: Any, matrix: Any = "bt709", full: bool = False) -> tuple[Any, Any, Any]:
    y, u, v = planes(*image.shape[:2])
    yuv.rgb_to_i420(image, y, u, v, matrix, full)
    return y, u, v


def to_rgb(y: Any, u: Any, v: Any, matrix: Any = "bt709", full: bool = False) -> Any:
    out = blank(*y.shape, 3)
    yuv.i420_to_rgb(y, u, v, out, matrix, full)
    return out


def smooth(h: int, w: int, seed: int = 0) -> Any:
    """A picture without edges: colours that drift slowly over the whole range."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    waves = [127.5 + 127.5 * np.sin(r.uniform(0, 6) + y / r.uniform(50, 90) + x / r.uniform(50, 90)) for _ in range(3)]
    return np.stack(waves, -1).round().astype(np.uint8)


def difference(a: Any, b: Any) -> Any:
    return np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int))


@pytest.mark.parametrize(("matrix", "full"), VARIANTS)
@given(grey=st.integers(0, 255), h=st.integers(1, 9), w=st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_grey_stays_grey(matrix: Any, full: bool, grey: int, h: int, w: int) -> None:
    image = np.full((h, w, 3), grey, np.uint8)
    y, u, v = to_i420(image, matrix, full)
    assert (u == 128).all()
    assert (v == 128).all()
    assert difference(to_rgb(y, u, v, matrix, full), image).max() <= (0 if full else 1)


@pytest.mark.parametrize(("matrix", "full"), VARIANTS)
@pytest.mark.parametrize(("h", "w"), [(64, 96), (33, 47), (1, 1)])
def test_a_smooth_picture_survives_the_round_trip(matrix: Any, full: bool, h: int, w: int) -> None:
    image = smooth(h, w)
    back = to_rgb(*to_i420(image, matrix, full), matrix, full)
    assert difference(back, image).mean() <= 2
    assert difference(back, image).max() <= 14


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", list(yuv.LUMA))
@given(colour=st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=40, deadline=None)
def test_a_colour_becomes_what_the_standard_says(matrix: Any, full: bool, colour: tuple[int, int, int]) -> None:
    kr, kb = yuv.LUMA[matrix]
    r, g, b = (c / 255 for c in colour)
    luma = kr * r + (1 - kr - kb) * g + kb * b
    span, chroma, black = (255, 255, 0) if full else (219, 224, 16)
    want = (
        black + span * luma,
        min(128 + chroma * (b - luma) / 2 / (1 - kb), 255),
        min(128 + chroma * (r - luma) / 2 / (1 - kr), 255),
    )
    got = [plane[0, 0] for plane in to_i420(np.full((2, 2, 3), colour, np.uint8), matrix, full)]
    np.testing.assert_allclose(got, want, atol=0.6)


@pytest.mark.parametrize(("matrix", "full"), VARIANTS)
def test_chroma_is_within_one_level_of_the_formula_for_the_mean_of_four_pixels(matrix: Any, full: bool) -> None:
    kr, kb = yuv.LUMA[matrix]
    image = u8(np.random.default_rng(8), 256, 256, 3)
    r, g, b = image.reshape(128, 2, 128, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    luma, scale = kr * r + (1 - kr - kb) * g + kb * b, 1 if full else 224 / 255
    _, u, v = to_i420(image, matrix, full)
    for got, want in ((u, (b - luma) / (1 - kb)), (v, (r - luma) / (1 - kr))):
        assert difference(got, np.rint(128 + scale * want / 2)).max() <= 1


@pytest.mark.parametrize(("matrix", "full"), VARIANTS)
def test_every_pixel_decodes_within_one_level_of_the_formula(matrix: Any, full: bool) -> None:
    kr, kb = yuv.LUMA[matrix]
    y, u, v = (u8(np.random.default_rng(9), n, n) for n in (256, 128, 128))
    black, luma, chroma = (0, 1.0, 1.0) if full else (16, 255 / 219, 255 / 224)
    grey = (y.astype(float) - black) * luma
    cb, cr = (np.repeat(np.repeat(2 * chroma * (c - 128.0), 2, 0), 2, 1) for c in (u, v))
    green = ((1 - kb) * kb * cb + (1 - kr) * kr * cr) / (1 - kr - kb)
    want = np.stack([grey + (1 - kr) * cr, grey - green, grey + (1 - kb) * cb], -1)
    assert difference(to_rgb(y, u, v, matrix, full), np.rint(want).clip(0, 255)).max() <= 1


@pytest.mark.parametrize(("matrix", "full"), VARIANTS)
def test_colours_do_not_drift_when_they_are_converted_again_and_again(matrix: Any, full: bool) -> None:
    image = np.repeat(np.repeat(u8(np.random.default_rng(10), 64, 64, 3), 2, 0), 2, 1)  # blocks of one colour
    first = to_rgb(*to_i420(image, matrix, full), matrix, full)
    last = first
    for _ in range(20):
        last = to_rgb(*to_i420(last, matrix, full), matrix, full)
    strayed = difference(last, first).max(-1) > 1
    assert strayed.mean() <= (0.005 if full else 0)  # without black's and white's room a few colours wander


@pytest.mark.parametrize("full", [False, True])
def test_the_ends_of_the_range_are_black_and_white(full: bool) -> None:
    image = np.repeat(np.array([0, 255], np.uint8), 2 * 2 * 3).reshape(4, 2, 3)
    y, u, v = to_i420(image, full=full)
    assert y[:, 0].tolist() == ([0, 0, 255, 255] if full else [16, 16, 235, 235])
    np.testing.assert_array_equal(to_rgb(y, u, v, full=full), image)


def test_decoding_agrees_with_opencv() -> None:
    rng = np.random.default_rng(1)
    y = np.maximum(u8(rng, 64, 96), 16)  # OpenCV clips what is blacker than black before it adds chroma
    u, v = u8(rng, 2, 32, 48)
    packed = np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(96, 96)
    theirs = cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420)
    assert difference(to_rgb(y, u, v, "bt601"), theirs).max() <= 1


@pytest.mark.parametrize(("matrix", "full"), VARIANTS)
def test_both_directions_agree_with_ffmpeg(matrix: Any, full: bool) -> None:
    space = {"bt601": 5, "bt709": 1, "bt2020": 9}[matrix]
    exact = int(Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)
    image = smooth(128, 192, seed=3)
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
        format="yuv420p",
        dst_colorspace=space,
        src_color_range=2,
        dst_color_range=2 if full else 1,
        interpolation=exact,
    )
    y, u, v = theirs = [pixels(p) for p in frame.planes]
    for ours, other in zip(to_i420(image, matrix, full), theirs, strict=True):
        assert difference(ours, other).max() <= 1
    back = frame.reformat(format="rgb24", src_colorspace=space, dst_color_range=2, interpolation=exact).to_ndarray()
    assert difference(to_rgb(y, u, v, matrix, full), back).mean() <= 1
    assert difference(to_rgb(y, u, v, matrix, full), back).max() <= 5  # FFmpeg interpolates chroma here, we do not


def test_interleaved_chroma_gives_the_same_picture() -> None:
    image = u8(np.random.default_rng(4), H, W, 3)
    y, u, v = to_i420(image)
    flat = blank(H + CH, W + 1)
    y2, uv = yuv.nv12_planes(flat, H, W)
    yuv.rgb_to_nv12(image, y2, uv)
    np.testing.assert_array_equal(uv, np.stack([u, v], -1))
    again = blank(H + CH, W + 1)
    yuv.i420_to_nv12(y, u, v, *yuv.nv12_planes(again, H, W))
    np.testing.assert_array_equal(again, flat)
    parts = planes(H, W)
    yuv.nv12_to_i420(y2, uv, *parts)
    for got, want in zip(parts, (y, u, v), strict=True):
        np.testing.assert_array_equal(got, want)
    out = blank(H, W, 3)
    yuv.nv12_to_rgb(y2, uv, out)
    np.testing.assert_array_equal(out, to_rgb(y, u, v))


def test_chroma_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(KernelError) as e:
        yuv.i420_to_rgb(blank(33, 47), blank(16, 24), blank(17, 24), blank(33, 47, 3))
    assert str(e.value) == "yuv: chroma is 16x24, but luma of 33x47 wants 17x24"
