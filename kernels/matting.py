"""Alpha solved anew where it is in doubt, from the colours that are sure on both sides, for a fixed number of pixels.

Doubt is where a window holds both subject and background; cells of it are ranked, and the first ones that fit a budget
are solved, so that the cost is the same for every picture (Lin et al., "Real-Time High-Resolution Background Matting",
CVPR 2021). From each such cell rays run out to sure subject and sure background; its pixels share these samples
(Gastal and Oliveira, "Shared Sampling for Real-Time Alpha Matting", Eurographics 2010), and each takes the mean of the
alphas that the pairs give, weighted by how well a pair explains its colour. Where the pairs contradict each other, or
subject and background are alike, the coarse matte stays: a photo's colours often lie.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels import box
from bgflow.kernels.guided import Scratch
from bgflow.kernels.over import weight

f32, i32, u8 = np.float32, np.int32, np.uint8

CELL = 4  # pixels a side of what is solved together
RAYS = 8  # directions in which samples are looked for
LEVELS = 64  # of doubt that are told apart when cells are ranked
SURE = f32(0.02)  # a window with less of one side than this is all of the other
FAR = 3  # how many times the window's radius a ray may run through doubt
NOISE = f32(400.0)  # variance of a colour around its sample, in levels of 255
TRUST = f32(40.0)  # how much the coarse matte counts beside the colours, where doubt is greatest
SCATTER = f32(3.0)  # how much of what the samples of a side differ is noise too
SNAP = f32(1.1)  # how much steeper the result is made: samples scatter, and a hair's breadth from 1 is 1
AGREE = f32(0.005)  # variance of the alphas of likely pairs at which they count as much as the coarse one
NEAR = f32(0.02)  # what a cell of distance costs beside a misfit of one variance


@kernel(
    over="m,n", image="u8[h,w,3]", alpha="f32[h,w]", colours="f32[m,n,3] out", share="f32[m,n] out",
    h="i32", w="i32",
)  # fmt: skip
def survey(y, x, image, alpha, colours, share, h, w):
    """Mean colour of a cell, and how much of it is subject."""
    r, g, b, s = f32(0), f32(0), f32(0), f32(0)
    y1, x1 = min(y * CELL + CELL, h), min(x * CELL + CELL, w)
    for j in range(y * CELL, y1):
        for i in range(x * CELL, x1):
            r += f32(image[j, i, 0])
            g += f32(image[j, i, 1])
            b += f32(image[j, i, 2])
            s += weight(alpha[j, i])
    n = f32(1) / f32((y1 - y * CELL) * (x1 - x * CELL))
    colours[y, x, 0], colours[y, x, 1], colours[y, x, 2] = r * n, g * n, b * n
    share[y, x] = s * n


@kernel(over="m,n", around="f32[m,n]", out="f32[m,n] out")
def certain(y, x, around, out):
    """1 where the window is all subject."""
    out[y, x] = f32(1) if around[y, x] >= f32(1) - SURE else f32(0)


@kernel(over="m,n", own="f32[m,n]", near="f32[m,n]", around="f32[m,n] inout")
def settle(y, x, own, near, around):
    """Believe the matte where a cell is all subject and no window near it is: a hand is smaller than most windows."""
    if own[y, x] >= f32(1) - SURE and near[y, x] <= f32(0):
        around[y, x] = f32(1)


@function
def level(a):
    """The doubt about a window of which the share a is subject: 0 is none, LEVELS - 1 is a half of each."""
    if a <= SURE or a >= f32(1) - SURE:
        return i32(0)
    return min(i32(a * (f32(1) - a) * f32(4 * LEVELS)) + i32(1), i32(LEVELS - 1))


@kernel(over="m", around="f32[m,n]", counts="i32[m,64] out", n="i32")
def count(y, around, counts, n):
    """How many cells of a row are at each level of doubt."""
    for i in range(LEVELS):
        counts[y, i] = i32(0)
    for x in range(n):
        counts[y, level(around[y, x])] += i32(1)


@kernel(over="one", counts="i32[m,64]", plan="i32[m,3] out", jobs="i32", m="i32", one="i32")
def ration(_, counts, plan, jobs, m, one):
    """Who is solved: per row the lowest level that is, how many cells of just that, and the first job's number."""
    left = jobs
    lowest = i32(LEVELS)
    while lowest > i32(1) and left > i32(0):
        lowest -= i32(1)
        for y in range(m):
            left -= counts[y, lowest]
    if left < i32(0):
        for y in range(m):
            left += counts[y, lowest]
    else:
        left = jobs  # all that are in doubt fit
    first = i32(0)
    for y in range(m):
        take = min(counts[y, lowest], left) if lowest < i32(LEVELS) else i32(0)
        left -= take
        plan[y, 0], plan[y, 1], plan[y, 2] = lowest, take, first
        first += take
        for i in range(lowest + i32(1), LEVELS):
            first += counts[y, i]


