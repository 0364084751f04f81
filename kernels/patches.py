"""Patches of a picture that are looked for in an older one, and how far each has come.

Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016: patches of 8 by 8 pixels, four apart, are
looked for in the past picture by inverse compositional Gauss-Newton steps. A search starts at the best of the coarser
displacements around the patch and of standing still. What explains a patch as well as noise allows is not searched
further, so that what stands still has a displacement of exactly 0. Brightness may change: each patch's mean difference
is left out.

Pictures are those of `bgflow.kernels.pyramid`: all sums are of whole numbers, which may be added in any order, and so
in vectors.
"""

# mypy: allow-untyped-defs, disable-error-code="operator, arg-type, call-overload"
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.pyramid import PAD, inner

f32, i32 = np.float32, np.int32

SIZE = 8  # pixels along each side of a patch
STEP = 4  # pixels from one patch to the next
STEPS = 5  # Gauss-Newton steps on each level
FLAT = 40.0  # squared gradients of a patch that are as good as none: what noise makes of a wall
QUIET = 64.0  # squared differences of a patch that are as good as none: one level at each pixel
NEAR = 0.1  # pixels of a step so small that it is the last
PARTS = 32  # of a pixel, by which a patch is moved


@function
def bound(v, start, size):
    """A displacement that keeps a patch which begins at `start` inside of a padded picture."""
    return max(min(v, f32(size - SIZE - 2 - start)), f32(-start))


@function
def fixed(v):
    """A displacement in whole parts of a pixel."""
    return i32(np.floor(v * f32(PARTS) + f32(0.5)))


@function
def across(picture, y, x, part):
    """The picture between pixel x and the next one, times PARTS."""
    here = i32(picture[y, x])
    return i32(PARTS * here + i32(i32(picture[y, x + 1]) - here) * part)


