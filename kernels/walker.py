"""A whole matte from evidence with gaps: the random walker with priors, whose walks end at edges.

Every pixel is tied to 1 and to 0 by springs as strong as the evidence for a subject and for background, and to its
four neighbours by springs that are weak across edges (Grady, "Multilabel random walker image segmentation using prior
models", CVPR 2005). An edge that the clean plate has too, where picture and plate agree, weakens nothing (Sun, Zhang,
Tang and Shum, "Background cut", ECCV 2006). Where the springs come to rest is the matte: near a half where there is no
evidence either way. It is found by the Chebyshev semi-iterative method (Golub and Varga, 1961), which needs no order
among the pixels.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels import guided
from bgflow.kernels.box import run_length
from bgflow.kernels.guided import Scratch

f32 = np.float32

CONTRAST = 14.0  # difference of colours, in levels, that weakens a spring to a third
KNOWN = 10.0  # the plate's own difference, in levels, that halves what an edge counts
AGREE = 20.0  # distance of picture and plate, in levels, up to which an edge may be the plate's
LOOSE = 0.01  # the weakest spring between neighbours
HOLD = 0.2  # strength of the spring to background where picture and plate agree; 1 is a neighbour's
BARE = 1e-4  # strength where there is no evidence at all
ROUNDS = 40  # pixels, about, that evidence spreads at most
COLOURS = 1e-2  # variance of colours in 0..1 at which evening out stops
STEEP = 3.0  # how decided the first matte is made
TRUST = 0.1  # strength with which it is held; 1 is a neighbour's
RADIUS = 0.98  # of the spectrum of the iteration, about: how slowly it would converge by itself


@kernel(distance="f32[h,w]", out="f32[2,h,w] out", tolerance="f32", softness="f32")
def believe(y, x, distance, out, tolerance, softness):
    """Springs to subject (plane 0) and to background (1) from how far the picture is off the plate, in levels."""
    a = min(max((distance[y, x] - tolerance) / softness, f32(0)), f32(1))
    b = max(f32(1) - distance[y, x] / (tolerance + softness), f32(0))
    out[0, y, x] = a * a
    out[1, y, x] = f32(HOLD) * b + f32(BARE)


@kernel(alpha="f32[h,w]", out="f32[2,h,w] out", trust="f32")
def follow(y, x, alpha, out, trust):
    """Springs that hold an alpha, as strongly as it is far from a half."""
    lean = (f32(2) * alpha[y, x] - f32(1)) * trust
    out[0, y, x] = max(lean, f32(0))
    out[1, y, x] = max(-lean, f32(0)) + f32(BARE)


@function
def square(image, y, x, j, i, gr, gg, gb):
    """The squared difference of two pixels' colours, each channel by its own gain."""
    r = (f32(image[y, x, 0]) - f32(image[j, i, 0])) * gr
    g = (f32(image[y, x, 1]) - f32(image[j, i, 1])) * gg
    b = (f32(image[y, x, 2]) - f32(image[j, i, 2])) * gb
    return r * r + g * g + b * b


@function
def fall(t):
    """The start of exp(-t), which processors have no vectors for: (1 + t / 8) to the power of -8."""
    a = f32(1) / (f32(1) + t * f32(1 / 8))
    a *= a
    a *= a
    return a * a


@function
def tie(image, plate, light, distance, y, x, j, i):
    """The strength of the spring between two pixels, LOOSE..1."""
    one = f32(1)
    mine = square(image, y, x, j, i, one, one, one)
    known = square(plate, y, x, j, i, light[0, 0], light[1, 0], light[2, 0])
    off = max(distance[y, x], distance[j, i])
    agree = fall(off * off * f32(1 / AGREE**2))
    mine /= one + known * agree * f32(1 / KNOWN**2)
    return f32(LOOSE) + f32(1 - LOOSE) * fall(mine * f32(1 / CONTRAST**2))


@kernel(
    image="u8[h,w,3]", plate="u8[h,w,3]", light="f32[3,2]", distance="f32[h,w]", out="f32[2,h,w] out",
    h="i32", w="i32",
)  # fmt: skip
def tether(y, x, image, plate, light, distance, out, h, w):
    """The springs to the neighbour on the right (plane 0) and below (1); none at the border."""
    i = min(x + 1, w - 1)
    j = min(y + 1, h - 1)
    out[0, y, x] = tie(image, plate, light, distance, y, x, y, i) if i > x else f32(0)
    out[1, y, x] = tie(image, plate, light, distance, y, x, j, x) if j > y else f32(0)


