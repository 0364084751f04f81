"""The subject's own colour where it is mixed with what is behind it.

A pixel of alpha a shows a F + (1 - a) B. What F and B are like around it is known from pixels that are surely one of
them, gathered in cells; where a cell has none, ever coarser averages tell (the levels of Germer et al., "Fast
Multi-Level Foreground Estimation", ICPR 2020). What is left of the pixel's colour is then shared between F and B by
how much each of them varies there (Chuang et al., "A Bayesian Approach to Digital Matting", CVPR 2001), so that
before a plain wall all of it is the subject's. Only cells with something mixed in them are worked on.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.blur import place
from bgflow.kernels.guided import Scratch
from bgflow.kernels.over import weight

f32, i32, u8 = np.float32, np.int32, np.uint8

CELLS = 90  # rows of cells, about: fine enough for hair of another colour than the face below it
SAMPLES = 4  # of the pixels of a cell along each axis, at most, that tell its colour
POOL = 4  # cells of one level that make a cell of the next, along each axis
FAINT = 1e-3  # the weight of a coarser level beside a finer one
FLOOR = f32(1.0)  # variance, in levels of 255, that even one flat colour has
TRACE = f32(1 / 510)
ANYTHING = f32(255 * 255)
NOISE = f32(2.25)  # variance of the camera's noise and of rounding; more of it trusts the cells more than the pixel


@function
def sure(a):
    """How surely a pixel's colour is that of a side that has the share a of it: next to nothing below 31/32."""
    return max(f32(32) * a - f32(31), f32(0)) + f32(1e-20) * a


@function
def mix_shows(a):
    """Whether a pixel of alpha a is mixed; one whose lesser part makes no half level out of 255 is pure."""
    return a > TRACE and a < f32(1) - TRACE


@function
def ends(prior, j, j1, i, i1, c, v):
    """A value of the cells between rows j and j1: at column i, and how much more it is at column i1."""
    left = prior[j, i, c] + (prior[j1, i, c] - prior[j, i, c]) * v
    return left, prior[j, i1, c] + (prior[j1, i1, c] - prior[j, i1, c]) * v - left


@function
def own(here, a, front, back, gain, strength):
    """One byte of the subject's colour: the expected one, and its share of what it leaves unexplained."""
    f = front + gain * (f32(here) - a * front - (f32(1) - a) * back)
    f = f32(here) + (min(max(f, f32(0)), f32(255)) - f32(here)) * strength
    return u8(i32(f + f32(0.5)))


@kernel(
    over="m,n", image="u8[h,w,3]", alpha="f32[h,w]", sums="f32[m,n,10] out", mixed="u8[m,n] out",
    k="i32", step="i32", h="i32", w="i32",
)  # fmt: skip
def gather(y, x, image, alpha, sums, mixed, k, step, h, w):
    """Of k by k pixels, sums of colours, squares and weights: of the subject (0-4) and the background (5-9).

    Colours are taken from each `step`-th pixel of each `step`-th row; `mixed` is 1 where any pixel is neither.
    """
    fr, fg, fb, fq, fs = f32(0), f32(0), f32(0), f32(0), f32(0)
    br, bg, bb, bq, bs = f32(0), f32(0), f32(0), f32(0), f32(0)
    some = i32(0)
    left, wide = x * k, min(x * k + k, w) - x * k
    for j in range(y * k, min(y * k + k, h)):
        matte = alpha[j, left : left + wide]
        for i in range(wide):
            some += i32(1) if mix_shows(matte[i]) else i32(0)
    for j in range(y * k, min(y * k + k, h), step):
        colours, matte = image[j, left : left + wide], alpha[j, left : left + wide]
        for i in range(0, wide, step):
            r, g, b = f32(colours[i, 0]), f32(colours[i, 1]), f32(colours[i, 2])
            q = r * r + g * g + b * b
            a = weight(matte[i])
            if a > f32(0.5):
                s = sure(a)
                fr += r * s
                fg += g * s
                fb += b * s
                fq += q * s
                fs += s
            else:
                s = sure(f32(1) - a)
                br += r * s
                bg += g * s
                bb += b * s
                bq += q * s
                bs += s
    sums[y, x, 0], sums[y, x, 1], sums[y, x, 2], sums[y, x, 3], sums[y, x, 4] = fr, fg, fb, fq, fs
    sums[y, x, 5], sums[y, x, 6], sums[y, x, 7], sums[y, x, 8], sums[y, x, 9] = br, bg, bb, bq, bs
    mixed[y, x] = u8(1 if some > 0 else 0)


