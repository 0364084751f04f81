"""Synthetic subjects with exact alpha: figures drawn from signed distances.

A figure is one row of a table, `f32[n, COLUMNS]`, written by `bgflow.scene`. Its outline is a signed distance in
pixels (negative inside), so that its alpha is exact at any size and any softness. Distances are those of Quilez,
"2D distance functions". Only + - * / and square roots are used, which IEEE 754 defines to the last bit: the same
table gives the same bits everywhere.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32 = np.float32
u8 = np.uint8

# The columns of a figure. Lengths from JOINTS on are in units: one unit is the height of a person's head.
KIND, X, Y, UNIT, COS, SIN, LEFT, TOP, RIGHT, BOTTOM = range(10)
JOINTS = 10  # left elbow, left hand, right elbow, right hand, left knee, left foot, right knee, right foot
SKIN, HAIR, CLOTH, LEGS, LOCKS, STRANDS, COLUMNS = 26, 29, 32, 35, 38, 39, 40
PERSON, ELLIPSE = 0, 1
TILE = 8  # pixels a side
TINY = f32(1e-6)
MASK = 0xFFFFFFFF


@function
def mix(n):
    """Scramble the lower 32 bits of n."""
    n &= MASK
    n = ((n >> 16) ^ n) * 0x45D9F3B & MASK
    n = ((n >> 16) ^ n) * 0x45D9F3B & MASK
    return (n >> 16) ^ n


@function
def uniform(n):
    """A number in 0..1 that depends on n alone."""
    return f32(mix(n) >> 8) * f32(1 / 2**24)


@function
def clip(v):
    return min(max(v, f32(0)), f32(1))


@function
def smooth_min(a, b, k):
    """The smaller of two distances, with the corner between them rounded over a length of k."""
    h = max(k - abs(a - b), f32(0)) / k
    return min(a, b) - h * h * k * f32(0.25)


@function
def ellipse(u, v, cx, cy, rx, ry):
    px = (u - cx) / rx
    py = (v - cy) / ry
    k = np.sqrt(px * px + py * py)
    slope = np.sqrt(px * px / (rx * rx) + py * py / (ry * ry))
    return (k - f32(1)) * (k + TINY) / (slope + TINY / min(rx, ry))


@function
def limb(u, v, ax, ay, bx, by, ra, rb):
    """A capsule from a to b whose radius goes from ra to rb."""
    px = u - ax
    py = v - ay
    dx = bx - ax
    dy = by - ay
    t = clip((px * dx + py * dy) / (dx * dx + dy * dy + TINY))
    px -= dx * t
    py -= dy * t
    return np.sqrt(px * px + py * py) - ra - (rb - ra) * t


@function
def face(u, v):
    skull = ellipse(u, v, f32(0), f32(-0.76), f32(0.36), f32(0.46))
    jaw = ellipse(u, v, f32(0), f32(-0.53), f32(0.26), f32(0.29))
    ears = ellipse(abs(u), v, f32(0.36), f32(-0.71), f32(0.06), f32(0.11))
    return min(smooth_min(skull, jaw, f32(0.1)), ears)


@function
def fringe(u, v):
    """The hair in front: a cap above a hairline."""
    cap = ellipse(u, v, f32(0), f32(-0.88), f32(0.42), f32(0.43))
    return max(max(cap, -ellipse(u, v, f32(0.05), f32(-0.6), f32(0.34), f32(0.44))), v + f32(0.7))


@function
def locks(u, v, length):
    """The hair behind: it reaches from the ears down by `length`."""
    return limb(abs(u), v, f32(0.29), f32(-0.88), f32(0.31), f32(-0.72) + length, f32(0.13), f32(0.12))


@function
def neck(u, v):
    return limb(u, v, f32(0), f32(-0.4), f32(0), f32(0.06), f32(0.19), f32(0.22))


@function
def torso(u, v):
    a = abs(u)
    side = (a - f32(0.74) + f32(0.09) * v) * f32(0.996)
    box = max(max(side, f32(0.34) - v), v - f32(2.5))
    return smooth_min(box, limb(a, v, f32(0), f32(0.2), f32(0.66), f32(0.44), f32(0.16), f32(0.24)), f32(0.15))


@function
def arm(figures, i, u, v, side, j):
    """A sleeve from the shoulder over the joint j to the next one."""
    ex = figures[i, j]
    ey = figures[i, j + 1]
    lower = limb(u, v, ex, ey, figures[i, j + 2], figures[i, j + 3], f32(0.17), f32(0.11))
    return min(lower, limb(u, v, side * f32(0.7), f32(0.46), ex, ey, f32(0.22), f32(0.17)))


@function
def hand(figures, i, u, v, j):
    """A palm and a thumb beyond the sleeve that ends at joint j + 2."""
    x = figures[i, j + 2]
    y = figures[i, j + 3]
    dx = (x - figures[i, j]) * f32(0.16)
    dy = (y - figures[i, j + 1]) * f32(0.16)
    palm = limb(u, v, x, y, x + dx + dx, y + dy + dy, f32(0.1), f32(0.13))
    thumb = limb(u, v, x + dx, y + dy, x + dx - dy, y + dy + dx, f32(0.06), f32(0.05))
    return smooth_min(palm, thumb, f32(0.05))


@function
def legs(figures, i, u, v):
    d = limb(u, v, f32(-0.1), f32(2.4), f32(0.1), f32(2.4), f32(0.45), f32(0.45))
    for j in range(JOINTS + 8, JOINTS + 16, 4):
        fx = figures[i, j + 2]
        fy = figures[i, j + 3]
        d = min(
            d,
            limb(
                u, v, f32(j - JOINTS - 10) * f32(0.14), f32(2.5), figures[i, j], figures[i, j + 1], f32(0.31), f32(0.21)
            ),
        )
        d = min(d, limb(u, v, figures[i, j], figures[i, j + 1], fx, fy, f32(0.21), f32(0.14)))
        d = min(d, limb(u, v, fx, fy, fx + f32(0.28), fy + f32(0.06), f32(0.14), f32(0.1)))
    return d


@function
def outline(figures, i, u, v):
    """The signed distance from a figure's outline, in units."""
    if figures[i, KIND] == f32(ELLIPSE):
        return ellipse(u, v, f32(0), f32(0), figures[i, JOINTS], figures[i, JOINTS + 1])
    d = smooth_min(torso(u, v), neck(u, v), f32(0.12))
    if v < f32(0.6):
        d = min(d, min(min(face(u, v), fringe(u, v)), locks(u, v, figures[i, LOCKS])))
    for side in range(2):
        j = JOINTS + 4 * side
        d = min(d, min(arm(figures, i, u, v, f32(2 * side - 1), j), hand(figures, i, u, v, j)))
    if v > f32(1.4):
        d = min(d, legs(figures, i, u, v))
    return d


