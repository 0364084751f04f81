"""The measures of changedetection.net (Wang et al., CDnet 2014), as its official tool counts them.

Labels of the truth: 0 static, 50 hard shadow (both must be background), 85 outside the region of interest and
170 unknown (neither counts), 255 moving. A result is a subject where its alpha is at least a half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bgflow.evaluate.footage import Bits

STATIC, SHADOW, OUTSIDE, UNKNOWN, MOVING = 0, 50, 85, 170, 255
LABELS = (STATIC, SHADOW, OUTSIDE, UNKNOWN, MOVING)


@dataclass(frozen=True)
class Counts:
    """Pixels: true and false positives and negatives; `shadow` are the false positives on shadows."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0
    shadow: int = 0

    @classmethod
    def of(cls, found: Bits, truth: np.ndarray[Any, Any]) -> Counts:
        """The counts of one frame."""
        moving, still = truth == MOVING, truth <= SHADOW
        return cls(
            int(np.count_nonzero(found & moving)),
            int(np.count_nonzero(found & still)),
            int(np.count_nonzero(~found & moving)),
            int(np.count_nonzero(~found & still)),
            int(np.count_nonzero(found & (truth == SHADOW))),
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.tn + other.tn,
            self.shadow + other.shadow,
        )

    def figures(self) -> dict[str, float]:
        """The seven measures; one that divides by nothing is 0."""
        recall = _ratio(self.tp, self.tp + self.fn)
        precision = _ratio(self.tp, self.tp + self.fp)
        return {
            "recall": recall,
            "specificity": _ratio(self.tn, self.tn + self.fp),
            "fpr": _ratio(self.fp, self.fp + self.tn),
            "fnr": _ratio(self.fn, self.tp + self.fn),
            "pwc": 100 * _ratio(self.fn + self.fp, self.tp + self.fp + self.fn + self.tn),
            "precision": precision,
            "f": _ratio(2 * precision * recall, precision + recall),
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
