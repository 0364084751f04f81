"""What a mixture of Gaussians says of a colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.kernels import modes
from tests.kernels.test_mog import RATIO, REACH, H, W, taught, update


def plate(span: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        _, a = taught(rng)
        a["modes"][3] = 0
        out = np.zeros((H, W, 3), np.uint8)
        return [a["modes"], a["weight"], a["gauss"], out, -(-W // span), span, W, RATIO]

    return made


def evidence(span: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        image, a = taught(rng)
        a["modes"][3] = 0
        out = np.zeros((H, W), np.float32)
        return [image, a["modes"], a["weight"], a["gauss"], out, -(-W // span), span, W, REACH, RATIO]

    return made


CASES: list[tuple[Any, Any]] = [
    (kernel, make(span))
    for kernel, make in ((modes.modes_plate, plate), (modes.modes_evidence, evidence))
    for span in (64, 1)
]


def test_evidence_is_above_a_half_where_the_label_is_not_background() -> None:
    rng = np.random.default_rng(3)
    image, a = taught(rng)
    out = np.zeros((H, W), np.float32)
    modes.evidence(image, a["modes"], a["weight"], a["gauss"], out, REACH, RATIO)
    update(image, a, 0.01, shadow=255)
    assert np.mean((out >= 0.5) == (a["label"] == 255)) > 0.99
    assert 0 <= out.min() < 0.1
    assert 0.9 < out.max() < 1


def test_where_nothing_was_learned_evidence_is_a_half_and_the_plate_black() -> None:
    image, a = taught(np.random.default_rng(3))
    a["modes"][:] = 0
    out, plate = np.zeros((H, W), np.float32), np.ones((H, W, 3), np.uint8)
    modes.evidence(image, a["modes"], a["weight"], a["gauss"], out, REACH, RATIO)
    modes.plate(a["modes"], a["weight"], a["gauss"], plate, RATIO)
    assert (out == 0.5).all()
    assert not plate.any()
