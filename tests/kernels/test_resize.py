"""Resampling against OpenCV and PIL, and its own promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bgflow.errors import KernelError
from bgflow.kernel import Kernel
from bgflow.kernels import resize
from tests.kernels.test_yuv import difference

Rng = np.random.Generator
IH, IW = 33, 47
SIZES = [(20, 61), (9, 11), (40, 50)]


def picture(rng: Rng, kind: str, h: int = IH, w: int = IW) -> Any:
    shape = (h, w, int(kind[-1])) if "x" in kind else (h, w)
    return rng.random(shape, np.float32) if kind == "f32" else rng.integers(0, 256, shape, np.uint8)


def blank(like: Any, h: int, w: int) -> Any:
    return np.zeros((h, w, *like.shape[2:]), like.dtype)


def resampled(how: Callable[[Any, Any], None], src: Any, h: int, w: int) -> Any:
    out = blank(src, h, w)
    how(src, out)
    return out


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = []
for oh, ow in SIZES:
    scale = (IH, IW, IH / oh, IW / ow)
    reach = (max(IH / oh, 1) / 2, max(IW / ow, 1) / 2)
    for kind in ("u8", "f32", "u8x3", "u8x4"):

        def box(rng: Rng, kind: str = kind, size: Any = (oh, ow), rest: Any = (*scale, *reach)) -> list[Any]:
            src = picture(rng, kind)
            return [src, blank(src, *size), *rest]

        def point(rng: Rng, kind: str = kind, size: Any = (oh, ow), rest: Any = scale) -> list[Any]:
            src = picture(rng, kind)
            return [src, blank(src, *size), *rest]

        CASES.append((getattr(resize, f"box_{kind}"), box))
        CASES.append((getattr(resize, f"point_{kind}"), point))

    def rows(rng: Rng, size: Any = (oh, ow), rest: Any = (*scale, *reach)) -> list[Any]:
        src = picture(rng, "u8x3")
        return [src.reshape(IH, IW * 3), blank(src, *size), *rest, size[1]]

    CASES.append((resize.rows_u8x3, rows))

kinds = pytest.mark.parametrize("kind", ["u8", "f32", "u8x3", "u8x4"])


def opaque(src: Any) -> Any:
    """The picture with full alpha, if it has alpha: then colours are weighted alike, as OpenCV does."""
    if src.ndim == 3 and src.shape[2] == 4:
        src[..., 3] = 255
    return src


@kinds
@pytest.mark.parametrize("size", [(65, 93), (45, 50), (20, 30)])
def test_linear_agrees_with_opencv(kind: str, size: tuple[int, int]) -> None:
    src = opaque(picture(np.random.default_rng(1), kind))
    theirs = cv2.resize(src, size[::-1], interpolation=cv2.INTER_LINEAR)
    worst = np.abs(resampled(resize.linear, src, *size).astype(float) - theirs).max()
    assert worst <= (1e-3 if kind == "f32" else 1)


@kinds
@pytest.mark.parametrize("size", [(11, 47), (16, 23), (30, 44)])
def test_area_agrees_with_opencv_when_shrinking(kind: str, size: tuple[int, int]) -> None:
    src = opaque(picture(np.random.default_rng(2), kind))
    theirs = cv2.resize(src, size[::-1], interpolation=cv2.INTER_AREA)
    worst = np.abs(resampled(resize.area, src, *size).astype(float) - theirs).max()
    assert worst <= (1e-4 if kind == "f32" else 1)


@given(st.tuples(*[st.integers(1, 60)] * 4), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_gpu_and_a_cpu_average_to_the_same_bytes(sizes: tuple[int, int, int, int], seed: int) -> None:
    ih, iw, oh, ow = sizes
    src = picture(np.random.default_rng(seed), "u8x3", ih, iw)
    one = blank(src, oh, ow)
    resize.box_u8x3(src, one, *resize._scale(src, one), *resize._reach(src, one))
    other = blank(src, oh, ow)
    resize.rows_u8x3(
        src.reshape(ih, iw * 3), other, *resize._scale(src, other), *resize._reach(src, other), other.shape[1]
    )
    np.testing.assert_array_equal(one, other)


def test_area_agrees_with_pil_box() -> None:
    src = picture(np.random.default_rng(3), "u8x3", 60, 84)
    theirs = np.asarray(Image.fromarray(src).resize((28, 20), Image.Resampling.BOX))
    assert difference(resampled(resize.area, src, 20, 28), theirs).max() <= 1


@kinds
def test_area_interpolates_linearly_on_the_axis_that_it_enlarges(kind: str) -> None:
    src = picture(np.random.default_rng(4), kind)
    tall = np.repeat(src, 4, axis=0)  # shrinks again by an exact 4 downwards, while it enlarges sideways
    one, other = resampled(resize.area, tall, IH, 95), resampled(resize.linear, src, IH, 95)
    np.testing.assert_allclose(one.astype(float), other, atol=1e-5 if kind == "f32" else 1)


@kinds
def test_nearest_agrees_with_pil(kind: str) -> None:
    src = picture(np.random.default_rng(5), kind)
    for h, w in [(20, 61), (66, 94), (9, 11)]:
        theirs = np.asarray(Image.fromarray(src).resize((w, h), Image.Resampling.NEAREST))
        np.testing.assert_array_equal(resampled(resize.nearest, src, h, w), theirs)


@kinds
@pytest.mark.parametrize("how", [resize.linear, resize.area, resize.nearest], ids=lambda f: f.__name__)
def test_the_same_size_changes_nothing(how: Any, kind: str) -> None:
    src = picture(np.random.default_rng(6), kind)
    if kind == "u8x4":
        src[src[..., 3] == 0] = 0
    np.testing.assert_array_equal(resampled(how, src, IH, IW), src)


@given(
    value=st.integers(0, 255),
    sizes=st.tuples(*[st.integers(1, 40)] * 4),
    how=st.sampled_from([resize.linear, resize.area, resize.nearest]),
    kind=st.sampled_from(["u8", "u8x3", "f32"]),
)
@settings(max_examples=60, deadline=None)
def test_an_even_picture_stays_even(value: int, sizes: Any, how: Any, kind: str) -> None:
    ih, iw, oh, ow = sizes
    src = np.full_like(picture(np.random.default_rng(0), kind, ih, iw), value)
    np.testing.assert_allclose(resampled(how, src, oh, ow), value, rtol=1e-6 if kind == "f32" else 0)


def test_an_invisible_colour_does_not_bleed() -> None:
    src = np.zeros((8, 8, 4), np.uint8)
    src[:, :4] = (200, 100, 50, 255)
    src[:, 4:] = (0, 255, 0, 0)
    for how in (resize.linear, resize.area):
        out = resampled(how, src, 5, 5)
        seen = out[out[..., 3] > 0]
        assert (seen[:, :3] == (200, 100, 50)).all()
        assert 0 < seen[:, 3].min() < 255


@given(src=st.lists(st.floats(-2, 3, width=32), min_size=4, max_size=4), h=st.integers(1, 9), w=st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_a_matte_stays_within_0_and_1(src: list[float], h: int, w: int) -> None:
    out = np.empty((h, w), np.float32)
    resize.matte(np.array(src, np.float32).reshape(2, 2), out)
    assert out.min() >= 0
    assert out.max() <= 1


def test_linear_does_not_clamp_numbers() -> None:
    out = np.empty((4, 4), np.float32)
    resize.linear(np.full((2, 2), 7.5, np.float32), out)
    assert (out == 7.5).all()


def test_a_picture_of_two_channels_is_refused() -> None:
    with pytest.raises(KernelError) as e:
        resize.area(np.zeros((8, 9, 2), np.uint8), np.zeros((4, 4, 2), np.uint8))
    assert str(e.value) == (
        "resize: the picture is uint8[8, 9, 2]; it takes u8[h,w], u8[h,w,3], u8[h,w,4] and f32[h,w]"
    )