@kernel(over="m,n", fine="f32[h,w,10]", coarse="f32[m,n,10] out", h="i32", w="i32")
def push(y, x, fine, coarse, h, w):
    """The next coarser level: sums over cells of 4 by 4."""
    for c in range(10):
        s = f32(0)
        for j in range(y * POOL, min(y * POOL + POOL, h)):
            for i in range(x * POOL, min(x * POOL + POOL, w)):
                s += fine[j, i, c]
        coarse[y, x, c] = s


@kernel(coarse="f32[m,n,10]", fine="f32[h,w,10] inout", faint="f32", m="i32", n="i32")
def pull(y, x, coarse, fine, faint, m, n):
    """Add the next coarser level, faintly."""
    v, u = place(y, POOL, m), place(x, POOL, n)
    j, i = i32(v), i32(u)
    j1, i1 = min(j + i32(1), m - i32(1)), min(i + i32(1), n - i32(1))
    v, u = v - f32(j), u - f32(i)
    for c in range(10):
        top = coarse[j, i, c] + (coarse[j, i1, c] - coarse[j, i, c]) * u
        low = coarse[j1, i, c] + (coarse[j1, i1, c] - coarse[j1, i, c]) * u
        fine[y, x, c] += (top + (low - top) * v) * faint


@kernel(sums="f32[h,w,10]", prior="f32[h,w,8] out", h="i32", w="i32")
def expect(y, x, sums, prior, h, w):
    """Mean colour and variance of a cell and its neighbours: of the subject (0-3) and the background (4-7)."""
    for side in range(2):
        r, g, b, q, s = f32(0), f32(0), f32(0), f32(0), f32(0)
        for j in range(max(y - 1, 0), min(y + 2, h)):
            for i in range(max(x - 1, 0), min(x + 2, w)):
                r += sums[j, i, 5 * side]
                g += sums[j, i, 5 * side + 1]
                b += sums[j, i, 5 * side + 2]
                q += sums[j, i, 5 * side + 3]
                s += sums[j, i, 5 * side + 4]
        n = f32(1) / s if s > f32(1e-32) else f32(0)
        r, g, b = r * n, g * n, b * n
        prior[y, x, 4 * side] = r
        prior[y, x, 4 * side + 1] = g
        prior[y, x, 4 * side + 2] = b
        spread = max((q * n - (r * r + g * g + b * b)) * f32(1 / 3), f32(0)) + FLOOR
        prior[y, x, 4 * side + 3] = spread if n > f32(0) else f32(-1)
    for side in range(2):
        if prior[y, x, 4 * side + 3] < f32(0):  # nothing at all is known of it, so it may be anything
            for c in range(3):
                prior[y, x, 4 * side + c] = prior[y, x, 4 - 4 * side + c]
            prior[y, x, 4 * side + 3] = ANYTHING


