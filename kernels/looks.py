"""The looks that a background model keeps of each pixel, and what they say of a new one; samples.py is how it learns.

Memory, for n samples of a picture h x w; tiles and looks as in lbsp.py:
    samples  u8[n,h,t,320]  looks
    state    f32[h,t,448]   64 each of the mean colour (3 times 64), `distance`, `reach`, `pace` and `blink`
    was      u8[h,w]        of the last frame: 1 if it was no background, and 2 if a subject after the vote
`distance` is the running mean of the distance to the nearest sample, 0..1; `reach` scales the thresholds, from 1;
`pace` is the number of frames from one replaced sample to the next, 0 where none was ever learned; `blink` is how much
the answer goes to and fro.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels.lbsp import BLUE, FAR, GREEN, NEAR, RED, ones
from bgflow.kernels.tiles import FROZEN, LANES, first, spans

f32, i32, u8 = np.float32, np.int32, np.uint8

DISTANCE, REACH, PACE, BLINK = 3 * LANES, 4 * LANES, 5 * LANES, 6 * LANES
STATE = 7 * LANES
SHADOW = 127
PLENTY = 4  # times as many samples as are needed are surely enough
FULL = f32(3 * 255)  # the largest distance of two colours
BITS = f32(16)  # and of two patterns
LIT, HUE = f32(0.97), f32(0.035)  # a shadow takes at least 3 % of the light, and hardly any colour


@kernel(
    over="h,spans", probe="u8[h,t,320]", samples="u8[n,h,t,320]", state="f32[h,t,448]", freeze="f32[h,w]",
    raw="u8[h,w] out", nearest="f32[h,w] out", n="i32", spans="i32", span="i32", w="i32", need="i32", colour="f32",
    pattern="f32",
)  # fmt: skip
def looks_match(y, i, probe, samples, state, freeze, raw, nearest, n, spans, span, w, need, colour, pattern):
    """255 where fewer than `need` samples are near, else 0; the distance to the nearest of those that were looked at.

    What was never learned is subject where it is frozen, and background where it is not and so is learned now. Where
    `freeze` is between FROZEN and a half, a pattern reaches across the subject's edge, and colour alone counts.
    """
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    count = min(span, w - start)
    for j in range(count):
        raw[y, start + j] = u8(0)
        nearest[y, start + j] = f32(1)
    for k in range(n):
        left = 0
        for j in range(count):
            at = offset + j
            dr = i32(probe[y, tile, at + RED]) - i32(samples[k, y, tile, at + RED])
            dg = i32(probe[y, tile, at + GREEN]) - i32(samples[k, y, tile, at + GREEN])
            db = i32(probe[y, tile, at + BLUE]) - i32(samples[k, y, tile, at + BLUE])
            apart = f32(abs(dr) + abs(dg) + abs(db))
            low = i32(probe[y, tile, at + FAR]) ^ i32(samples[k, y, tile, at + FAR])
            high = i32(probe[y, tile, at + NEAR]) ^ i32(samples[k, y, tile, at + NEAR])
            edge = (freeze[y, start + j] > FROZEN) & (freeze[y, start + j] < f32(0.5))
            unlike = f32(0) if edge else f32(ones(low | high << 8))
            reach = state[y, tile, at + REACH]
            hits = i32(raw[y, start + j])
            fits = (apart <= reach * colour) & (unlike <= reach * pattern)
            distance = max(apart / FULL, unlike / BITS)
            old = nearest[y, start + j]
            nearest[y, start + j] = distance if (hits < need) & (distance < old) else old
            hits += 1 if fits & (hits < need) else 0
            raw[y, start + j] = u8(hits)
            left += 1 if hits < need else 0
        if left == 0:
            break
    for j in range(count):
        unseen = state[y, tile, offset + j + PACE] == f32(0)
        held = freeze[y, start + j] > FROZEN
        far = i32(raw[y, start + j]) < need
        raw[y, start + j] = u8(255) if (unseen & held) | (far & (not unseen)) else u8(0)


@kernel(
    over="h,spans", probe="u8[h,t,320]", samples="u8[n,h,t,320]", state="f32[h,t,448]", evidence="f32[h,w] out",
    n="i32", spans="i32", span="i32", w="i32", need="i32", colour="f32", pattern="f32",
)  # fmt: skip
def looks_evidence(y, i, probe, samples, state, evidence, n, spans, span, w, need, colour, pattern):
    """How few samples are near, softly counted, 0..1: a half for `need` of them, or where nothing was learned yet."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    count = min(span, w - start)
    for j in range(count):
        evidence[y, start + j] = f32(0)
    plenty = f32(PLENTY * need)
    finer = f32(1) / max(pattern, f32(0.5))
    for k in range(n):
        left = 0
        for j in range(count):
            at = offset + j
            dr = i32(probe[y, tile, at + RED]) - i32(samples[k, y, tile, at + RED])
            dg = i32(probe[y, tile, at + GREEN]) - i32(samples[k, y, tile, at + GREEN])
            db = i32(probe[y, tile, at + BLUE]) - i32(samples[k, y, tile, at + BLUE])
            low = i32(probe[y, tile, at + FAR]) ^ i32(samples[k, y, tile, at + FAR])
            high = i32(probe[y, tile, at + NEAR]) ^ i32(samples[k, y, tile, at + NEAR])
            apart = f32(abs(dr) + abs(dg) + abs(db)) / colour
            unlike = f32(ones(low | high << 8)) * finer
            t = max(apart, unlike) / max(state[y, tile, at + REACH], f32(1))
            t2 = t * t
            t4 = t2 * t2
            hits = evidence[y, start + j]
            hits += f32(1) / (f32(1) + t4 * t4) if hits < plenty else f32(0)
            evidence[y, start + j] = hits
            left += 1 if hits < plenty else 0
        if left == 0:
            break
    for j in range(count):
        unseen = state[y, tile, offset + j + PACE] == f32(0)
        hits = evidence[y, start + j] / f32(need)
        evidence[y, start + j] = f32(0.5) if unseen else f32(1) / (f32(1) + hits * hits)


