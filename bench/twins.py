"""What one would write with OpenCV instead of bgflow's kernels, as fast as its functions allow; memory is taken once.

Each twin gets its arrays when it is made and works on them whenever it is called. They have OpenCV's own rounding,
siting of chroma and borders, so that results are near to bgflow's, not equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]
Twin = Callable[[], Array]
HALF = cv2.INTER_AREA  # smooth when shrinking


def nv12_to_rgb(nv12: Array, out: Array) -> Twin:
    """NV12 `u8[h*3/2,w]` to RGB, by BT.601."""
    return lambda: cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12, dst=out)


def i420_to_rgb(i420: Array, out: Array) -> Twin:
    """I420 `u8[h*3/2,w]` to RGB, by BT.601."""
    return lambda: cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420, dst=out)


def rgb_to_i420(image: Array, out: Array) -> Twin:
    """RGB to I420 `u8[h*3/2,w]`, by BT.601."""
    return lambda: cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420, dst=out)


def resize(image: Array, out: Array, how: int) -> Twin:
    """RGB at the size of `out`."""
    size = out.shape[1::-1]
    return lambda: cv2.resize(image, size, dst=out, interpolation=how)


def network_input(image: Array, side: int, mean: Sequence[float], std: Sequence[float]) -> Twin:
    """`f32[1,3,side,side]` of (v - mean) / std, by an averaging resize and OpenCV's own blob."""
    small = np.empty((side, side, 3), np.uint8)
    how: Any = cv2.dnn.Image2BlobParams()
    how.scalefactor = tuple(1 / (255 * s) for s in std)
    how.mean = tuple(255 * m for m in mean)

    def run() -> Array:
        cv2.resize(image, (side, side), dst=small, interpolation=HALF)
        blob: Array = cv2.dnn.blobFromImageWithParams(small, how)
        return blob

    return run


def box(plane: Array, r: int, out: Array) -> Twin:
    """The mean of windows of 2r + 1; what is beyond the border is mirrored, where bgflow takes smaller windows."""
    return lambda: cv2.blur(plane, (2 * r + 1, 2 * r + 1), dst=out, borderType=cv2.BORDER_REFLECT)


def gaussian(image: Array, sigma: float, out: Array) -> Twin:
    """A Gaussian in full resolution."""
    return lambda: cv2.GaussianBlur(image, (0, 0), sigma, dst=out)


def shrunk_gaussian(image: Array, sigma: float, k: int, out: Array) -> Twin:
    """A Gaussian of a picture that was shrunk `k` times, enlarged again."""
    h, w = image.shape[:2]

    def run() -> Array:
        small = cv2.resize(image, (-(-w // k), -(-h // k)), interpolation=HALF)
        return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / k), (w, h), dst=out)

    return run


def blend(image: Array, alpha: Array, background: Array, out: Array) -> Twin:
    """`image` over `background`, by blendLinear; the weights of the background are made anew, as each matte is new."""
    rest = np.empty_like(alpha)

    def run() -> Array:
        cv2.subtract(1.0, alpha, dst=rest)  # type: ignore[call-overload]
        return cv2.blendLinear(image, background, alpha, rest, dst=out)

    return run


def guided(image: Array, alpha: Array, r: int, eps: float, k: int) -> Twin:
    """The fast guided filter (He and Sun, 2015) with a guide in colour, from boxFilter and resize.

    It shrinks `k` times; contrib's ximgproc.guidedFilter, which is not in opencv-python-headless, does not.
    """
    h, w = alpha.shape
    size, window = (-(-w // k), -(-h // k)), (2 * max(round(r / k), 1) + 1,) * 2

    def run() -> Array:
        p = cv2.resize(alpha, size, interpolation=HALF)
        guide = cv2.resize(image, size, interpolation=HALF).astype(np.float32) * np.float32(1 / 255)
        c = cv2.split(guide)
        planes = [*c, p, *(c[i] * c[j] for i, j in PAIRS), *(channel * p for channel in c)]
        m = [cv2.boxFilter(plane, -1, window) for plane in planes]
        rr, rg, rb, gg, gb, bb = (m[4 + n] - m[i] * m[j] + (eps if i == j else 0) for n, (i, j) in enumerate(PAIRS))
        pr, pg, pb = (m[10 + i] - m[i] * m[3] for i in range(3))
        x, y, z = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
        over = 1 / (rr * x + rg * y + rb * z)
        a = [
            (x * pr + y * pg + z * pb) * over,
            (y * pr + (rr * bb - rb * rb) * pg + (rb * rg - rr * gb) * pb) * over,
            (z * pr + (rb * rg - rr * gb) * pg + (rr * gg - rg * rg) * pb) * over,
        ]
        model = cv2.merge([*a, m[3] - a[0] * m[0] - a[1] * m[1] - a[2] * m[2]])
        large = cv2.resize(cv2.boxFilter(model, -1, window), (w, h))
        fitted: Array = np.einsum("ijk,ijk->ij", large[..., :3], image, dtype=np.float32) * np.float32(1 / 255)
        fitted += large[..., 3]
        return np.clip(fitted, 0, 1, out=fitted)

    return run


PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def full_guided(image: Array, alpha: Array, r: int, eps: float) -> Twin | None:
    """contrib's own guided filter; None where OpenCV was built without it."""
    contrib: Any = getattr(cv2, "ximgproc", None)
    return None if contrib is None else lambda: contrib.guidedFilter(image, alpha, r, eps * 255**2)