@kernel(
    over="h,spans", image="u8[h,w,3]", alpha="f32[h,w]", mixed="u8[m,n]", prior="f32[m,n,8]", out="u8[h,w,3] inout",
    strength="f32", k="i32", m="i32", n="i32", w="i32", spans="i32",
)  # fmt: skip
def unmix(y, span, image, alpha, mixed, prior, out, strength, k, m, n, w, spans):
    """Put the subject's own colour where alpha is between 0 and 1; a span lies between the centres of two cells.

    `out` holds the picture; with `strength` 0 it stays.
    """
    i0, i1 = max(span - 1, 0), min(span, n - 1)
    if i32(mixed[y // k, i0]) + i32(mixed[y // k, i1]) > 0:
        first, last = max(k * span - k // 2, 0), min(k * span - k // 2 + k, w)
        there, here, matte = out[y, first:last], image[y, first:last], alpha[y, first:last]
        v = place(y, k, m)
        j = i32(v)
        j1 = min(j + i32(1), m - i32(1))
        v -= f32(j)
        fr, fr1 = ends(prior, j, j1, i0, i1, 0, v)
        fg, fg1 = ends(prior, j, j1, i0, i1, 1, v)
        fb, fb1 = ends(prior, j, j1, i0, i1, 2, v)
        fs, fs1 = ends(prior, j, j1, i0, i1, 3, v)
        br, br1 = ends(prior, j, j1, i0, i1, 4, v)
        bg, bg1 = ends(prior, j, j1, i0, i1, 5, v)
        bb, bb1 = ends(prior, j, j1, i0, i1, 6, v)
        bs, bs1 = ends(prior, j, j1, i0, i1, 7, v)
        each = f32(1) / f32(k)
        start = (f32(first) + f32(0.5)) * each + f32(0.5) - f32(span)
        for i in range(last - first):
            a = weight(matte[i])
            if mix_shows(a):
                u = start + f32(i) * each
                rest = f32(1) - a
                loose = fs + fs1 * u
                gain = a * loose / (a * a * loose + rest * rest * (bs + bs1 * u) + NOISE)
                there[i, 0] = own(here[i, 0], a, fr + fr1 * u, br + br1 * u, gain, strength)
                there[i, 1] = own(here[i, 1], a, fg + fg1 * u, bg + bg1 * u, gain, strength)
                there[i, 2] = own(here[i, 2], a, fb + fb1 * u, bb + bb1 * u, gain, strength)


@kernel(
    image="u8[h,w,3]", alpha="f32[h,w]", prior="f32[m,n,8]", out="u8[h,w,3] out", strength="f32", k="i32", m="i32",
    n="i32",
)  # fmt: skip
def unmix_pixel(y, x, image, alpha, prior, out, strength, k, m, n):
    """The same, pixel by pixel, and the picture where alpha is 0 or 1."""
    a = weight(alpha[y, x])
    if mix_shows(a):
        v, u = place(y, k, m), place(x, k, n)
        j, i = i32(v), i32(u)
        j1, i1 = min(j + i32(1), m - i32(1)), min(i + i32(1), n - i32(1))
        v, u = v - f32(j), u - f32(i)
        rest = f32(1) - a
        fs, fs1 = ends(prior, j, j1, i, i1, 3, v)
        bs, bs1 = ends(prior, j, j1, i, i1, 7, v)
        loose = fs + fs1 * u
        gain = a * loose / (a * a * loose + rest * rest * (bs + bs1 * u) + NOISE)
        for c in range(3):
            front, front1 = ends(prior, j, j1, i, i1, c, v)
            back, back1 = ends(prior, j, j1, i, i1, 4 + c, v)
            out[y, x, c] = own(image[y, x, c], a, front + front1 * u, back + back1 * u, gain, strength)
    else:
        for c in range(3):
            out[y, x, c] = image[y, x, c]


def estimate(image: Array, alpha: Array, out: Array, strength: float, scratch: Scratch) -> None:
    """Write the subject's own colours, u8[h,w,3], where the matte f32[h,w] is between 0 and 1; elsewhere `image`.

    `strength` in 0..1 is how much of the way there is gone.
    """
    h, w = alpha.shape
    k = max(round(h / CELLS), 2)
    m, n = -(-h // k), -(-w // k)
    sums, prior = (scratch(f"foreground {name}", (m, n, c), f32) for name, c in (("sums", 10), ("prior", 8)))
    mixed = scratch("foreground mixed", (m, n), u8)
    gather(image, alpha, sums, mixed, k, -(-k // SAMPLES), h, w)
    _fill(sums, scratch)
    expect(sums, prior, m, n)
    if device_of(image).simt:
        unmix_pixel(image, alpha, prior, out, strength, k, m, n)
        return
    out[...] = image
    unmix(image, alpha, mixed, prior, out, strength, k, m, n, w, n + 1)


def _fill(fine: Array, scratch: Scratch) -> None:
    """Give cells without any subject, or any background, in reach the nearest coarser average."""
    h, w = fine.shape[:2]
    if h == 1 and w == 1:
        return
    coarse = scratch(f"foreground {h}x{w}", (-(-h // POOL), -(-w // POOL), 10), f32)
    push(fine, coarse, h, w)
    _fill(coarse, scratch)
    pull(coarse, fine, FAINT, *coarse.shape[:2])