@function
def strand(u, v, reach, unit):
    """How much of a pixel the fine hair around the head covers: one straight strand in each of 120 sectors."""
    py = v + f32(0.81)
    r = np.sqrt(u * u + py * py)
    if reach == f32(0) or py > f32(0) or r < f32(0.3) or r > f32(0.8):
        return f32(0)
    t = u / (abs(u) + abs(py))
    sector = int((t + f32(1)) * f32(60))
    t = (f32(sector) + f32(0.3) + f32(0.4) * uniform(sector)) / f32(60) - f32(1)
    down = abs(t) - f32(1)
    size = np.sqrt(t * t + down * down)
    along = (u * t + py * down) / size
    across = abs(u * down - py * t) / size * unit
    left = f32(1) - (along - f32(0.4)) / (reach * (f32(0.12) + f32(0.24) * uniform(sector + 977)))
    return clip(f32(1) - across) * clip(left)


@function
def place(figures, i, x, y):
    """The point (x, y) of the picture, in the units and along the axes of a figure."""
    dx = (x - figures[i, X]) / figures[i, UNIT]
    dy = (y - figures[i, Y]) / figures[i, UNIT]
    return dx * figures[i, COS] + dy * figures[i, SIN], dy * figures[i, COS] - dx * figures[i, SIN]


