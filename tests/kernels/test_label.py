"""A label mask as a matte."""

from typing import Any

import numpy as np

from bgflow.kernels.label import label_alpha


def labels(rng: np.random.Generator) -> list[Any]:
    return [rng.choice([0, 127, 255], (33, 47)).astype(np.uint8), np.full((33, 47), 9, np.float32)]


CASES: list[tuple[Any, Any]] = [(label_alpha, labels)]


def test_only_subject_is_opaque() -> None:
    alpha = np.empty((1, 3), np.float32)
    label_alpha(np.array([[0, 127, 255]], np.uint8), alpha)
    assert alpha.tolist() == [[0, 0, 1]]