@function
def down(upper, lower, part):
    """Between two rows that `across` gave."""
    return i32(i32(PARTS * upper + i32(lower - upper) * part + PARTS * PARTS // 2) >> 10)


@function
def variance(s, ss):
    """How much 64 differences vary, summed over them, in squared levels."""
    return (f32(ss) - f32(s) * f32(s) * f32(1 / 64)) * f32(1 / 256)


@function
def misfit(now, past, y, x, v, u):
    """The variance of the difference between a patch and the past picture at a displacement."""
    iy = fixed(v)
    ix = fixed(u)
    fy = i32(iy & (PARTS - 1))
    fx = i32(ix & (PARTS - 1))
    py = max(i32(y + (iy >> 5)), 0)
    px = max(i32(x + (ix >> 5)), 0)
    s = i32(0)
    ss = i32(0)
    for i in range(SIZE):  # columns outside: the rows are unrolled, and the columns become one vector
        upper = across(past, py, px + i, fx)
        column = i32(0)
        squares = i32(0)
        for j in range(SIZE):
            lower = across(past, py + j + 1, px + i, fx)
            d = i32(down(upper, lower, fy) - i32(now[y + j, x + i]))
            upper = lower
            column = i32(column + d)
            squares = i32(squares + d * d)
        s = i32(s + column)
        ss = i32(ss + squares)
    return variance(s, ss)


@function
def pull(now, past, y, x, v, u):
    """The misfit of a patch, and the sums over it of the difference, and of that times the gradients."""
    iy = fixed(v)
    ix = fixed(u)
    fy = i32(iy & (PARTS - 1))
    fx = i32(ix & (PARTS - 1))
    py = max(i32(y + (iy >> 5)), 0)
    px = max(i32(x + (ix >> 5)), 0)
    s = i32(0)
    ss = i32(0)
    sy = i32(0)
    sx = i32(0)
    for i in range(SIZE):
        upper = across(past, py, px + i, fx)
        column = i32(0)
        squares = i32(0)
        ys = i32(0)
        xs = i32(0)
        for j in range(SIZE):
            lower = across(past, py + j + 1, px + i, fx)
            d = i32(down(upper, lower, fy) - i32(now[y + j, x + i]))
            upper = lower
            column = i32(column + d)
            squares = i32(squares + d * d)
            ys = i32(ys + i32(i32(now[y + j + 1, x + i]) - i32(now[y + j - 1, x + i])) * d)
            xs = i32(xs + i32(i32(now[y + j, x + i + 1]) - i32(now[y + j, x + i - 1])) * d)
        s = i32(s + column)
        ss = i32(ss + squares)
        sy = i32(sy + ys)
        sx = i32(sx + xs)
    return variance(s, ss), f32(s) * f32(1 / 16), f32(sy) * f32(1 / 512), f32(sx) * f32(1 / 512)


@function
def steepness(now, y, x):
    """The sums over a patch of its gradients, and of their products, in levels."""
    sy = i32(0)
    sx = i32(0)
    yy = i32(0)
    xx = i32(0)
    xy = i32(0)
    for i in range(SIZE):
        ys = i32(0)
        xs = i32(0)
        yys = i32(0)
        xxs = i32(0)
        xys = i32(0)
        for j in range(SIZE):
            gy = i32(i32(now[y + j + 1, x + i]) - i32(now[y + j - 1, x + i]))
            gx = i32(i32(now[y + j, x + i + 1]) - i32(now[y + j, x + i - 1]))
            ys = i32(ys + gy)
            xs = i32(xs + gx)
            yys = i32(yys + gy * gy)
            xxs = i32(xxs + gx * gx)
            xys = i32(xys + gy * gx)
        sy = i32(sy + ys)
        sx = i32(sx + xs)
        yy = i32(yy + yys)
        xx = i32(xx + xxs)
        xy = i32(xy + xys)
    k = f32(1 / 1024)
    return f32(sy) * f32(1 / 32), f32(sx) * f32(1 / 32), f32(yy) * k, f32(xx) * k, f32(xy) * k


@kernel(
    over="rows,columns", now="u16[ph,pw]", past="u16[ph,pw]", coarse="f32[2,cr,cc]", out="f32[2,rows,columns] out",
    cr="i32", cc="i32", ph="i32", pw="i32",
)  # fmt: skip
def search(row, column, now, past, coarse, out, cr, cc, ph, pw):
    """The displacement of one patch, from the best of its starting points by Gauss-Newton steps."""
    y = max(i32(PAD - STEP + STEP * row), 1)
    x = max(i32(PAD - STEP + STEP * column), 1)
    v = f32(0)
    u = f32(0)
    best = misfit(now, past, y, x, v, u)
    if best > f32(QUIET):
        for cy in range(max(i32(row - 1) // 2, 0), (row + 2) // 2 + 1):
            for cx in range(max(i32(column - 1) // 2, 0), (column + 2) // 2 + 1):
                cv = bound(f32(2) * coarse[0, min(cy, cr - 1), min(cx, cc - 1)], y, ph)
                cu = bound(f32(2) * coarse[1, min(cy, cr - 1), min(cx, cc - 1)], x, pw)
                if cv != v or cu != u:
                    found = misfit(now, past, y, x, cv, cu)
                    if found < best:
                        best = found
                        v = cv
                        u = cu
    if best > f32(QUIET):
        sy, sx, yy, xx, xy = steepness(now, y, x)
        yy += f32(FLAT) - sy * sy * f32(1 / 64)
        xx += f32(FLAT) - sx * sx * f32(1 / 64)
        xy -= sy * sx * f32(1 / 64)
        over = f32(1) / (yy * xx - xy * xy)
        nv = v
        nu = u
        for _ in range(STEPS):
            found, s, py, px = pull(now, past, y, x, nv, nu)
            if found < best:
                best = found
                v = nv
                u = nu
            py -= sy * s * f32(1 / 64)
            px -= sx * s * f32(1 / 64)
            dv = min(max((xx * py - xy * px) * over, f32(-STEP)), f32(STEP))
            du = min(max((yy * px - xy * py) * over, f32(-STEP)), f32(STEP))
            nv = bound(nv - dv, y, ph)
            nu = bound(nu - du, x, pw)
            if abs(dv) + abs(du) < f32(NEAR):
                break
        found = misfit(now, past, y, x, nv, nu)
        if found < best:
            v = nv
            u = nu
    out[0, row, column] = v
    out[1, row, column] = u


def grid(level: Array) -> tuple[int, int]:
    """The rows and columns of patches on a grey picture."""
    m, n = inner(level)
    return -(-m // STEP) + 1, -(-n // STEP) + 1
