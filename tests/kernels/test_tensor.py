"""A network's input against Pillow's bicubic, and the ways to read its answer."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bgflow.kernel import Kernel
from bgflow.kernels import tensor, yuv

Rng = np.random.Generator
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN: Any = ((0, 0, 0), (1, 1, 1))
SCALARS = (0.01, 0.02, 0.03, -1.0, -2.0, 1.5)


class Memory:
    """A stage's scratch arrays; `count` is how many were made."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self.count = 0

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        old = self.arrays.get(name)
        if old is None or old.shape != shape or old.dtype != dtype:
            self.arrays[name] = np.full(shape, 99, dtype)
            self.count += 1
        return self.arrays[name]


def weights(size: int, count: int) -> tuple[Any, Any, int]:
    return tensor._taps("x", size, count, Memory())


def weighed(rng: Rng, size: int, count: int) -> list[Any]:
    first, weight, taps = weights(size, count)
    return [np.zeros_like(first), np.zeros_like(weight), size, taps, size / count, max(size / count, 1)]


def summed(rng: Rng) -> list[Any]:
    first, weight, taps = weights(33, 9)
    out = np.zeros((9, 47), np.float32)
    return [rng.integers(0, 256, (33, 47), np.uint8), first, weight, out, 33, taps]


def along(rng: Rng, count: int, shape: tuple[int, ...]) -> list[Any]:
    first, weight, taps = weights(47, count)
    src = rng.random((7, 47, 3), np.float32) * np.float32(300) - np.float32(20)
    return [src, first, weight, np.zeros(shape, np.float32), 47, taps, *SCALARS]


def read(rng: Rng, shape: tuple[int, ...], channel: int, count: int, activation: int) -> list[Any]:
    answer = rng.normal(0, 4, shape).astype(np.float32)
    return [answer, np.zeros((5, 6), np.float32), channel, count, activation]


def decoded(rng: Rng, full: bool) -> list[Any]:
    first, weight, taps = weights(33, 9)
    luma, uv = rng.integers(0, 256, (33, 47), np.uint8), rng.integers(0, 256, (17, 24, 2), np.uint8)
    return [luma, uv, first, weight, np.zeros((9, 47, 3), np.float32), 33, taps, *yuv.decoding("bt601", full)]


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = []
for full in (False, True):
    CASES.append((tensor.columns_nv12, lambda rng, full=full: decoded(rng, full)))
for sizes in [(33, 9), (47, 61), (5, 5), (1, 3), (3, 1)]:
    CASES.append((tensor.weigh, lambda rng, sizes=sizes: weighed(rng, *sizes)))
CASES.append((tensor.columns, summed))
for n in (13, 60):
    CASES.append((tensor.planes, lambda rng, n=n: along(rng, n, (3, 7, n))))
    CASES.append((tensor.pixels, lambda rng, n=n: along(rng, n, (7, n, 3))))
for mode in (0, 1, 2):
    CASES.append((tensor.of_planes, lambda rng, mode=mode: read(rng, (3, 5, 6), 1, 3, mode)))
    CASES.append((tensor.of_pixels, lambda rng, mode=mode: read(rng, (5, 6, 3), 2, 3, mode)))


def filled(image: Any, h: int, w: int, mean: Any = PLAIN[0], std: Any = PLAIN[1], layout: Any = "nchw") -> Any:
    out = np.empty((1, 3, h, w) if layout == "nchw" else (1, h, w, 3), np.float32)
    tensor.fill(image, out, mean, std, layout, Memory())
    return out[0]


def noise(h: int, w: int) -> Any:
    return np.random.default_rng(h * w).integers(0, 256, (h, w, 3), np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (90, 61), (9, 200), (1, 1), (360, 640)])
def test_a_tensor_is_what_pillow_gives_without_its_rounding(size: tuple[int, int]) -> None:
    image = noise(180, 320)
    planes = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
    theirs = np.stack([np.asarray(p.resize(size[::-1], Image.Resampling.BICUBIC)) for p in planes])
    np.testing.assert_allclose(filled(image, *size), theirs.clip(0, 255) / 255, atol=2e-5)