@function
def coat(r, g, b, figures, i, column, light, k):
    """Lay a figure's colour over (r, g, b), with coverage k."""
    r += (figures[i, column] * light - r) * k
    g += (figures[i, column + 1] * light - g) * k
    b += (figures[i, column + 2] * light - b) * k
    return r, g, b


@function
def paint_head(r, g, b, figures, i, u, v, sharp, lift):
    """Hair, face and neck over what is already there."""
    behind = clip(lift - locks(u, v, figures[i, LOCKS]) * sharp)
    r, g, b = coat(r, g, b, figures, i, HAIR, f32(0.72) - f32(0.15) * u, behind)
    light = f32(0.62) + f32(0.25) * clip((v + f32(0.3)) * f32(2.5)) - f32(0.35) * u
    r, g, b = coat(r, g, b, figures, i, SKIN, light, clip(lift - neck(u, v) * sharp))
    skin = face(u, v)
    light = f32(0.88) + f32(0.12) * clip(skin * f32(-6)) - f32(0.22) * u - f32(0.1) * (v + f32(0.76))
    r, g, b = coat(r, g, b, figures, i, SKIN, light, clip(lift - skin * sharp))
    a = abs(u)
    r += f32(14) * clip(f32(0.5) - ellipse(a, v, f32(0.2), f32(-0.55), f32(0.09), f32(0.07)) * f32(6))
    eye = ellipse(a, v, f32(0.145), f32(-0.74), f32(0.05), f32(0.045))
    brow = limb(a, v, f32(0.08), f32(-0.875), f32(0.21), f32(-0.87), f32(0.02), f32(0.014))
    r, g, b = coat(r, g, b, figures, i, HAIR, f32(0.5), clip(f32(0.5) - min(eye, brow) * sharp))
    nose = limb(u, v, f32(0.03), f32(-0.7), f32(0.045), f32(-0.57), f32(0.012), f32(0.03))
    mouth = limb(a, v, f32(0), f32(-0.405), f32(0.12), f32(-0.435), f32(0.022), f32(0.01))
    r, g, b = coat(r, g, b, figures, i, SKIN, f32(0.66), clip(f32(0.5) - min(nose, mouth) * sharp))
    cap = fringe(u, v)
    light = f32(0.85) + f32(0.3) * clip(cap * f32(-5)) - f32(0.4) * u
    return coat(r, g, b, figures, i, HAIR, light, clip(lift - cap * sharp))


