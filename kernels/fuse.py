"""Two opinions about the same picture made into one matte."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function, kernel

f32 = np.float32
SUBJECT = 255
CELL = 8  # pixels a side of what the witness kernel sums up
FEW = f32(1)  # pixels of evidence that count as none


@function
def share(part, whole):
    """part / whole, and next to 0 where there is next to no whole."""
    return min(max(part / (whole + FEW), f32(0)), f32(1))


@kernel(label="u8[h,w]", vote="f32[h,w] out")
def count(y, x, label, vote):
    """1 where the label says subject; a shadow is none."""
    vote[y, x] = f32(1 if label[y, x] == SUBJECT else 0)


@kernel(
    over="m,n", low="f32[h,w]", high="f32[h,w]", vote="f32[h,w]", out="f32[4,m,n] out",
    h="i32", w="i32",
)  # fmt: skip
def witness(y, x, low, high, vote, out, h, w):
    """Of every cell: pixels that are surely subject, those of them voted so; surely background, those voted so."""
    subject = f32(0)
    hit = f32(0)
    background = f32(0)
    clear = f32(0)
    for j in range(y * CELL, min(y * CELL + CELL, h)):
        for i in range(x * CELL, min(x * CELL + CELL, w)):
            subject += low[j, i]
            hit += low[j, i] * vote[j, i]
            background += f32(1) - high[j, i]
            clear += (f32(1) - high[j, i]) * (f32(1) - vote[j, i])
    out[0, y, x] = subject
    out[1, y, x] = hit
    out[2, y, x] = background
    out[3, y, x] = clear


@kernel(
    alpha="f32[h,w]", low="f32[h,w]", high="f32[h,w]", vote="f32[h,w]", evidence="f32[4,m,n]", out="f32[h,w] out",
    trust="f32",
)  # fmt: skip
def decide(y, x, alpha, low, high, vote, evidence, out, trust):
    """Move alpha towards the vote as far as the voter is right nearby, but not below `low` nor above `high`."""
    j = y // CELL
    i = x // CELL
    sees = share(evidence[1, j, i], evidence[0, j, i])
    spares = share(evidence[3, j, i], evidence[2, j, i])
    a = alpha[y, x]
    up = spares * vote[y, x] * (f32(1) - a)
    down = sees * (f32(1) - vote[y, x]) * a
    out[y, x] = min(max(a + trust * (up - down), low[y, x]), high[y, x])