@kernel(over="m", around="f32[m,n]", plan="i32[m,3]", cells="i32[jobs] inout", n="i32")
def enlist(y, around, plan, cells, n):
    """Write the chosen cells of a row into the list."""
    take, job = plan[y, 1], plan[y, 2]
    for x in range(n):
        doubt = level(around[y, x])
        chosen = doubt > plan[y, 0]
        if doubt == plan[y, 0] and take > i32(0):
            take -= i32(1)
            chosen = True
        if chosen:
            cells[job] = y * n + x
            job += i32(1)


@kernel(
    over="jobs,rays", cells="i32[jobs]", colours="f32[m,n,3]", around="f32[m,n]", samples="f32[jobs,rays,8] out",
    reach="i32", m="i32", n="i32",
)  # fmt: skip
def shoot(job, ray, cells, colours, around, samples, reach, m, n):
    """Along a ray, the first sure subject (0-3) and background (4-7): colour, and distance in cells; -1 is none."""
    samples[job, ray, 3], samples[job, ray, 7] = f32(-1), f32(-1)
    cell = cells[job]
    if cell >= 0:
        y0, x0 = cell // n, cell % n
        straight = i32(1) - ray % i32(2)
        dy = i32(ray % 8 in (1, 2, 3)) - i32(ray % 8 in (5, 6, 7))
        dx = i32(ray % 8 in (7, 0, 1)) - i32(ray % 8 in (3, 4, 5))
        each = f32(1) if straight > 0 else f32(1.414)
        for step in range(1, reach + 1):
            y, x = y0 + dy * step, x0 + dx * step
            if 0 <= y < m and 0 <= x < n:
                a = around[y, x]
                side = i32(0) if a >= f32(1) - SURE else i32(4)
                if (a <= SURE or a >= f32(1) - SURE) and samples[job, ray, side + 3] < f32(0):
                    for c in range(3):
                        samples[job, ray, side + c] = colours[y, x, c]
                    samples[job, ray, side + 3] = f32(step) * each


@function
def scatter(samples, job, first):
    """Variance of the samples of one side among each other; 0 when there are none."""
    n, r, g, b, q = f32(0), f32(0), f32(0), f32(0), f32(0)
    for i in range(RAYS):
        if samples[job, i, first + 3] >= f32(0):
            x, y, z = samples[job, i, first], samples[job, i, first + 1], samples[job, i, first + 2]
            n += f32(1)
            r += x
            g += y
            b += z
            q += x * x + y * y + z * z
    n = f32(1) / max(n, f32(1))
    return max(q * n - (r * r + g * g + b * b) * n * n, f32(0)) * f32(1 / 3)


