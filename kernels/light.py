"""The light of a picture against that of a background: one gain for each channel, and the picture without it.

A change of exposure or of white balance multiplies a channel by a number, on coded levels too as long as the code is a
power. So the ratios of picture and background pile up at that number wherever the background is to be seen, and are
scattered where it is not. The gain is where the pile is highest, found in a histogram of their logarithms and made
precise by mean shift (Comaniciu and Meer, PAMI 24, 2002). It jumps only to a pile that is LEAD times as high as the one
it stood at: a subject in one colour before a wall in another makes a pile too.

    counts  f32[rows,3,193] a histogram of each row of samples; on a GPU i32[32*3,193], which all threads count into
    votes   f32[3,193]  histogram, in bins of a 48th of an octave, from a quarter of the light to four times as much
    light   f32[3,3]    of each channel: where it is, in bins from no change, the gain to be undone, and 1 / gain
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.atomic import add
from bgflow.kernels.guided import Scratch
from bgflow.kernels.tiles import FROZEN

f32, i32, u8 = np.float32, np.int32, np.uint8

OCTAVE, MIDDLE = 48, 96
BINS = 2 * MIDDLE + 1
PLACE, GAIN, INVERSE = 0, 1, 2
DARK, CLIPPED = 12, 250  # levels below which a ratio is coarse, and from which on a pixel says "at least" only
NEAR = 6  # bins, 9 % of light: how wide a pile is
LEAD = f32(2)
FEW = f32(8)  # votes that decide nothing
CLIMBS = 4  # steps of the mean shift
SLACK = f32(0.7)  # bins, 1 % of light: left to the model, so that it follows the day
ROWS = 120  # how many rows are looked at, about
COPIES = 32  # of the histogram on a GPU, one for each lane of a warp, so that few threads wait for each other

LOGS = (OCTAVE * np.log2(np.maximum(np.arange(256), 1))).astype(f32)[None]
"""The logarithm of every level, in bins: a table, so that a vote is the same on every device."""


@function
def bin_of(level, under, logs):
    """Where a pair of levels votes; -1 where it has no vote."""
    known = min(level, under) >= DARK and max(level, under) < CLIPPED
    k = int(logs[0, level] - logs[0, under] + f32(MIDDLE + 0.5)) if known else -1
    return k if k < BINS else -1


@kernel(
    over="rows", image="u8[h,w,3]", plate="u8[h,w,3]", freeze="f32[h,w]", logs="f32[1,256]", out="f32[rows,3,193] out",
    rows="i32", step="i32", w="i32",
)  # fmt: skip
def light_count(row, image, plate, freeze, logs, out, rows, step, w):
    """The histogram of every `step`-th row, of every `step`-th pixel that is not frozen."""
    y = row * step
    for c in range(3):
        for k in range(BINS):
            out[row, c, k] = f32(0)
    for x in range(0, w, step):
        if freeze[y, x] <= FROZEN:
            for c in range(3):
                level = i32(image[y, x, c])
                under = i32(plate[y, x, c])
                k = bin_of(level, under, logs)
                if k >= 0:
                    out[row, c, k] += f32(1)


@kernel(
    over="rows,columns", image="u8[h,w,3]", plate="u8[h,w,3]", freeze="f32[h,w]", logs="f32[1,256]",
    counts="i32[copies,193] inout", rows="i32", columns="i32", step="i32",
)  # fmt: skip
def light_vote(row, column, image, plate, freeze, logs, counts, rows, columns, step):
    """The vote of one pixel, into one of the copies of the histogram."""
    y = row * step
    x = column * step
    if freeze[y, x] <= FROZEN:
        for c in range(3):
            k = bin_of(i32(image[y, x, c]), i32(plate[y, x, c]), logs)
            if k >= 0:
                add(counts, 3 * (column % COPIES) + c, k, i32(1))


@kernel(over="c,bins", counts="i32[copies,bins]", votes="f32[c,bins] out")
def light_tally(c, k, counts, votes):
    """One histogram of all copies."""
    total = i32(0)
    for copy in range(COPIES):
        total += counts[3 * copy + c, k]
    votes[c, k] = f32(total)


@kernel(over="c,bins", counts="f32[rows,c,bins]", votes="f32[c,bins] out", rows="i32")
def light_sum(c, k, counts, votes, rows):
    """One histogram of all rows."""
    total = f32(0)
    for row in range(rows):
        total += counts[row, c, k]
    votes[c, k] = total


@function
def pile(votes, c, centre):
    """How many votes there are around a bin; the nearer, the more they count."""
    total = f32(0)
    for k in range(max(centre - NEAR, 0), min(centre + NEAR + 1, BINS)):
        total += votes[c, k] * (f32(1) - f32(abs(k - centre)) / f32(NEAR + 1))
    return total


@function
def climb(votes, c, place):
    """The middle of the pile at a place, both in bins from no change."""
    for _ in range(CLIMBS):
        centre = int(place + f32(MIDDLE + 0.5))
        total = f32(0)
        moment = f32(0)
        for k in range(max(centre - NEAR, 0), min(centre + NEAR + 1, BINS)):
            total += votes[c, k]
            moment += votes[c, k] * f32(k - MIDDLE)
        place = moment / total if total >= FEW else place
    return place


@kernel(over="c,bins", votes="f32[c,bins]", piles="f32[c,bins] out")
def light_pile(c, k, votes, piles):
    """How high the pile around every bin is."""
    piles[c, k] = pile(votes, c, k)


@kernel(over="c", votes="f32[c,193]", piles="f32[c,193]", light="f32[c,3] inout")
def light_choose(c, votes, piles, light):
    """Follow the pile that the light stands at, or jump to one that is much higher."""
    place = light[c, PLACE]
    highest = pile(votes, c, int(place + f32(MIDDLE + 0.5))) * LEAD + FEW
    for k in range(BINS):
        height = piles[c, k]
        if height > highest:
            highest = height
            place = f32(k - MIDDLE)
    place = climb(votes, c, place)
    light[c, PLACE] = place
    gain = np.exp2((max(place - SLACK, f32(0)) + min(place + SLACK, f32(0))) / f32(OCTAVE))
    light[c, GAIN] = gain
    light[c, INVERSE] = f32(1) / gain


@kernel(image="u8[h,w,3]", plate="u8[h,w,3]", light="f32[3,3]", out="u8[h,w,3] out")
def light_undo(y, x, image, plate, light, out):
    """The picture in the background's light; where both clip nothing is known, and the background stays."""
    for c in range(3):
        level = i32(image[y, x, c])
        under = i32(plate[y, x, c])
        brighter = min(i32(f32(under) * light[c, GAIN]), i32(255))
        back = min(i32(f32(level) * light[c, INVERSE] + f32(0.5)), i32(255))
        out[y, x, c] = u8(under if min(level, brighter) >= CLIPPED else back)


