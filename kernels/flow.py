"""Dense optical flow between two small grey pictures: from where in the past each pixel of the present has come.

Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016: patches of 8 by 8 pixels, four apart, are
looked for in the past picture by inverse compositional Gauss-Newton steps, coarse levels first; the flow of a pixel
is the mean over the patches on it, weighted by how well each explains the pixel. Ours differs in where a search
starts: at the best of the four coarser flows around the patch and of standing still, so that equal pictures give a
flow of exactly 0 and the motion of neighbours does not leak across an edge. Brightness may change: each patch's mean
difference is left out.

Grey pictures are f32 in 0..255 with a margin of PAD repeated pixels on each side, so that no patch needs a border. A
flow is f32[2,m,n]: rows, columns to go from a pixel of the present to find it in the past.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32 = np.float32, np.int32

PAD = 12  # pixels around a grey picture
SIZE = 8  # pixels along each side of a patch
STEP = 4  # pixels from one patch to the next
STEPS = 5  # Gauss-Newton steps on each level
FLAT = 40.0  # squared gradients of a patch that are as good as none: what noise makes of a wall
NEAR = 0.02  # pixels of a step so small that it is the last
COARSEST = 20  # rows below which a picture is not halved any more

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""


@kernel(over="ph,pw", image="u8[h,w,3]", out="f32[ph,pw] out", k="i32", m="i32", n="i32", h="i32", w="i32")
def grey(y, x, image, out, k, m, n, h, w):
    """The mean brightness of k by k pixels, with its margin."""
    top = min(max(y - PAD, 0), m - 1) * k
    left = min(max(x - PAD, 0), n - 1) * k
    bottom = min(top + k, h)
    right = min(left + k, w)
    total = i32(0)
    for j in range(top, bottom):
        row = image[j, left:right]
        for i in range(right - left):
            total += i32(row[i, 0]) + 2 * i32(row[i, 1]) + i32(row[i, 2])
    out[y, x] = f32(total) / f32(4 * (bottom - top) * (right - left))


@kernel(over="ph,pw", source="f32[sh,sw]", out="f32[ph,pw] out", m="i32", n="i32")
def halve(y, x, source, out, m, n):
    """The picture at half its size, with its margin."""
    j = PAD + 2 * min(max(y - PAD, 0), m - 1)
    i = PAD + 2 * min(max(x - PAD, 0), n - 1)
    out[y, x] = (source[j, i] + source[j, i + 1] + source[j + 1, i] + source[j + 1, i + 1]) * f32(0.25)


@kernel(over="rows,columns", out="f32[2,rows,columns] out")
def rest(y, x, out):
    """A flow that goes nowhere."""
    out[0, y, x] = f32(0)
    out[1, y, x] = f32(0)


@function
def bound(v, start, size):
    """A displacement that keeps a patch which begins at `start` inside of a padded picture."""
    return max(min(v, f32(size - SIZE - 2 - start)), f32(-start))


@function
def misfit(now, past, y, x, v, u):
    """The variance (times 64) of the difference between a patch and the past picture at a displacement."""
    iy = int(np.floor(v))
    ix = int(np.floor(u))
    fy = v - f32(iy)
    fx = u - f32(ix)
    s = f32(0)
    ss = f32(0)
    for j in range(SIZE):
        t = now[y + j, x : x + SIZE]
        a = past[max(y + iy + j, 0), max(x + ix, 0) : max(x + ix, 0) + SIZE + 1]
        b = past[max(y + iy + j, 0) + 1, max(x + ix, 0) : max(x + ix, 0) + SIZE + 1]
        for i in range(SIZE):
            upper = a[i] + (a[i + 1] - a[i]) * fx
            lower = b[i] + (b[i + 1] - b[i]) * fx
            d = upper + (lower - upper) * fy - t[i]
            s += d
            ss += d * d
    return ss - s * s * f32(1 / 64)


@kernel(
    over="rows,columns", now="f32[ph,pw]", past="f32[ph,pw]", coarse="f32[2,cr,cc]", out="f32[2,rows,columns] out",
    cr="i32", cc="i32", ph="i32", pw="i32",
)  # fmt: skip
def search(row, column, now, past, coarse, out, cr, cc, ph, pw):
    """The displacement of one patch, from the best of its starting points by Gauss-Newton steps."""
    y = PAD - 2 + STEP * row
    x = PAD - 2 + STEP * column
    v = f32(0)
    u = f32(0)
    best = misfit(now, past, y, x, v, u)
    for c in range(4):
        cy = min(max((row + (c // 2) * 2 - 1) // 2, 0), cr - 1)
        cx = min(max((column + (c % 2) * 2 - 1) // 2, 0), cc - 1)
        cv = bound(f32(2) * coarse[0, cy, cx], y, ph)
        cu = bound(f32(2) * coarse[1, cy, cx], x, pw)
        if cv != v or cu != u:
            found = misfit(now, past, y, x, cv, cu)
            if found < best:
                best = found
                v = cv
                u = cu
    sy = f32(0)
    sx = f32(0)
    yy = f32(FLAT)
    xx = f32(FLAT)
    xy = f32(0)
    for j in range(SIZE):
        a = now[y + j - 1, x - 1 : x + SIZE + 1]
        t = now[y + j, x - 1 : x + SIZE + 1]
        b = now[y + j + 1, x - 1 : x + SIZE + 1]
        for i in range(SIZE):
            gy = (b[i + 1] - a[i + 1]) * f32(0.5)
            gx = (t[i + 2] - t[i]) * f32(0.5)
            sy += gy
            sx += gx
            yy += gy * gy
            xx += gx * gx
            xy += gy * gx
    sy *= f32(1 / 64)
    sx *= f32(1 / 64)
    yy -= sy * sy * f32(64)
    xx -= sx * sx * f32(64)
    xy -= sy * sx * f32(64)
    over = f32(1) / (yy * xx - xy * xy)
    nv = v
    nu = u
    for _ in range(STEPS):
        iy = int(np.floor(nv))
        ix = int(np.floor(nu))
        fy = nv - f32(iy)
        fx = nu - f32(ix)
        s = f32(0)
        py = f32(0)
        px = f32(0)
        for j in range(SIZE):
            above = now[y + j - 1, x - 1 : x + SIZE + 1]
            t = now[y + j, x - 1 : x + SIZE + 1]
            below = now[y + j + 1, x - 1 : x + SIZE + 1]
            a = past[max(y + iy + j, 0), max(x + ix, 0) : max(x + ix, 0) + SIZE + 1]
            b = past[max(y + iy + j, 0) + 1, max(x + ix, 0) : max(x + ix, 0) + SIZE + 1]
            for i in range(SIZE):
                upper = a[i] + (a[i + 1] - a[i]) * fx
                lower = b[i] + (b[i + 1] - b[i]) * fx
                d = upper + (lower - upper) * fy - t[i + 1]
                s += d
                py += (below[i + 1] - above[i + 1]) * f32(0.5) * d
                px += (t[i + 2] - t[i]) * f32(0.5) * d
        py -= sy * s
        px -= sx * s
        dv = (xx * py - xy * px) * over
        du = (yy * px - xy * py) * over
        nv = bound(nv - dv, y, ph)
        nu = bound(nu - du, x, pw)
        if abs(dv) + abs(du) < f32(NEAR):
            break
    if abs(nv - v) < f32(STEP) and abs(nu - u) < f32(STEP) and misfit(now, past, y, x, nv, nu) < best:
        v = nv
        u = nu
    out[0, row, column] = v
    out[1, row, column] = u


@function
def lerp(plane, v, u, m, n):
    """A plane's value between its pixels; beyond the border the border's."""
    v = min(max(v, f32(0)), f32(m - 1))
    u = min(max(u, f32(0)), f32(n - 1))
    j = int(v)
    i = int(u)
    fy = v - f32(j)
    fx = u - f32(i)
    j1 = min(j + 1, m - 1)
    i1 = min(i + 1, n - 1)
    upper = plane[j, i] + (plane[j, i1] - plane[j, i]) * fx
    lower = plane[j1, i] + (plane[j1, i1] - plane[j1, i]) * fx
    return upper + (lower - upper) * fy


@kernel(
    over="m,n", now="f32[ph,pw]", past="f32[ph,pw]", patches="f32[2,rows,columns]", out="f32[2,m,n] out",
    rows="i32", columns="i32", ph="i32", pw="i32",
)  # fmt: skip
def spread(y, x, now, past, patches, out, rows, columns, ph, pw):
    """The flow of one pixel from the four patches on it; the better one explains the pixel, the more it counts."""
    v = f32(0)
    u = f32(0)
    total = f32(0)
    here = now[y + PAD, x + PAD]
    for c in range(4):
        r = min(max((y + 2) // STEP - c // 2, 0), rows - 1)
        q = min(max((x + 2) // STEP - c % 2, 0), columns - 1)
        cv = patches[0, r, q]
        cu = patches[1, r, q]
        d = lerp(past, f32(y + PAD) + cv, f32(x + PAD) + cu, ph, pw) - here
        weight = f32(1) / (f32(1) + d * d)
        v += cv * weight
        u += cu * weight
        total += weight
    out[0, y, x] = v / total
    out[1, y, x] = u / total


@kernel(over="m,n", first="f32[2,m,n]", then="f32[2,m,n]", out="f32[2,m,n] out", m="i32", n="i32")
def chain(y, x, first, then, out, m, n):
    """From the present to the past by `first`, and on to what was before it by `then`."""
    v = first[0, y, x]
    u = first[1, y, x]
    out[0, y, x] = v + lerp(then[0], f32(y) + v, f32(x) + u, m, n)
    out[1, y, x] = u + lerp(then[1], f32(y) + v, f32(x) + u, m, n)


def padded(m: int, n: int) -> tuple[int, int]:
    """The shape of a grey picture of m by n pixels with its margin."""
    return m + 2 * PAD, n + 2 * PAD


def flow(now: Array, past: Array, out: Array, scratch: Scratch) -> None:
    """The flow f32[2,m,n] from picture `now` to picture `past`, both with their margins."""
    sizes = [out.shape[1:]]
    while min(sizes[-1]) // 2 >= COARSEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    levels = [(now, past)]
    for depth, (m, n) in enumerate(sizes[1:], 1):
        pair = tuple(scratch(f"{name} {depth}", padded(m, n), f32) for name in ("now", "past"))
        for source, small in zip(levels[-1], pair, strict=True):
            halve(source, small, m, n)
        levels.append((pair[0], pair[1]))
    coarse = scratch("still", (2, 1, 1), f32)
    rest(coarse)
    for depth, ((m, n), (here, there)) in reversed([*enumerate(zip(sizes, levels, strict=True))]):
        grid = (-(-(m + 2) // STEP), -(-(n + 2) // STEP))
        patches = scratch(f"patches {depth}", (2, *grid), f32)
        search(here, there, coarse, patches, *coarse.shape[1:], *here.shape)
        coarse = patches
    spread(now, past, coarse, out, *coarse.shape[1:], *now.shape)
