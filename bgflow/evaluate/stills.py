"""Measures of one matte against its truth: how much of the subject is found, and how well its outline is met.

F, S and E are those of `pysodmetrics`, on the matte as it is, without stretching it to 0..1. A picture without a
subject has no IoU and no F: it counts only in `empty`, the share of the picture that is wrongly called subject.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bgflow.errors import UsageError
from bgflow.evaluate.footage import Bits, Matte

THRESHOLDS = np.arange(0.5, 1.0, 0.05)
BOUND = 0.008  # of the picture's diagonal: how far off an outline may be, as DAVIS has it


def needs(package: str) -> Any:
    """A package that only measuring wants; raises UsageError with the remedy."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as e:
        raise UsageError(f"measuring needs {e.name or package}; pip install 'bgflow[bench]'") from None


def iou(found: Bits, truth: Bits) -> float:
    """Intersection over union; 1 when both are empty."""
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def mean_ap(ious: list[float]) -> float:
    """The mean, over thresholds 0.50, 0.55 … 0.95, of the share of pictures whose IoU reaches the threshold."""
    return float(np.mean([np.mean(np.array(ious) >= t - 1e-9) for t in THRESHOLDS]))


def boundary_f(found: Bits, truth: Bits) -> float:
    """F of the outlines: a pixel of one is right when the other has one within `BOUND` of the diagonal.

    As in Perazzi et al., 'A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation', CVPR 2016;
    with true Euclidean distance.
    """
    bound = math.ceil(BOUND * math.hypot(*truth.shape))
    a, b = outline(found), outline(truth)
    if not a.any() or not b.any():
        return float(not a.any() and not b.any())
    precision = float((distance(b)[a] <= bound).mean())
    recall = float((distance(a)[b] <= bound).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(bits: Bits) -> Bits:
    """Pixels whose right, lower or lower right neighbour is on the other side."""
    out = np.zeros_like(bits)
    out[:, :-1] |= bits[:, 1:] != bits[:, :-1]
    out[:-1] |= bits[1:] != bits[:-1]
    out[:-1, :-1] |= bits[1:, 1:] != bits[:-1, :-1]
    return out


def distance(bits: Bits) -> Matte:
    """How far every pixel is from the nearest set one, in pixels; far beyond the picture when there is none."""
    cv2 = needs("cv2")
    if not bits.any():
        return np.full(bits.shape, float(sum(bits.shape)), np.float32)
    away: Matte = cv2.distanceTransform((~bits).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return away


class Saliency:
    """F, S and E over many pictures; `add` each, then ask for `figures`."""

    def __init__(self) -> None:
        sod = needs("py_sod_metrics")
        f = sod.FmeasureHandler(with_dynamic=True, with_adaptive=True, beta=0.3)
        self._f, self._s, self._e = sod.FmeasureV2({"f": f}), sod.Smeasure(), sod.Emeasure()

    def add(self, alpha: Matte, truth: Bits) -> None:
        """One matte, 0..1, and its truth, which is not empty."""
        for measure in (self._f, self._s, self._e):
            measure.step(alpha, truth, normalize=False)

    def figures(self) -> dict[str, float]:
        """`f_max` (of the mean curve), `f_adaptive` (threshold twice the mean), `s`, and `e` (mean of the curve)."""
        f = self._f.get_results()["f"]
        return {
            "f_max": float(f["dynamic"].max()),
            "f_adaptive": float(f["adaptive"]),
            "s": float(self._s.get_results()["sm"]),
            "e": float(self._e.get_results()["em"]["curve"].mean()),
        }
