"""What the looks of a pixel say of a new one."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.kernels import looks
from tests.kernels.test_samples import H, W, after, of, taught


def plate(span: int) -> Any:
    return lambda rng: [taught(rng).state, np.zeros((H, W, 3), np.uint8), -(-W // span), span, W]


CASES: list[tuple[Any, Any]] = [
    (of(name), after(name, span)) for name in ("evidence", "match", "shadow") for span in (64, 1)
] + [(looks.looks_plate, plate(span)) for span in (64, 1)]


def test_evidence_is_high_where_no_sample_is_near_and_low_where_all_are() -> None:
    """What was never learned says nothing: a half."""
    rng = np.random.default_rng(7)
    match, evidence = after("match", 64)(rng), after("evidence", 64)(np.random.default_rng(7))
    looks.looks_match(*match)
    looks.looks_evidence(*evidence)
    raw, sure, state = match[4], evidence[3], evidence[2]
    unseen = np.moveaxis(state.reshape(H, -1, 7, 64), 2, 0).reshape(7, H, -1)[5, :, :W] == 0
    assert unseen.any()
    assert (sure[unseen] == 0.5).all()
    agrees = (sure >= 0.5) == (raw == 255)
    assert agrees[~unseen].mean() > 0.95
    assert sure.min() < 0.2
    assert sure.max() > 0.95
