"""The guided filter where a matte has an edge: what is far from any stays as it is, and costs next to nothing.

Only in the band of the edge (runs.py) is the picture shrunk, are sums made (bandfit.py) and is the picture's colour put
into what they say.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.bandfit import FAR, SPAN, SUMS, regress, smooth
from bgflow.kernels.blur import Scratch
from bgflow.kernels.runs import EDGE, TILE, beside, end_of, sort, spread

f32, i32, u8 = np.float32, np.int32, np.uint8

LEAST = 1 / 255  # alpha that counts as 0 whatever the slope


@function
def held(v):
    """A value forced into 0..1."""
    return f32(0) if v < f32(0) else (f32(1) if v > f32(1) else v)


@kernel(
    over="p", near="u8[p,q]", image="u8[h,bytes]", alpha="f32[h,w]", colours="i32[p,bytes] out",
    mattes="f32[p,w] out", out="f32[m,4,wide] out", k="i32", m="i32", p="i32", q="i32", h="i32", w="i32",
)  # fmt: skip
def shrink(y, near, image, alpha, colours, mattes, out, k, m, p, q, h, w):
    """Colour and matte of every cell in the band and beside it, in 0..1; 0 beyond the picture."""
    y = max(i32(y), i32(0))
    side = k * TILE
    tile = 0
    while tile < q:
        if not beside(near, y, tile, p, q):
            tile += 1
            continue
        begin = tile
        while tile < q and beside(near, y, tile, p, q):
            tile += 1
        left = max(i32(begin) * side, i32(0))
        right = min(i32(tile) * side, w)
        colour, matte = colours[y, 3 * left : 3 * right], mattes[y, left:right]
        count = right - left
        for j in range(y * TILE, min(y * TILE + TILE, m)):
            top = max(i32(j) * k, i32(0))
            bottom = min(top + k, h)
            levels, values = image[top, 3 * left : 3 * right], alpha[top, left:right]
            for i in range(3 * count):
                colour[i] = i32(levels[i])
            for i in range(count):
                matte[i] = values[i]
            for row in range(top + 1, bottom):  # rows first: whole runs of bytes at a time
                levels, values = image[row, 3 * left : 3 * right], alpha[row, left:right]
                for i in range(3 * count):
                    colour[i] += i32(levels[i])
                for i in range(count):
                    matte[i] += values[i]
            reds = out[j, 0, FAR + begin * TILE : FAR + tile * TILE]
            greens = out[j, 1, FAR + begin * TILE : FAR + tile * TILE]
            blues = out[j, 2, FAR + begin * TILE : FAR + tile * TILE]
            shares = out[j, 3, FAR + begin * TILE : FAR + tile * TILE]
            for cell in range((tile - begin) * TILE):
                first = max(i32(cell) * k, i32(0))
                last = min(first + k, count)
                r, g, b, s = i32(0), i32(0), i32(0), f32(0)
                for i in range(first, last):
                    r += colour[3 * i]
                    g += colour[3 * i + 1]
                    b += colour[3 * i + 2]
                    s += matte[i]
                mean = f32(1) / f32(max(last - first, 1) * (bottom - top))
                reds[cell] = f32(r) * mean * f32(1 / 255)
                greens[cell] = f32(g) * mean * f32(1 / 255)
                blues[cell] = f32(b) * mean * f32(1 / 255)
                shares[cell] = s * mean
    for j in range(y * TILE, min(y * TILE + TILE, m)):
        for c in range(4):
            for i in range(FAR):
                out[j, c, i] = f32(0)
                out[j, c, FAR + q * TILE + i] = f32(0)


@function
def widen(cells, wide, count, k, before):
    """Values of cells interpolated, k for each span between two cells' centres, `before` of them left of the first."""
    each = f32(1) / f32(k)
    u0 = (f32(0.5) - f32(before)) * each + f32(0.5)
    u1, u2, u3 = u0 + each, u0 + f32(2) * each, u0 + f32(3) * each
    if k == 1:
        for i in range(count):
            wide[i] = cells[i] + (cells[i + 1] - cells[i]) * u0
    elif k == 2:
        for i in range(count):
            rise = cells[i + 1] - cells[i]
            wide[2 * i] = cells[i] + rise * u0
            wide[2 * i + 1] = cells[i] + rise * u1
    elif k == 3:
        for i in range(count):
            rise = cells[i + 1] - cells[i]
            wide[3 * i] = cells[i] + rise * u0
            wide[3 * i + 1] = cells[i] + rise * u1
            wide[3 * i + 2] = cells[i] + rise * u2
    elif k == 4:
        for i in range(count):
            rise = cells[i + 1] - cells[i]
            wide[4 * i] = cells[i] + rise * u0
            wide[4 * i + 1] = cells[i] + rise * u1
            wide[4 * i + 2] = cells[i] + rise * u2
            wide[4 * i + 3] = cells[i] + rise * u3
    else:
        for i in range(count):
            rise = cells[i + 1] - cells[i]
            for phase in range(k):
                wide[i * k + phase] = cells[i] + rise * (u0 + f32(phase) * each)


