"""Errors of a matte against a true alpha, over the whole picture: those of Rhemann et al., CVPR 2009, and their units.

SAD, gradient and connectivity are sums divided by 1000; MSE is a mean times 1000. There is no trimap here: every pixel
counts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bgflow.evaluate.footage import Bits, Matte
from bgflow.evaluate.stills import needs

SIGMA = 1.4  # of the Gaussian whose derivative measures the gradient
CUT = 0.01  # where that Gaussian is cut off
STEP = 0.1  # between two levels of the connectivity error
FORGIVEN = 0.15  # how far a pixel may be from the level at which it is connected


def sad(alpha: Matte, truth: Matte) -> float:
    """Sum of absolute differences."""
    return float(np.abs(alpha - truth).sum(dtype=np.float64)) / 1000


def mse(alpha: Matte, truth: Matte) -> float:
    """Mean squared difference."""
    return float(np.square(alpha - truth).mean(dtype=np.float64)) * 1000


def gradient(alpha: Matte, truth: Matte) -> float:
    """Sum of the squared differences of the gradients' lengths, by derivatives of a Gaussian with sigma 1.4."""
    return float(np.square(_steepness(alpha) - _steepness(truth)).sum(dtype=np.float64)) / 1000


def connectivity(alpha: Matte, truth: Matte) -> float:
    """Sum of the differences in how firmly pixels hang together with the largest part that both have in full.

    A pixel is connected up to the last of the levels 0, 0.1 … 1 at which it still belongs to the largest 4-connected
    part of what is at least that level in both mattes; being above that by less than 0.15 is forgiven.
    """
    both = np.minimum(alpha, truth)
    connected = np.zeros(truth.shape, np.float32)
    y, x, h, w = _box(both >= STEP - 1e-6)  # a level's part lies within those below it
    inside, both = connected[y : y + h, x : x + w], both[y : y + h, x : x + w]
    left, part, count = np.ones((h, w), bool), np.zeros((h, w), bool), 0
    for level in np.arange(STEP, 1 + STEP / 2, STEP):
        bits = both >= level - 1e-6
        if (size := int(np.count_nonzero(bits))) != count:  # else it is the same set as before
            part, count = _largest(bits), size
        left &= part
        inside[left] = level
    return float(np.abs(_held(alpha, connected) - _held(truth, connected)).sum(dtype=np.float64)) / 1000


def _held(alpha: Matte, connected: Matte) -> Matte:
    above = alpha - connected
    held: Matte = 1 - above * (above >= FORGIVEN)
    return held


def _box(bits: Bits) -> tuple[int, int, int, int]:
    """Top, left, height and width of what is set."""
    x, y, w, h = needs("cv2").boundingRect(bits.astype(np.uint8))
    return y, x, h, w


def _largest(bits: Bits) -> Bits:
    cv2 = needs("cv2")
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bits.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(bits)
    largest: Bits = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return largest


def _steepness(alpha: Matte) -> Matte:
    cv2 = needs("cv2")
    reach = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * CUT)))
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    bell = np.exp(-np.square(at) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
    slope = -at * bell / SIGMA**2
    size = np.sqrt(np.square(np.outer(bell, slope)).sum())  # the filters have length 1

    def along(x: Any, y: Any) -> Matte:
        out: Matte = cv2.sepFilter2D(alpha, cv2.CV_32F, x, y, borderType=cv2.BORDER_REPLICATE)
        return out

    return np.hypot(along(slope / size, bell), along(bell, slope / size))