@kernel(
    over="h,spans", probe="u8[h,t,320]", state="f32[h,t,448]", raw="u8[h,w] inout", spans="i32", span="i32", w="i32",
    dark="f32",
)  # fmt: skip
def looks_shadow(y, i, probe, state, raw, spans, span, w, dark):
    """Where the background's mean colour, darkened by a factor down to `dark`, is near, it is a shadow."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    count = min(span, w - start)
    found = 0
    for j in range(count):
        found += 1 if raw[y, start + j] == 255 else 0
    if found == 0:
        return
    for j in range(count):
        at = offset + j
        mr = state[y, tile, at + RED]
        mg = state[y, tile, at + GREEN]
        mb = state[y, tile, at + BLUE]
        r = f32(probe[y, tile, at + RED])
        g = f32(probe[y, tile, at + GREEN])
        b = f32(probe[y, tile, at + BLUE])
        norm = mr * mr + mg * mg + mb * mb + f32(1)
        part = (r * mr + g * mg + b * mb) / norm
        dr = part * mr - r
        dg = part * mg - g
        db = part * mb - b
        dim = (part >= dark) & (part <= LIT) & (dr * dr + dg * dg + db * db <= HUE * HUE * norm)
        old = raw[y, start + j]
        raw[y, start + j] = u8(SHADOW) if dim & (old == 255) else old


@kernel(
    over="h,spans", state="f32[h,t,448]", plate="u8[h,w,3] out", spans="i32", span="i32", w="i32",
)  # fmt: skip
def looks_plate(y, i, state, plate, spans, span, w):
    """The mean colour of each pixel while it was background."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, w - start)):
        plate[y, start + j, 0] = i32(state[y, tile, offset + j + RED] + f32(0.5))
        plate[y, start + j, 1] = i32(state[y, tile, offset + j + GREEN] + f32(0.5))
        plate[y, start + j, 2] = i32(state[y, tile, offset + j + BLUE] + f32(0.5))


def plate(state: Array, out: Array) -> None:
    """The background u8[h,w,3], black where nothing was ever learned."""
    looks_plate(state, out, *spans(out), out.shape[1])
