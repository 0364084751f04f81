"""A label mask as a matte."""

from typing import Any

import numpy as np

from bgflow.kernels.label import label_alpha, label_evidence


def labels(rng: np.random.Generator) -> list[Any]:
    return [rng.choice([0, 127, 255], (33, 47)).astype(np.uint8), np.full((33, 47), 9, np.float32)]


def evidence(rng: np.random.Generator) -> list[Any]:
    return [labels(rng)[0], rng.random((33, 47), np.float32)]


CASES: list[tuple[Any, Any]] = [(label_alpha, labels), (label_evidence, evidence)]


def test_only_subject_is_opaque() -> None:
    alpha = np.empty((1, 3), np.float32)
    label_alpha(np.array([[0, 127, 255]], np.uint8), alpha)
    assert alpha.tolist() == [[0, 0, 1]]


def test_evidence_is_a_half_or_more_for_a_subject_and_a_strong_shadow_counts_half() -> None:
    sure = np.array([[0.25, 0.75, 0.75, 0.25, 0.75]], np.float32)
    label_evidence(np.array([[0, 0, 127, 255, 255]], np.uint8), sure)
    assert sure.tolist() == [[0.25, 0.375, 0.375, 0.5, 0.75]]
