"""Compositing into NV12 is compositing, then converting, to the bit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import over, overyuv, yuv
from tests.kernels.test_over import blank, matte, picture

H, W, CH, CW = 33, 47, 17, 24
NUMBERS = yuv.encoding("bt601", False)


def composited(r: np.random.Generator) -> list[Any]:
    return [picture(r), matte(r), picture(r), blank(H, W), blank(CH, CW, 2), H, W, *NUMBERS]


CASES: list[tuple[Any, Any]] = [
    (overyuv.over_blocks, composited),
]


def memory(name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.full(shape, 99, dtype)


@pytest.mark.parametrize("simt", [False, True])
@settings(deadline=None, max_examples=60)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(list(yuv.LUMA)), st.booleans(), st.integers(0, 99))
def test_one_pass_is_equal_to_the_two_at_any_size_and_in_any_colours(
    simt: bool, h: int, w: int, matrix: Any, full: bool, seed: int
) -> None:
    r = np.random.default_rng(seed)
    image, back, alpha = picture(r, h, w), picture(r, h, w), r.uniform(-0.2, 1.2, (h, w)).astype(np.float32)
    both, shape = blank(h, w, 3), (h + (h + 1) // 2, w + w % 2)
    want, got = blank(*shape), blank(*shape)
    over.replace(image, alpha, back, both)
    yuv.rgb_to_nv12(both, *yuv.nv12_planes(want, h, w), matrix, full)
    yuv.even_out(want, w)
    with pytest.MonkeyPatch.context() as patch:
        if simt:  # the way of a GPU, here in numba
            patch.setattr(overyuv, "device_of", lambda array: SimpleNamespace(simt=True))
        overyuv.replace(image, alpha, back, got, matrix, full, memory)
    np.testing.assert_array_equal(got, want)
