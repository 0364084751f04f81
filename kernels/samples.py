"""A background model of samples: at every pixel some looks it has had, and how near a look must be to one of them.

A pixel is background when it is near enough to two of its samples (ViBe: Barnich and Van Droogenbroeck, "ViBe: A
Universal Background Subtraction Algorithm for Video Sequences", TIP 20, 2011). A sample is a colour and a local binary
similarity pattern; how near is near enough, and how often a sample is replaced, follows at every pixel from how far
the picture stays from the samples and how often the answer blinks (SuBSENSE: St-Charles, Bilodeau and Bergevin,
"SuBSENSE: A Universal Change Detection Method with Local Adaptive Sensitivity", TIP 24, 2015). It is neither of them:
the constants are our own, patterns are of brightness alone, both thresholds grow in proportion, a shadow is told apart
by its colour, and what stays for long becomes background.

Chance is a hash of seed, frame and pixel, and a pixel takes a neighbour's look instead of being given it, so that
nothing depends on the order in which threads run.

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
from bgflow.kernel import function, kernel
from bgflow.kernels.figure import mix
from bgflow.kernels.guided import Scratch
from bgflow.kernels.lbsp import BLUE, EDGE, FAR, GREEN, LOOK, NEAR, RED, look, ones
from bgflow.kernels.majority import majority
from bgflow.kernels.mog import LANES, first, spans

f32, i32, u8 = np.float32, np.int32, np.uint8

DISTANCE, REACH, PACE, BLINK = 3 * LANES, 4 * LANES, 5 * LANES, 6 * LANES
STATE = 7 * LANES
SHADOW = 127
FROZEN = f32(0.1)  # of alpha: what is mixed with the subject is not learned either
FULL = f32(3 * 255)  # the largest distance of two colours
BITS = f32(16)  # and of two patterns

DRIFT = f32(0.02)  # of `distance`, each frame
WIDEN, REACH_MAX = f32(0.02), f32(8)
SLOWER, QUICKER, PACE_MAX = f32(0.5), f32(0.05), f32(256)
CALM, BLINK_MIN, BLINK_MAX = f32(0.1), f32(0.1), f32(255)
TINY = f32(1e-3)
LIT, HUE = f32(0.97), f32(0.035)  # a shadow takes at least 3 % of the light, and hardly any colour

OWN, TAKEN, NEW = 1, 2, 4  # what is due: a look of its own, a neighbour's, all samples
ROW, COLUMN, CHANCES = 0x9E3779B1, 0x85EBCA6B, f32(65536)


@kernel(
    over="h,spans", probe="u8[h,t,320]", samples="u8[n,h,t,320]", state="f32[h,t,448]", freeze="f32[h,w]",
    raw="u8[h,w] out", nearest="f32[h,w] out", n="i32", spans="i32", span="i32", w="i32", need="i32", colour="f32",
    pattern="f32",
)  # fmt: skip
def samples_match(y, i, probe, samples, state, freeze, raw, nearest, n, spans, span, w, need, colour, pattern):
    """255 where fewer than `need` samples are near, else 0; the distance to the nearest of those that were looked at.

    What was never learned is subject where it is frozen, and background where it is not and so is learned now.
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
            unlike = f32(ones(low | high << 8))
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
    over="h,spans", probe="u8[h,t,320]", state="f32[h,t,448]", raw="u8[h,w] inout", spans="i32", span="i32", w="i32",
    dark="f32",
)  # fmt: skip
def samples_shadow(y, i, probe, state, raw, spans, span, w, dark):
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
    over="h,spans", probe="u8[h,t,320]", state="f32[h,t,448] inout", raw="u8[h,w]", nearest="f32[h,w]",
    label="u8[h,w]", freeze="f32[h,w]", was="u8[h,w] inout", spans="i32", span="i32", w="i32", mean="f32",
    swing="f32", pace_min="f32",
)  # fmt: skip
def samples_adapt(
    y, i, probe, state, raw, nearest, label, freeze, was, spans, span, w, mean, swing, pace_min
):  # fmt: skip
    """Let reach and pace of every pixel follow how far it was from its samples and how often it blinks."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, w - start)):
        x = start + j
        at = offset + j
        subject = raw[y, x] != 0
        inside = label[y, x] == 255
        before = i32(was[y, x])
        blinks = (subject != (before % 2 == 1)) & (before < 2) & (not inside)
        was[y, x] = u8((1 if subject else 0) + (2 if inside else 0))
        distance = state[y, tile, at + DISTANCE]
        reach = state[y, tile, at + REACH]
        pace = state[y, tile, at + PACE]
        held = (freeze[y, x] > FROZEN) | (pace == f32(0))
        blink = state[y, tile, at + BLINK]
        far = distance + DRIFT * (nearest[y, x] - distance)
        nervous = min(blink + f32(1), BLINK_MAX) if blinks else max(blink - CALM, BLINK_MIN)
        wide = f32(1) + far * swing
        grown = reach + WIDEN * nervous if reach < wide * wide else reach - WIDEN / nervous
        tempo = pace + SLOWER / (nervous * far + TINY) if subject else pace - QUICKER * nervous / (far + TINY)
        state[y, tile, at + DISTANCE] = distance if held else far
        state[y, tile, at + REACH] = reach if held else min(max(grown, f32(1)), REACH_MAX)
        state[y, tile, at + PACE] = pace if held else min(max(tempo, pace_min), PACE_MAX)
        state[y, tile, at + BLINK] = blink if held else nervous
        part = f32(0) if held | subject else mean
        r = state[y, tile, at + RED]
        g = state[y, tile, at + GREEN]
        b = state[y, tile, at + BLUE]
        state[y, tile, at + RED] = r + part * (f32(probe[y, tile, at + RED]) - r)
        state[y, tile, at + GREEN] = g + part * (f32(probe[y, tile, at + GREEN]) - g)
        state[y, tile, at + BLUE] = b + part * (f32(probe[y, tile, at + BLUE]) - b)


@function
def beside(place, chance, r, n):
    """A place of 0..n-1 at most r from `place`, drawn by the lowest eight bits of `chance`."""
    return i32(min(max(i32(place) + i32((int(chance) & 0xFF) * (2 * r + 1) // 256) - r, 0), n - 1))


@function
def take(k, y, x, ny, nx, probe, samples):
    """Make the look of pixel (ny, nx) sample k of pixel (y, x)."""
    for c in range(0, LOOK, LANES):
        samples[k, y, x // LANES, x % LANES + c] = probe[ny, nx // LANES, nx % LANES + c]


@kernel(
    over="h,spans", probe="u8[h,t,320]", samples="u8[n,h,t,320] inout", state="f32[h,t,448] inout", raw="u8[h,w]",
    freeze="f32[h,w]", todo="u8[h,w] out", n="i32", spans="i32", span="i32", h="i32", w="i32", key="i32",
    limit="f32", absorb="f32", pace_min="f32",
)  # fmt: skip
def samples_renew(
    y, i, probe, samples, state, raw, freeze, todo, n, spans, span, h, w, key, limit, absorb, pace_min
):  # fmt: skip
    """Once in `pace` frames, at most `limit`, replace one sample by the pixel's look and one by that of a neighbour.

    What is no background takes its own look once in `absorb` frames, and nobody takes a look from there. A pixel that
    was never learned begins with looks of the 5x5 pixels around it. Which samples go is drawn for a tile, so that few
    lines of memory are touched; whether they go, and which neighbour counts, for a pixel.
    """
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    row = int(key) + int(y) * ROW
    chance = mix(row + int(tile) * COLUMN + 1)
    slot = max(i32((chance & 0xFF) * n // 256), i32(0))
    other = max(i32((chance >> 8 & 0xFF) * n // 256), i32(0))
    for j in range(min(span, w - start)):
        x = start + j
        chance = mix(row + int(x) * COLUMN)
        pace = state[y, tile, offset + j + PACE]
        often = min(pace, limit)
        mine = often if raw[y, x] == 0 else absorb
        due = TAKEN if f32(chance >> 16) * often < CHANCES else 0
        due += OWN if f32(chance & 0xFFFF) * mine < CHANCES else 0
        due = NEW if pace == f32(0) else due
        todo[y, x] = u8(due) if freeze[y, x] <= FROZEN else u8(0)
    for c in range(0, LOOK, LANES):
        for j in range(min(span, w - start)):
            at = offset + j + c
            old = samples[slot, y, tile, at]
            new = probe[y, tile, at]
            samples[slot, y, tile, at] = new if todo[y, start + j] & OWN else old
    for j in range(min(span, w - start)):
        x = start + j
        if todo[y, x] < TAKEN:
            continue
        chance = mix(row + int(x) * COLUMN + 2)
        if todo[y, x] & TAKEN:
            ny = beside(y, chance, 1, h)
            nx = beside(x, chance >> 8, 1, w)
            if raw[ny, nx] == 0 and freeze[ny, nx] <= FROZEN:
                take(other, y, x, ny, nx, probe, samples)
        if todo[y, x] & NEW:
            at = offset + j
            for c in range(0, DISTANCE, LANES):
                state[y, tile, at + c] = f32(probe[y, tile, at + c])
            state[y, tile, at + DISTANCE] = f32(0)
            state[y, tile, at + REACH] = f32(1)
            state[y, tile, at + PACE] = pace_min
            state[y, tile, at + BLINK] = f32(1)
            for k in range(n):
                chance = mix(chance + k)
                ny = beside(y, chance, 2, h)
                nx = beside(x, chance >> 8, 2, w)
                if freeze[ny, nx] <= FROZEN:
                    take(k, y, x, ny, nx, probe, samples)
                else:
                    take(k, y, x, y, x, probe, samples)


@kernel(state="f32[h,t,448]", plate="u8[h,w,3] out")
def samples_plate(y, x, state, plate):
    """The mean colour of each pixel while it was background."""
    for c in range(3):
        plate[y, x, c] = u8(int(state[y, x // LANES, x % LANES + c * LANES] + f32(0.5)))


def update(
    image: Array, freeze: Array, samples: Array, state: Array, was: Array, label: Array, scratch: Scratch, *, key: int,
    need: int, colour: float, pattern: float, swing: float, pace: float, absorb: float, mean: float, learning: bool,
    shadow: int, dark: float, smooth: int,
) -> None:  # fmt: skip
    """One frame: `label` becomes 0, `shadow` or 255 (a shadow of 255 is none), and the model learns where freeze is 0.

    While it is `learning` every look counts, that of a subject too, for the first frames seldom show an empty scene.
    """
    (h, w), n = image.shape[:2], samples.shape[0]
    where = spans(image)
    probe, raw = scratch("probe", samples.shape[1:], u8), scratch("raw", (h, w), u8)
    nearest = scratch("nearest", (h, w), f32)
    look(image, scratch("gray", (h + 2 * EDGE, w + 2 * EDGE), u8), probe)
    samples_match(probe, samples, state, freeze, raw, nearest, n, *where, w, need, colour, pattern)
    if shadow != 255:
        samples_shadow(probe, state, raw, *where, w, dark)
    majority(raw, label, smooth, shadow, scratch)
    samples_adapt(probe, state, raw, nearest, label, freeze, was, *where, w, mean, swing, pace)
    limits = (pace, pace) if learning else (PACE_MAX, absorb)
    samples_renew(
        probe, samples, state, raw, freeze, scratch("todo", (h, w), u8), n, *where, h, w, key, *limits, pace
    )  # fmt: skip