@kernel(
    over="jobs,pixels", image="u8[h,w,3]", alpha="f32[h,w]", cells="i32[jobs]", around="f32[m,n]",
    samples="f32[jobs,8,8]", out="f32[h,w] inout", pixels="i32", h="i32", w="i32", n="i32",
)  # fmt: skip
def solve(job, pixel, image, alpha, cells, around, samples, out, pixels, h, w, n):
    """The alpha of one pixel by the pairs of samples that explain it, held by the coarse one; none leaves it."""
    cell = max(cells[job], i32(0))
    y, x = cell // n * CELL + pixel // CELL, cell % n * CELL + pixel % CELL
    if cells[job] >= 0 and y < h and x < w:
        r, g, b = f32(image[y, x, 0]), f32(image[y, x, 1]), f32(image[y, x, 2])
        coarse = weight(alpha[y, x])
        a = around[cell // n, cell % n]
        trust = TRUST * f32(0.25) / (a * (f32(1) - a))
        noise = NOISE + SCATTER * (scatter(samples, job, 0) + scatter(samples, job, 4))
        total, mean, square = f32(0), f32(0), f32(0)
        for i in range(RAYS):
            if samples[job, i, 3] >= f32(0):
                for j in range(RAYS):
                    if samples[job, j, 7] >= f32(0):
                        br, bg, bb = samples[job, j, 4], samples[job, j, 5], samples[job, j, 6]
                        dr, dg, db = samples[job, i, 0] - br, samples[job, i, 1] - bg, samples[job, i, 2] - bb
                        r0, g0, b0 = r - br, g - bg, b - bb
                        size = dr * dr + dg * dg + db * db
                        s = (r0 * dr + g0 * dg + b0 * db + trust * noise * coarse) / (size + trust * noise)
                        s = min(max(s, f32(0)), f32(1))
                        er, eg, eb = r0 - s * dr, g0 - s * dg, b0 - s * db
                        cost = (er * er + eg * eg + eb * eb) / noise + trust * (s - coarse) * (s - coarse)
                        cost += NEAR * (samples[job, i, 3] + samples[job, j, 7])
                        likely = f32(1) / (f32(1) + cost * cost)
                        likely *= likely
                        total += likely
                        mean += s * likely
                        square += s * s * likely
        if total > f32(1e-20):
            mean /= total
            agree = AGREE / (AGREE + max(square / total - mean * mean, f32(0)))
            found = coarse + (mean - coarse) * agree
            out[y, x] = min(max((found - f32(0.5)) * SNAP + f32(0.5), f32(0)), f32(1))


def refine(image: Array, alpha: Array, out: Array, band: float, budget: int, scratch: Scratch) -> None:
    """Solve the matte f32[h,w] anew, for `budget` pixels at most, where it has an edge within `band` pixels.

    All else is copied; where there are more pixels in doubt, the most doubtful are solved.
    """
    h, w = alpha.shape
    around, colours = doubt(image, alpha, band, scratch)
    m, n = around.shape
    jobs = max(min(budget // CELL**2, m * n), 1)
    counts, plan = scratch("matting counts", (m, LEVELS), i32), scratch("matting plan", (m, 3), i32)
    cells, samples = scratch("matting cells", (jobs,), i32), scratch("matting samples", (jobs, RAYS, 8), f32)
    count(around, counts, n)
    ration(counts, plan, jobs, m, 1)
    cells.fill(-1)
    enlist(around, plan, cells, n)
    shoot(cells, colours, around, samples, max(round(FAR * band / CELL), 2), m, n)
    out[...] = alpha
    solve(image, alpha, cells, around, samples, out, CELL**2, h, w, n)


def doubt(image: Array, alpha: Array, band: float, scratch: Scratch) -> tuple[Array, Array]:
    """By cells: the share of subject within `band` pixels f32[m,n], 1 where it is sure; mean colours f32[m,n,3]."""
    h, w = alpha.shape
    m, n = -(-h // CELL), -(-w // CELL)
    own, around, near, between = (
        scratch(f"matting {name}", (1, m, n), f32) for name in ("own", "around", "near", "between")
    )
    colours = scratch("matting colours", (m, n, 3), f32)
    radius = max(round(band / CELL), 1)
    survey(image, alpha, colours, own[0], h, w)
    box.mean(own, around, radius, between)
    certain(around[0], near[0])
    box.mean(near, near, 2 * radius, between)
    settle(own[0], near[0], around[0])
    return around[0], colours
