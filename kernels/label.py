"""Label masks: 0 is background, 127 shadow, 255 subject."""

from __future__ import annotations

import numpy as np

from bgflow.kernel import kernel

f32 = np.float32


@kernel(label="u8[h,w]", alpha="f32[h,w] out")
def label_alpha(y, x, label, alpha):  # type: ignore[no-untyped-def]
    """A hard matte: 1 where the label says subject, else 0; a shadow is not subject."""
    alpha[y, x] = f32(1) if label[y, x] == 255 else f32(0)


@kernel(label="u8[h,w]", evidence="f32[h,w] inout")
def label_evidence(y, x, label, evidence):  # type: ignore[no-untyped-def]
    """Make evidence agree with the label: a half or more for a subject; a shadow's, which is strong, is halved."""
    e = evidence[y, x]
    less = e * f32(0.5) if e >= f32(0.5) else e
    evidence[y, x] = max(e, f32(0.5)) if label[y, x] == 255 else less