@kernel(
    over="p", near="u8[p,q]", image="u8[h,w,3]", alpha="f32[h,w]", model="f32[m,4,wide]", cells="f32[p,wide] out",
    line="f32[p,4,longest] out", out="f32[h,w] out", slope="f32", k="i32", m="i32", h="i32", w="i32", q="i32",
)  # fmt: skip
def predict(y, near, image, alpha, model, cells, line, out, slope, k, m, h, w, q):
    """a * colour + b, with a and b interpolated, in the band; elsewhere the matte itself, `slope` times as steep."""
    y = max(i32(y), i32(0))
    side = k * TILE
    before = max(i32(k + 1) // i32(2), i32(0))
    tile = 0
    while tile < q:
        end = end_of(near, y, tile, q)
        left = max(i32(tile) * side, i32(0))
        right = min(i32(end) * side, w)
        count = right - left
        spans = (end - tile) * TILE + 1
        first = FAR - 1 + tile * TILE
        for row in range(y * side, min(y * side + side, h)):
            made = out[row, left:right]
            if near[y, tile] == EDGE:
                v = min(max((f32(row) + f32(0.5)) / f32(k) - f32(0.5), f32(0)), f32(m - 1))
                j = max(i32(v), i32(0))
                v -= f32(j)
                mine = cells[y, first : first + spans + 1]
                for c in range(4):
                    upper = model[j, c, first : first + spans + 1]
                    lower = model[min(j + 1, m - 1), c, first : first + spans + 1]
                    for i in range(spans + 1):
                        mine[i] = upper[i] + (lower[i] - upper[i]) * v
                    widen(mine, line[y, c], spans, k, before)
                red, green = line[y, 0, before : before + count], line[y, 1, before : before + count]
                blue, rest = line[y, 2, before : before + count], line[y, 3, before : before + count]
                picture = image[row, left:right]
                for i in range(count):
                    t = red[i] * f32(picture[i, 0]) + green[i] * f32(picture[i, 1])
                    made[i] = held(t + blue[i] * f32(picture[i, 2]) + rest[i])
            else:
                coarse = alpha[row, left:right]
                for i in range(count):
                    made[i] = held((coarse[i] - f32(0.5)) * slope + f32(0.5))
        tile = end


def refine(
    image: Array, alpha: Array, out: Array, r: int, eps: float, k: int, scratch: Scratch, slope: float = 1.0
) -> None:
    """`guided.refine` with windows of r (at most FAR) cells of k by k pixels, on a CPU.

    What `slope` makes 0 or 1 twice over is flat: a matte whose faint values lie far from any edge is left to it alone.
    """
    h, w = alpha.shape
    m, n = -(-h // k), -(-w // k)
    p, q = -(-m // TILE), -(-n // TILE)
    wide = q * TILE + 2 * FAR
    kind, near = (scratch(f"{name} {p}x{q}", (p, q), u8) for name in ("kind", "near"))
    high, low, mattes = (scratch(f"{name} {p}x{w}", (p, w), f32) for name in ("high", "low", "mattes"))
    colours = scratch(f"colours {p}x{w}", (p, 3 * w), i32)
    cells = scratch(f"cells {m}x{n}", (m, 4, wide), f32)
    raw, model = (scratch(f"{name} {m}x{n}", (m, 4, wide), f32) for name in ("raw", "model"))
    work, totals = scratch(f"work {p}", (p, SUMS + 4, SPAN), f32), scratch(f"totals {p}x{n}", (p, wide), f32)
    line = scratch(f"line {p}x{n}x{k}", (p, 4, (q * TILE + 1) * k), f32)
    sort(alpha, high, low, kind, max((1 - 1 / slope) / 4, LEAST), TILE * k, h, w, q)
    spread(kind, near, -(-(2 * r + 1) // TILE), p, q)
    shrink(near, image.reshape(h, 3 * w), alpha, colours, mattes, cells, k, m, p, q, h, w)
    regress(near, cells, work, raw, eps, slope, r, m, n, p, q)
    smooth(near, raw, totals, model, r, m, n, p, q)
    predict(near, image, alpha, model, totals, line, out, slope, k, m, h, w, q)