def test_a_tensor_is_normalised_by_mean_and_deviation() -> None:
    image = noise(40, 50)
    want = (filled(image, 20, 30) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(filled(image, 20, 30, MEAN, STD), want, atol=1e-5)


def test_both_layouts_hold_the_same_numbers() -> None:
    image = noise(33, 47)
    other = filled(image, 20, 30, MEAN, STD, "nhwc")
    np.testing.assert_array_equal(other.transpose(2, 0, 1), filled(image, 20, 30, MEAN, STD))


def test_the_same_size_changes_nothing() -> None:
    image = noise(33, 47)
    np.testing.assert_allclose(filled(image, 33, 47).transpose(1, 2, 0), image / 255, atol=1e-6)


def test_a_part_of_a_picture_is_read_in_place() -> None:
    part = noise(40, 60)[3:30, 7:50]
    np.testing.assert_array_equal(filled(part, 9, 11), filled(part.copy(), 9, 11))


@given(value=st.integers(0, 255), sizes=st.tuples(*[st.integers(1, 40)] * 4))
@settings(max_examples=60, deadline=None)
def test_an_even_picture_stays_even(value: int, sizes: tuple[int, int, int, int]) -> None:
    h, w, oh, ow = sizes
    np.testing.assert_allclose(filled(np.full((h, w, 3), value, np.uint8), oh, ow), value / 255, atol=1e-6)


@given(st.integers(1, 3000), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_weights_sum_to_one_and_none_lies_behind_the_picture(size: int, count: int) -> None:
    first, weight, taps = weights(size, count)
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-5)
    behind = first + np.arange(taps) >= size
    assert not weight[behind].any()
    assert first.min() >= 0


def test_a_second_picture_of_the_same_size_takes_no_memory() -> None:
    memory, out = Memory(), np.empty((1, 3, 32, 32), np.float32)
    tensor.fill(noise(50, 60), out, *PLAIN, "nchw", memory)
    before = memory.count
    tensor.fill(noise(50, 60), out, *PLAIN, "nchw", memory)
    assert memory.count == before


@pytest.mark.parametrize("simt", [False, True])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("h", "w", "oh", "ow"), [(90, 160, 32, 48), (33, 47, 20, 30), (20, 30, 50, 61), (720, 64, 160, 32)]
)
def test_a_tensor_of_nv12_is_that_of_its_picture(
    h: int, w: int, oh: int, ow: int, layout: Any, simt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    nv12 = np.random.default_rng(h).integers(0, 256, (h + (h + 1) // 2, w + w % 2), np.uint8)
    image = np.empty((h, w, 3), np.uint8)
    yuv.nv12_to_rgb(*yuv.nv12_planes(nv12, h, w), image, yuv.usual(h))
    out = np.empty((1, 3, oh, ow) if layout == "nchw" else (1, oh, ow, 3), np.float32)
    if simt:  # the way of a GPU, here in numba
        monkeypatch.setattr(tensor, "device_of", lambda array: SimpleNamespace(simt=True))
    tensor.fill_nv12(nv12, h, w, out, MEAN, STD, layout, Memory())
    np.testing.assert_allclose(out[0], filled(image, oh, ow, MEAN, STD, layout), atol=1e-5)


def matte(answer: Any, activation: Any, channel: int = -1, layout: Any = "nchw") -> Any:
    out = np.empty(answer.shape[1:] if layout == "nchw" else answer.shape[:2], np.float32)
    tensor.matte(answer, out, activation, channel, layout)
    return out


def test_softmax_of_two_channels_is_the_logistic_function_of_their_difference() -> None:
    answer = np.random.default_rng(1).normal(0, 5, (2, 9, 11)).astype(np.float32)
    np.testing.assert_allclose(matte(answer, "softmax"), matte(answer[1:] - answer[:1], "sigmoid"), atol=1e-6)


@given(st.lists(st.floats(-500, 500, width=32), min_size=3, max_size=3))
def test_softmax_shares_add_up_to_one(values: list[float]) -> None:
    answer = np.array(values, np.float32).reshape(1, 1, 3)
    shares = [matte(answer, "softmax", c, "nhwc")[0, 0] for c in range(3)]
    assert sum(shares) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_channel_without_activation_is_given_as_it_is(layout: str) -> None:
    answer = np.random.default_rng(2).random((3, 3, 3), np.float32)
    want = answer[1] if layout == "nchw" else answer[..., 1]
    np.testing.assert_array_equal(matte(answer, "none", 1, layout), want)