@kernel(ties="f32[2,h,w]", pulls="f32[2,h,w]", out="f32[5,h,w] out", first="f32[h,w] out")
def balance(y, x, ties, pulls, out, first):
    """What moves a pixel: its evidence, and its neighbours on the left, right, above and below, as shares of 1."""
    left = ties[0, y, max(x - 1, 0)] if x > 0 else f32(0)
    above = ties[1, max(y - 1, 0), x] if y > 0 else f32(0)
    mine = pulls[0, y, x] + pulls[1, y, x]
    each = f32(1) / (mine + left + ties[0, y, x] + above + ties[1, y, x])
    out[0, y, x] = pulls[0, y, x] * each
    out[1, y, x] = left * each
    out[2, y, x] = ties[0, y, x] * each
    out[3, y, x] = above * each
    out[4, y, x] = ties[1, y, x] * each
    first[y, x] = pulls[0, y, x] / mine


@kernel(
    over="h,blocks", shares="f32[5,h,w]", now="f32[h,w]", out="f32[h,w] inout", omega="f32",
    h="i32", w="i32", blocks="i32", step="i32",
)  # fmt: skip
def step_on(y, block, shares, now, out, omega, h, w, blocks, step):
    """One round: `out` holds the matte of the round before `now`, and then that of the next one."""
    left = block * step
    right = min(left + step, w)
    up = now[max(y - 1, 0), left:right]  # slices, because numba vectorises no index that could be negative
    down = now[min(y + 1, h - 1), left:right]
    own, west, east = shares[0, y, left:right], shares[1, y, left:right], shares[2, y, left:right]
    north, south = shares[3, y, left:right], shares[4, y, left:right]
    last = out[y, left:right]
    here = now[y, left:right]
    n = right - left
    before = now[y, max(left - 1, 0)]
    after = now[y, min(right, w - 1)]
    for x in range(1, n - 1):
        rest = own[x] + west[x] * here[x - 1] + east[x] * here[x + 1] + (north[x] * up[x] + south[x] * down[x])
        last[x] = last[x] + omega * (rest - last[x])
    for end in range(min(n, 2)):
        x = end * (n - 1)
        a = here[x - 1] if x > 0 else before
        b = here[x + 1] if x < n - 1 else after
        rest = own[x] + west[x] * a + east[x] * b + (north[x] * up[x] + south[x] * down[x])
        last[x] = last[x] + omega * (rest - last[x])


def rest(ties: Array, pulls: Array, out: Array, scratch: Scratch) -> None:
    """Write the matte f32[h,w] at which the springs between neighbours and those to the evidence come to rest."""
    h, w = out.shape
    shares, other = scratch("shares", (5, h, w), f32), scratch("other matte", (h, w), f32)
    balance(ties, pulls, shares, out)
    balance(ties, pulls, shares, other)
    step = run_length(out, w)
    omega, blocks = 1.0, -(-w // step)
    for k in range(ROUNDS):  # even, so that the last round writes `out`
        now, then = (out, other) if k % 2 == 0 else (other, out)
        step_on(shares, now, then, omega, h, w, blocks, step)
        omega = 1 / (1 - RADIUS**2 / 2) if k == 0 else 1 / (1 - RADIUS**2 * omega / 4)


def walk(
    image: Array, plate: Array, light: Array, distance: Array, matte: Array, *,
    tolerance: float, softness: float, radius: int, scratch: Scratch,
) -> None:  # fmt: skip
    """Write the matte f32[h,w] of what is on the picture and not on the plate, both u8[h,w,3].

    `distance` f32[h,w] is how far they differ, in levels, in the plate's `light` f32[3,2] of gains and offsets. A first
    matte is evened out along the picture's colours in windows of `radius`, and is the evidence for the second.
    """
    h, w = matte.shape
    pulls, ties, even = scratch("pulls", (2, h, w), f32), scratch("ties", (2, h, w), f32), scratch("even", (h, w), f32)
    believe(distance, pulls, tolerance, softness)
    tether(image, plate, light, distance, ties, h, w)
    rest(ties, pulls, matte, scratch)
    if radius:
        guided.refine(image, matte, even, radius, COLOURS, max(radius // 6, 1), scratch, STEEP)
        follow(even, pulls, TRUST)
        rest(ties, pulls, matte, scratch)