@kernel(plate="u8[h,w,3]", light="f32[3,3]", out="u8[h,w,3] out")
def light_redo(y, x, plate, light, out):
    """The background in the picture's light."""
    for c in range(3):
        out[y, x, c] = u8(min(i32(f32(plate[y, x, c]) * light[c, GAIN] + f32(0.5)), i32(255)))


def measure(image: Array, plate: Array, freeze: Array, logs: Array, light: Array, scratch: Scratch) -> None:
    """Move `light` f32[3,3] to that of u8[h,w,3] `image` against `plate`; `logs` is LOGS on their device."""
    h, w = image.shape[:2]
    step = max(h // ROWS, 1)
    rows = -(-h // step)
    votes, piles = (scratch(f"light {name}", (3, BINS), f32) for name in ("votes", "piles"))
    if device_of(image).simt:
        many = scratch("light counts", (3 * COPIES, BINS), i32)
        many.fill(0)
        light_vote(image, plate, freeze, logs, many, rows, -(-w // step), step)
        light_tally(many, votes)
    else:
        counts = scratch("light counts", (rows, 3, BINS), f32)
        light_count(image, plate, freeze, logs, counts, rows, step, w)
        light_sum(counts, votes, rows)
    light_pile(votes, piles)
    light_choose(votes, piles, light)
