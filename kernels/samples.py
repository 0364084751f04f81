"""A background model of samples: at every pixel some looks it has had, and how near a look must be to one of them.

A pixel is background when it is near enough to two of its samples (ViBe: Barnich and Van Droogenbroeck, "ViBe: A
Universal Background Subtraction Algorithm for Video Sequences", TIP 20, 2011). A sample is a colour and a local binary
similarity pattern; how near is near enough, and how often a sample is replaced, follows at every pixel from how far
the picture stays from the samples and how often the answer blinks (SuBSENSE: St-Charles, Bilodeau and Bergevin,
"SuBSENSE: A Universal Change Detection Method with Local Adaptive Sensitivity", TIP 24, 2015). It is neither of them:
the constants are our own, patterns are of brightness alone, both thresholds grow in proportion, a shadow is told apart
by its colour, and what stays for long becomes background.

Chance is a hash of seed, frame and pixel, and a pixel takes a neighbour's look instead of being given it, so that
nothing depends on the order in which threads run. Memory is as in looks.py.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.figure import mix
from bgflow.kernels.guided import Scratch
from bgflow.kernels.lbsp import BLUE, EDGE, GREEN, LOOK, RED, look
from bgflow.kernels.looks import BLINK, DISTANCE, PACE, REACH, looks_evidence, looks_match, looks_shadow
from bgflow.kernels.majority import majority
from bgflow.kernels.tiles import FROZEN, LANES, first, spans

f32, i32, u8 = np.float32, np.int32, np.uint8


DRIFT = f32(0.02)  # of `distance`, each frame
WIDEN, REACH_MAX = f32(0.02), f32(8)
SLOWER, QUICKER, PACE_MAX = f32(0.5), f32(0.05), f32(256)
CALM, BLINK_MIN, BLINK_MAX = f32(0.1), f32(0.1), f32(255)
TINY = f32(1e-3)

OWN, TAKEN, NEW = 1, 2, 4  # what is due: a look of its own, a neighbour's, all samples
ROW, COLUMN, CHANCES = 0x9E3779B1, 0x85EBCA6B, f32(65536)


@kernel(
    over="h,spans", probe="u8[h,t,320]", state="f32[h,t,448] inout", raw="u8[h,w]", nearest="f32[h,w]",
    label="u8[h,w] inout", freeze="f32[h,w]", was="u8[h,w] inout", spans="i32", span="i32", w="i32", mean="f32",
    swing="f32", pace_min="f32",
)  # fmt: skip
def samples_adapt(
    y, i, probe, state, raw, nearest, label, freeze, was, spans, span, w, mean, swing, pace_min
):  # fmt: skip
    """Let reach and pace of every pixel follow how far it was from its samples and how often it blinks.

    A pixel that `freeze` too calls subject needs no neighbours' votes: they would round off corners.
    """
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, w - start)):
        x = start + j
        at = offset + j
        subject = raw[y, x] != 0
        sure = (raw[y, x] == 255) & (freeze[y, x] >= f32(0.5))
        voted = label[y, x]
        label[y, x] = u8(255) if sure else voted
        inside = sure | (voted == 255)
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


@kernel(over="one", turn="i32[one,2] inout", seed="i32")
def samples_draw(i, turn, seed):
    """The chance of a frame (1), from the seed and the frame's number (0), which goes on to the next frame.

    It is drawn on the device, so that what is launched is the same in every frame.
    """
    turn[i, 1] = i32(mix(mix(int(seed)) + int(turn[i, 0])) >> 1)
    turn[i, 0] += i32(1)


@kernel(
    over="h,spans", probe="u8[h,t,320]", samples="u8[n,h,t,320] inout", state="f32[h,t,448] inout", raw="u8[h,w]",
    freeze="f32[h,w]", todo="u8[h,w] out", turn="i32[1,2]", n="i32", spans="i32", span="i32", h="i32", w="i32",
    limit="f32", absorb="f32", pace_min="f32",
)  # fmt: skip
def samples_renew(
    y, i, probe, samples, state, raw, freeze, todo, turn, n, spans, span, h, w, limit, absorb, pace_min
):  # fmt: skip
    """Once in `pace` frames, at most `limit`, replace one sample by the pixel's look and one by that of a neighbour.

    What is no background takes its own look once in `absorb` frames, and nobody takes a look from there. A pixel that
    was never learned begins with looks of the 5x5 pixels around it. Which samples go is drawn for a tile, so that few
    lines of memory are touched; whether they go, and which neighbour counts, for a pixel.
    """
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    row = int(turn[0, 1]) + int(y) * ROW
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


def update(
    image: Array, freeze: Array, samples: Array, state: Array, was: Array, turn: Array, label: Array, scratch: Scratch,
    evidence: Array | None = None, *, seed: int, need: int, colour: float, pattern: float, swing: float, pace: float,
    absorb: float, mean: float, learning: bool, shadow: int, dark: float, smooth: int,
) -> None:  # fmt: skip
    """One frame: `label` becomes 0, `shadow` or 255 (a shadow of 255 is none), and the model learns where freeze is 0.

    `turn` i32[1,2] begins with the frame's number, which becomes that of the next frame.
    While it is `learning` every look counts, that of a subject too, for the first frames seldom show an empty scene.
    """
    (h, w), n = image.shape[:2], samples.shape[0]
    where = spans(image)
    probe, raw = scratch("probe", samples.shape[1:], u8), scratch("raw", (h, w), u8)
    nearest = scratch("nearest", (h, w), f32)
    look(image, scratch("gray", (h + 2 * EDGE, w + 2 * EDGE), u8), probe)
    if evidence is not None:
        looks_evidence(probe, samples, state, evidence, n, *where, w, need, colour, pattern)
    looks_match(probe, samples, state, freeze, raw, nearest, n, *where, w, need, colour, pattern)
    if shadow != 255:
        looks_shadow(probe, state, raw, *where, w, dark)
    majority(raw, label, smooth, shadow, scratch)
    samples_adapt(probe, state, raw, nearest, label, freeze, was, *where, w, mean, swing, pace)
    limits = (pace, pace) if learning else (PACE_MAX, absorb)
    samples_draw(turn, seed)
    samples_renew(
        probe, samples, state, raw, freeze, scratch("todo", (h, w), u8), turn, n, *where, h, w, *limits, pace
    )  # fmt: skip
