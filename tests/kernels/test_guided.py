"""The guided filter, against its definition in double precision."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import guided
from tests.kernels import hostcuda
from tests.kernels.test_box import box_means, empty, real

Make = Callable[[np.random.Generator], list[Any]]
Way = Callable[[], AbstractContextManager[None]]
H, W = 33, 47


def levels(rng: np.random.Generator, h: int = H, w: int = W) -> np.ndarray[Any, Any]:
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def statistics(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Moments as two samples in every window give them."""
    out = empty(13, H, W)
    for _ in range(2):
        c, p = real(rng, 3, H, W) / np.sqrt(np.float32(2)), real(rng, H, W)
        pairs = [c[i] * c[j] for i in range(3) for j in range(i, 3)]
        out += np.stack([*c, *pairs, p, *(p * c)]) / np.float32(2)
    return out


CASES: list[tuple[Kernel, Make]] = [
    (guided.shrink, lambda rng: [levels(rng), real(rng, H, W), empty(4, 9, 12), 4, H, W]),
    (guided.regress, lambda rng: [real(rng, 4, H, W), empty(4, H, W), 0.05, 2, H, W]),
    (guided.moments, lambda rng: [levels(rng), real(rng, H, W), empty(13, 9, 12), 4, H, W]),
    (guided.fit, lambda rng: [statistics(rng), empty(4, H, W), 0.05]),
    *[
        (guided.predict, lambda rng, k=k: [
            levels(rng), real(rng, 4, -(-H // k), -(-W // k)) - np.float32(0.5), empty(H, W),
            1.5, k, -(-H // k), -(-W // k), W, -(-W // k) + 1,
        ])
        for k in (1, 3, 4)
    ],
    *[
        (guided.predict_pixel, lambda rng, k=k: [
            levels(rng), real(rng, 4, -(-H // k), -(-W // k)) - np.float32(0.5), empty(H, W),
            1.5, k, -(-H // k), -(-W // k),
        ])
        for k in (1, 3, 4)
    ],
]  # fmt: skip


class Memory:
    """Scratch memory as a stage's context gives it."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        if name not in self.arrays or self.arrays[name].shape != shape:
            self.arrays[name] = np.full(shape, 77, dtype)
        return self.arrays[name]


def guided_filter(image: np.ndarray[Any, Any], alpha: np.ndarray[Any, Any], r: int, eps: float) -> np.ndarray[Any, Any]:
    """He, Sun and Tang's equations for a colour guide, as they stand."""
    i = image.transpose(2, 0, 1).astype(np.float64) / 255
    p = alpha.astype(np.float64)
    mean_i, mean_p = box_means(i, r), box_means(p, r)
    cov = box_means(i[:, None] * i[None], r) - mean_i[:, None] * mean_i[None] + eps * np.eye(3)[..., None, None]
    cross = box_means(i * p, r) - mean_i * mean_p
    a = np.linalg.solve(cov.transpose(2, 3, 0, 1), cross.transpose(1, 2, 0)[..., None])[..., 0].transpose(2, 0, 1)
    b = mean_p - (a * mean_i).sum(0)
    return np.clip((box_means(a, r) * i).sum(0) + box_means(b, r), 0, 1)


@pytest.mark.parametrize("way", hostcuda.ways())
@settings(max_examples=15, deadline=None)
@given(
    h=st.integers(1, 24), w=st.integers(1, 24), r=st.integers(1, 8), eps=st.sampled_from([1e-3, 1e-2, 0.1]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_unshrunk_it_is_the_guided_filter_as_published(way: Way, h: int, w: int, r: int, eps: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, alpha, out = levels(rng, h, w), real(rng, h, w), empty(h, w)
    with way():
        guided.refine(image, alpha, out, r, eps, 1, Memory())
    np.testing.assert_allclose(out, guided_filter(image, alpha, r, eps), atol=2e-3)


def test_shrunk_it_stays_near_the_exact_filter() -> None:
    h, w = 120, 160
    y, x = np.mgrid[:h, :w]
    inside = ((y - 60) ** 2 + (x - 80) ** 2 < 40**2).astype(np.float32)
    image = (np.stack([60 + 120 * inside, 90 + 40 * inside, 150 - 90 * inside], -1) + x[..., None] / 8).astype(np.uint8)
    coarse = np.clip((45 - np.hypot(y - 60, x - 80)) / 12 + 0.5, 0, 1).astype(np.float32)
    fast = empty(h, w)
    guided.refine(image, coarse, fast, 8, 1e-3, 2, Memory())
    assert np.abs(fast - guided_filter(image, coarse, 8, 1e-3)).mean() < 0.01


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_flat_matte_stays_flat_whatever_the_picture(k: int, value: float) -> None:
    rng = np.random.default_rng(0)
    out = empty(90, 130)
    guided.refine(levels(rng, 90, 130), np.full((90, 130), value, np.float32), out, 6, 1e-4, k, Memory())
    np.testing.assert_allclose(out, value, atol=1e-3)


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@settings(max_examples=15, deadline=None)
@given(r=st.integers(1, 30), k=st.integers(1, 5), slope=st.sampled_from([1.0, 2.0]), seed=st.integers(0, 99))
def test_a_gpu_refines_and_enlarges_as_a_cpu_does(r: int, k: int, slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, alpha = levels(rng, 41, 53), real(rng, 41, 53)
    small = -(-41 // k), -(-53 // k)
    guide, matte = levels(rng, *small), real(rng, *small)
    made = []
    for way in (contextlib.nullcontext, hostcuda.gpu):
        out, large = empty(41, 53), empty(41, 53)
        with way():
            guided.refine(image, alpha, out, r, 1e-2, k, Memory(), slope)
            guided.enlarge(matte, guide, image, large, r, 1e-2, k, Memory(), slope)
        made.append((out, large))
    np.testing.assert_allclose(made[1], made[0], atol=1e-3)


@pytest.mark.parametrize("way", hostcuda.ways())
def test_two_sizes_in_turn_keep_their_memory(way: Way) -> None:
    rng, memory = np.random.default_rng(0), Memory()
    image, alpha, out = levels(rng), real(rng, H, W), empty(H, W)
    taken = []
    with way():
        for k in (1, 2, 1, 2):
            guided.refine(image, alpha, out, 3, 1e-2, k, memory)
            taken.append({name: a.ctypes.data for name, a in memory.arrays.items()})
    assert taken[1] == taken[3]


def test_a_slope_makes_the_edge_steeper_around_a_half() -> None:
    rng = np.random.default_rng(4)
    image, alpha, plain, steep = levels(rng), real(rng, H, W), empty(H, W), empty(H, W)
    guided.refine(image, alpha, plain, 3, 1e-2, 1, Memory())
    guided.refine(image, alpha, steep, 3, 1e-2, 1, Memory(), slope=3)
    np.testing.assert_allclose(steep, np.clip((plain - 0.5) * 3 + 0.5, 0, 1), atol=1e-5)


def test_a_blurred_and_shifted_edge_jumps_where_the_picture_does() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 40:] = 200
    blurred = np.broadcast_to(np.clip((np.arange(80) - 38) / 16 + 0.5, 0, 1), (60, 80)).astype(np.float32)
    out = empty(60, 80)
    guided.refine(image, blurred, out, 10, 1e-4, 1, Memory())
    steps = np.diff(out[30])
    assert steps.argmax() == 39
    assert steps.max() > 5 * np.diff(blurred[30]).max()