@function
def colour(figures, i, u, v, lift):
    """The colour of a figure, 0..255; its parts swell by `lift` px, so that a soft edge shows the nearest part."""
    if figures[i, KIND] == f32(ELLIPSE):
        return coat(f32(0), f32(0), f32(0), figures, i, CLOTH, f32(0.85) - f32(0.15) * (u + v), f32(1))
    light = f32(0.76) + f32(0.24) * clip(torso(u, v) * f32(-3)) - f32(0.14) * u
    column = HAIR if v < f32(-0.75) else CLOTH
    r, g, b = coat(f32(0), f32(0), f32(0), figures, i, column, light, f32(1))
    sharp = figures[i, UNIT]
    if v > f32(1.4):
        below = legs(figures, i, u, v)
        shine = f32(0.7) + f32(0.3) * clip(below * f32(-5))
        r, g, b = coat(r, g, b, figures, i, LEGS, shine, clip(lift - below * sharp))
        r, g, b = coat(r, g, b, figures, i, CLOTH, light, clip(lift - torso(u, v) * sharp))
    if v < f32(0.6):
        collar = limb(abs(u), v, f32(0), f32(0.3), f32(0.2), f32(0.16), f32(0.035), f32(0.04))
        r, g, b = coat(r, g, b, figures, i, CLOTH, f32(0.62), clip(f32(0.5) - collar * sharp))
        r, g, b = paint_head(r, g, b, figures, i, u, v, sharp, lift)
    if abs(u) > f32(0.3):
        side = 1 if u > f32(0) else 0
        j = JOINTS + 4 * side
        palm = hand(figures, i, u, v, j)
        shine = f32(0.86) - f32(0.8) * max(palm, f32(-0.14))
        r, g, b = coat(r, g, b, figures, i, SKIN, shine, clip(lift - palm * sharp))
        sleeve = arm(figures, i, u, v, f32(2 * side - 1), j)
        light = f32(0.74) + f32(0.22) * clip(sleeve * f32(-7)) - f32(0.06) * u
        r, g, b = coat(r, g, b, figures, i, CLOTH, light, clip(lift - sleeve * sharp))
    return r, g, b


@kernel(
    over="rows,columns", figures="f32[n,k]", i="i32", alpha="f32[h,w] out",
    rows="i32", columns="i32", h="i32", w="i32", left="f32", top="f32", soft="f32",
)  # fmt: skip
def silhouette_tile(row, column, figures, i, alpha, rows, columns, h, w, left, top, soft):
    """One tile of `silhouette`: an outline that is far from the tile's centre fills or misses all of the tile."""
    y0 = TILE * row
    x0 = TILE * column
    unit = figures[i, UNIT]
    near = f32(1.5 * TILE) + soft
    u, v = place(figures, i, left + f32(x0 + TILE // 2), top + f32(y0 + TILE // 2))
    far = outline(figures, i, u, v) * unit
    for y in range(y0, min(y0 + TILE, int(h))):
        for x in range(x0, min(x0 + TILE, int(w))):
            a = f32(1)
            if far > -near:
                a = f32(0)
                if far < near + figures[i, STRANDS] * unit:
                    u, v = place(figures, i, left + f32(x) + f32(0.5), top + f32(y) + f32(0.5))
                    a = clip(f32(0.5) - outline(figures, i, u, v) * unit / soft)
                    if figures[i, STRANDS] > f32(0):
                        a = max(a, strand(u, v, figures[i, STRANDS], unit))
            alpha[y, x] = a


def silhouette(figures: Array, i: int, alpha: Array, left: float, top: float, soft: float) -> None:
    """The alpha, f32[h,w], of figure i on the part of the picture from (left, top) on; its edge is `soft` px wide."""
    h, w = alpha.shape
    silhouette_tile(figures, i, alpha, -(-h // TILE), -(-w // TILE), h, w, left, top, soft)


@kernel(
    figures="f32[n,k]", i="i32", layer="f32[h,w]", alpha="f32[h,w]", foreground="u8[h,w,3] inout",
    left="f32", top="f32", soft="f32", gain="f32",
)  # fmt: skip
def paint(y, x, figures, i, layer, alpha, foreground, left, top, soft, gain):
    """Give the unmixed colour its share of figure i, whose own alpha is `layer`; `alpha` counts it already."""
    a = layer[y, x]
    if a > f32(0):
        u, v = place(figures, i, left + f32(x) + f32(0.5), top + f32(y) + f32(0.5))
        r, g, b = colour(figures, i, u, v, max((f32(0.5) - a) * soft + f32(1), f32(0.5)))
        share = a / alpha[y, x]
        for c in range(3):
            new = min(max((r if c == 0 else (g if c == 1 else b)) * gain, f32(0)), f32(255))
            old = f32(foreground[y, x, c])
            foreground[y, x, c] = u8(int(old + (new - old) * share + f32(0.5)))
