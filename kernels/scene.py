"""The camera side of a synthetic scene: a procedural backdrop, the light on it, and the picture a sensor makes of it.

Only + - * / are used, so the same scene has the same bits everywhere. `textured` is value noise.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function, kernel
from bgflow.kernels.figure import clip, mix, uniform

f32 = np.float32
u8 = np.uint8

BACKGROUNDS = ("flat", "gradient", "textured", "room")  # their order is `style`
GRID = 4  # a shadow is so soft that every fourth pixel will do


def grid(h: int, w: int) -> tuple[int, int]:
    """The shape of a shadow's grid: cells of GRID by GRID pixels, with one more row and column all around."""
    return (h + GRID // 2 - 1) // GRID + 2, (w + GRID // 2 - 1) // GRID + 2


@function
def lattice(x, y, seed):
    """Value noise in 0..1: random values at whole coordinates, smoothly joined; x and y are at least 0."""
    ix = int(x)
    iy = int(y)
    fx = x - f32(ix)
    fy = y - f32(iy)
    fx = fx * fx * (f32(3) - f32(2) * fx)
    fy = fy * fy * (f32(3) - f32(2) * fy)
    upper = mix(seed + iy)
    lower = mix(seed + iy + 1)
    a = uniform(upper + ix)
    b = uniform(upper + ix + 1)
    c = uniform(lower + ix)
    d = uniform(lower + ix + 1)
    top = a + (b - a) * fx
    return top + (c + (d - c) * fx - top) * fy


@function
def slab(p, centre, half, soft):
    """1 within `half` of the centre, 0 beyond it, with an edge `soft` wide."""
    return clip(f32(0.5) + (half - abs(p - centre)) / soft)


@function
def pane(x, y, cx, cy, rx, ry):
    """A rectangle that is a little out of focus."""
    return slab(x, cx, rx, f32(0.012)) * slab(y, cy, ry, f32(0.012))


@function
def room(x, y, wide, wall, seed, c):
    """A calm room of height 1 and width `wide`: wall, window, shelf and skirting; one channel, 0..255."""
    v = wall * (f32(1.08) - f32(0.22) * x / wide - f32(0.1) * y)
    glow = clip(f32(1) - (abs(x - f32(0.3)) + abs(y - f32(0.32))) * f32(1.1))
    v += glow * glow * (f32(16) - f32(5) * f32(c))
    v += (f32(212) - v) * pane(x, y, f32(0.3), f32(0.32), f32(0.21), f32(0.25))
    sky = f32(186) + f32(10) * f32(c) + f32(18) * (y - f32(0.2))
    for k in range(4):
        px = f32(0.2) + f32(0.2) * f32(k % 2)
        py = f32(0.2) + f32(0.24) * f32(k // 2)
        v += (sky - v) * pane(x, y, px, py, f32(0.085), f32(0.105))
    v += (f32(196) - v) * pane(x, y, f32(0.3), f32(0.585), f32(0.24), f32(0.014))
    left = wide - f32(0.52)
    for k in range(2):
        board = f32(0.36) + f32(0.27) * f32(k)
        slot = int(max((x - left) / f32(0.036), f32(0)))
        tall = f32(0.1) + f32(0.06) * uniform(seed + slot + 40 * k)
        full = slot < 12 and uniform(seed + slot + 40 * k + 400) < f32(0.8)
        if full:
            cx = left + (f32(slot) + f32(0.5)) * f32(0.036)
            tint = f32(0.16) * uniform((seed + slot + 40 * k) * 3 + c + 800)
            book = wall * (f32(0.5) + f32(0.36) * uniform(seed + slot + 40 * k + 600) + tint)
            v += (book - v) * pane(x, y, cx, board - tall / f32(2), f32(0.014), tall / f32(2))
        wood = f32(132) - f32(22) * f32(c)
        v += (wood - v) * pane(x, y, left + f32(0.22), board + f32(0.01), f32(0.25), f32(0.012))
    v += (wall * f32(0.78) - v) * clip((y - f32(0.9)) / f32(0.01))
    return v + f32(3) * lattice(x * f32(60) + f32(8), y * f32(60) + f32(8), seed) - f32(1.5)


@kernel(
    over="rows,columns", out="f32[rows,columns,3] out", palette="f32[2,3]",
    style="i32", seed="i32", margin="i32", h="f32", w="f32",
)  # fmt: skip
def backdrop(y, x, out, palette, style, seed, margin, h, w):
    """Draw what is behind everybody, 0..255, `margin` pixels larger than the picture on every side."""
    px = (f32(x - margin) + f32(0.5)) / h
    py = (f32(y - margin) + f32(0.5)) / h
    key = int(seed)
    for c in range(3):
        v = palette[0, c]
        if style == 1:
            v += (palette[1, c] - v) * clip((px * h / w + py) * f32(0.5))
        elif style == 2:
            grain = f32(0)
            size = f32(5)
            for octave in range(4):
                grain += lattice((px + f32(1)) * size, (py + f32(1)) * size, (key + 31 * octave) * 3 + c) / size
                size *= f32(2.5)
            v += (palette[1, c] - v) * clip((grain - f32(0.1)) * f32(8))
        elif style == 3:
            v = room(px, py, w / h, v, key, c)
        out[y, x, c] = min(max(v, f32(0)), f32(255))


@kernel(layer="f32[h,w]", alpha="f32[h,w] inout")
def cover(y, x, layer, alpha):
    """Put one more figure, of alpha `layer`, in front of those already there."""
    alpha[y, x] = layer[y, x] + alpha[y, x] * (f32(1) - layer[y, x])


@function
def shaded(shade, y, x):
    """How deep in shadow a pixel is, from the four cells of the grid around it: 0 not at all, 1 wholly."""
    iy = (y + GRID // 2) // GRID
    ix = (x + GRID // 2) // GRID
    fy = (f32(y + GRID // 2 - GRID * iy) + f32(0.5)) / f32(GRID)
    fx = (f32(x + GRID // 2 - GRID * ix) + f32(0.5)) / f32(GRID)
    upper = shade[iy, ix] + (shade[iy, ix + 1] - shade[iy, ix]) * fx
    lower = shade[iy + 1, ix] + (shade[iy + 1, ix + 1] - shade[iy + 1, ix]) * fx
    return upper + (lower - upper) * fy


@kernel(
    backdrop="f32[bh,bw,3]", shade="f32[rows,columns]", plate="u8[h,w,3] out",
    top="i32", left="i32", fy="f32", fx="f32", gain="f32", strength="f32",
)  # fmt: skip
def light(y, x, backdrop, shade, plate, top, left, fy, fx, gain, strength):
    """What the camera sees of the backdrop alone, from the point (top + fy, left + fx) of it on."""
    lit = gain * (f32(1) - strength * shaded(shade, y, x))
    for c in range(3):
        upper = backdrop[y + top, x + left, c]
        upper += (backdrop[y + top, x + left + 1, c] - upper) * fx
        lower = backdrop[y + top + 1, x + left, c]
        lower += (backdrop[y + top + 1, x + left + 1, c] - lower) * fx
        plate[y, x, c] = u8(int(min((upper + (lower - upper) * fy) * lit, f32(255)) + f32(0.5)))


@kernel(
    alpha="f32[h,w]", foreground="u8[h,w,3]", plate="u8[h,w,3]", image="u8[h,w,3] out",
    sigma="f32", key="i32",
)  # fmt: skip
def develop(y, x, alpha, foreground, plate, image, sigma, key):
    """alpha * foreground + (1 - alpha) * plate, plus noise of `sigma` levels (four random bytes: nearly Gaussian)."""
    a = alpha[y, x]
    row = mix(int(key) + y * 0x9E3779B1)
    for c in range(3):
        v = f32(foreground[y, x, c]) * a + f32(plate[y, x, c]) * (f32(1) - a)
        if sigma > f32(0):
            n = mix(row + x * 3 + c)
            n = (n & 255) + ((n >> 8) & 255) + ((n >> 16) & 255) + (n >> 24)
            v = min(max(v + f32(n - 510) * f32(1 / 147.8) * sigma, f32(0)), f32(255))
        image[y, x, c] = u8(int(v + f32(0.5)))


@kernel(alpha="f32[h,w]", shade="f32[rows,columns]", label="u8[h,w] out", strength="f32")
def annotate(y, x, alpha, shade, label, strength):
    """255 where half of the pixel or more is subject, 127 where a shadow takes an eighth of the light, else 0."""
    dark = strength * shaded(shade, y, x) >= f32(0.125)
    label[y, x] = u8(255 if alpha[y, x] >= f32(0.5) else (127 if dark else 0))
