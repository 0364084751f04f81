"""Backgrounds that need no file: painted by formula at any size, the same every time.

Coordinates are in units of the picture's height: y from 0 (top) to 1, x from the middle, so a painting looks the same
at every resolution and only shows more at its sides when the picture is wider.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

Plane: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Painter: TypeAlias = Callable[[Plane, Plane], Plane]

PAINTERS: dict[str, Painter] = {}
BAND = 64  # rows that are painted at a time


def names() -> list[str]:
    """The paintings there are."""
    return list(PAINTERS)


@functools.lru_cache(maxsize=4)
def render(name: str, h: int, w: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Paint `name` as read-only u8[h,w,3] RGB. Raises KeyError for an unknown name."""
    rows = (np.arange(h, dtype=np.float32) + 0.5) / h
    columns = (np.arange(w, dtype=np.float32) + 0.5 - w / 2) / h
    rng, out = np.random.default_rng(1), np.empty((h, w, 3), np.uint8)
    for top in range(0, h, BAND):  # a painting takes many times its own size in between
        strip = out[top : top + BAND]
        painted = PAINTERS[name](rows[top : top + BAND, None], columns[None, :])
        # half a step of noise on every pixel, or long gradients would show as bands
        strip[:] = np.clip(painted * 255 + rng.random((*strip.shape[:2], 1), np.float32), 0, 255)
    out.flags.writeable = False
    return out


def painter(paint: Painter) -> Painter:
    """Hang a painting into the gallery under its function's name."""
    PAINTERS[paint.__name__] = paint
    return paint


@painter
def studio(y: Plane, x: Plane) -> Plane:
    """A bright grey wall that a soft light falls on from the upper left, and its floor."""
    wall = ramp(glow(y, x, 0.28, -0.35, 0.75), ("#8f949b", "#d9dbde", "#f4f4f2"))
    floor = ramp(glow(y, x, 1.0, -0.2, 0.9), ("#70757d", "#c3c6ca"))
    return vignette(blend(wall, floor, step(y, 0.84, 0.07)), y, x, 0.22)


@painter
def room(y: Plane, x: Plane) -> Plane:
    """A bright living room, far out of focus."""
    out = ramp(glow(y, x, 0.3, -0.6, 1.3), ("#a8917b", "#dfd0bd", "#f3eadc"))
    for left in (-0.84, -0.53):  # a window of two panes
        lay(out, y, x, ("#fdfeff", "#eaf3f9", "#cfe3da"), 1.0, 0.07, 0.64, left, left + 0.26, 0.022)
    for left, right in ((-1.3, -0.88), (-0.25, -0.12)):
        lay(out, y, x, ("#efe7db", "#d9cdbd"), 0.9, -0.1, 0.88, left, right, 0.035)
    rng = np.random.default_rng(24)
    for top in (0.25, 0.47):  # shelves and what stands on them
        lay(out, y, x, ("#86674b",), 0.85, top, top + 0.026, 0.36, 1.0, 0.02)
        for left in np.arange(0.39, 0.93, 0.056).tolist():
            tone = str(rng.choice(["#a9563f", "#d8b36a", "#57757f", "#e9e2d6", "#6c7a5c", "#c98f71"]))
            tall, wide = rng.uniform(0.07, 0.15), rng.uniform(0.035, 0.052)
            lay(out, y, x, (tone,), 0.75, top - tall, top, left, left + wide, 0.022)
    for top, left, right in ((0.76, -0.48, 0.56), (0.86, -0.6, 0.68)):  # a sofa
        lay(out, y, x, ("#93a0a6", "#76858d", "#59666e"), 0.97, top, 1.25, left, right, 0.045)
    for _ in range(60):  # a plant
        cy, cx = 0.66 + 0.10 * rng.standard_normal(), 0.86 + 0.07 * rng.standard_normal()
        tone, r = str(rng.choice(["#4c6b45", "#6f8f57", "#39543a", "#88a56c"])), rng.uniform(0.02, 0.05)
        lay(out, y, x, (tone,), 0.6, cy - r, cy + r, cx - r, cx + r, 0.03)
    lay(out, y, x, ("#b4785a", "#94583f"), 0.95, 0.8, 0.95, 0.79, 0.93, 0.03)
    return vignette(out + 0.10 * glow(y, x, 0.34, -0.55, 0.5)[..., None], y, x, 0.14)


@painter
def dusk(y: Plane, x: Plane) -> Plane:
    """The sky after sunset over dark hills."""
    out = ramp(y, ("#141a3c", "#2f2f63", "#6b4478", "#b95c72", "#ef9163", "#ffcf8a"), 0.0, 0.8)
    cloud = smooth((fog(y * 5, x * 1.1, 3) - 0.5) * 3.2) * band(y, 0.45, 0.28)
    out = blend(out, ramp(y, ("#3a3566", "#e0786f", "#ffd9a0"), 0.1, 0.75), 0.55 * cloud)
    out += 0.30 * glow(y, x, 0.78, 0.25, 0.45)[..., None] * colour("#ffb066")
    for n, tone in enumerate(("#7a4a68", "#46345a", "#1f1e38")):
        ridge = 0.74 + 0.075 * n + 0.10 * (fog(LINE + 3.7 * n, x * (1.6 + 0.7 * n), 4, seed=n) - 0.5)
        out = blend(out, colour(tone), step(y, ridge, 0.006))
    return vignette(out, y, x, 0.15)


@painter
def mist(y: Plane, x: Plane) -> Plane:
    """Ridges of forest, one behind the other, in morning mist."""
    out = ramp(y, ("#c9d6dc", "#e6ebe9", "#f1efe8"), 0.0, 0.6)
    out = out + 0.10 * glow(y, x, 0.22, 0.35, 0.4)[..., None] * colour("#fff0d0")
    for n, tone in enumerate(("#c2d0d3", "#9fb4b9", "#76919a", "#4f6d76", "#2c464e")):
        hill = 0.30 + 0.135 * n + 0.20 * (fog(LINE + 1.3 * n, x * (1.1 + 0.35 * n), 3, seed=20 + n) - 0.5)
        trees = hill - 0.011 * (1 + n) * fog(LINE, x * (30 - 3 * n), 2, seed=40 + n)
        depth = np.clip((y - hill) / 0.26, 0, 1) * (0.75 - 0.09 * n)
        out = blend(out, blend(colour(tone), colour("#e3e8e6"), depth), step(y, trees, 0.012 - 0.002 * n))
    return out


@painter
def ocean(y: Plane, x: Plane) -> Plane:
    """A calm sea under a clear sky."""
    sky = ramp(y, ("#3f86bd", "#86b9d9", "#cfe3e8", "#f3e7d3"), 0.0, 0.56)
    sky = sky + 0.16 * glow(y, x, 0.5, -0.3, 0.3)[..., None] * colour("#ffd9a0")
    cloud = smooth((fog(y * 7, x * 1.3 + 4, 4, seed=5) - 0.52) * 4) * band(y, 0.27, 0.22)
    sky = blend(sky, colour("#fdfaf4"), 0.6 * cloud)
    far = np.maximum(y - 0.56, 1e-3)
    sea = ramp(far, ("#8fbac4", "#3b869c", "#17607e", "#0d4562"), 0.0, 0.44)
    waves = fog(0.9 / (far + 0.03), x / (far + 0.09) * 0.55, 3, seed=8) - 0.5
    sea = sea + (0.22 * waves * np.clip(far * 9, 0, 1))[..., None] * colour("#cfeaf0")
    path = np.exp(-(((x + 0.3) / (0.08 + 0.5 * far)) ** 2)) * smooth(waves * 5 - 0.1)
    sea = sea + (0.55 * path * np.exp(-3 * far))[..., None] * colour("#ffedc8")
    return vignette(blend(sky, sea, step(y, 0.56, 0.004)), y, x, 0.08)


@painter
def bokeh(y: Plane, x: Plane) -> Plane:
    """City lights at night, out of focus."""
    out = ramp(y + 0.15 * x, ("#0a0f20", "#141a33", "#2a2138", "#1a1420"))
    out += 0.22 * glow(y, x, 0.62, 0.1, 0.6)[..., None] * colour("#ff9a55")
    rng = np.random.default_rng(4)
    tones = ("#ffb45e", "#ff8a4c", "#ffd9a0", "#ff5f6d", "#6fc3ff", "#fff1d6", "#8f7bff", "#ffc857")
    for _ in range(95):
        size, cx, cy = rng.uniform(0.022, 0.075), rng.uniform(-1.25, 1.25), min(max(rng.normal(0.6, 0.17), 0.02), 1.05)
        tone, strength = colour(str(rng.choice(tones))), rng.uniform(0.10, 0.5) * 0.055 / (size + 0.03)
        part = near(y, x, cy - size, cy + size, cx - size, cx + size)
        distance = np.hypot(y[part[0]] - cy, x[:, part[1]] - cx) / size
        ring = step(-distance, -0.9, 0.1) * (0.75 + 0.25 * np.minimum(distance, 1) ** 4)
        out[part] += (strength * ring)[..., None] * tone
    return vignette(1 - np.exp(-1.35 * out), y, x, 0.25)


@painter
def paper(y: Plane, x: Plane) -> Plane:
    """Warm handmade paper."""
    grain = (
        0.25 * fog(y * 6, x * 6, 2, seed=6) + 0.3 * fog(y * 40, x * 40, 2, seed=40) + 0.45 * fog(y * 140, x * 140, 2)
    )
    fibre = smooth((fog(y * 110, x * 18 + 3 * y, 2, seed=77) - 0.68) * 6)
    out = ramp(0.55 * grain + 0.45 * glow(y, x, 0.3, -0.3, 1.3), ("#d8cbb4", "#efe6d4", "#faf5ea"), 0.2, 0.8)
    return vignette(out - 0.022 * fibre[..., None], y, x, 0.14)


@painter
def silk(y: Plane, x: Plane) -> Plane:
    """Folds of colour that flow into each other."""
    for n in range(1, 4):
        y, x = y + 0.22 / n * np.sin(2.1 * n * x + 1.3 * n), x + 0.26 / n * np.cos(1.9 * n * y + 0.7)
    fold = 0.5 + 0.5 * np.sin(3.2 * y + 1.4 * x)
    sheen = 0.5 + 0.5 * np.sin(9 * fold + 3 * y - 2 * x)
    out = ramp(fold, ("#1d2b64", "#3b4cca", "#8a5bd6", "#e86fa5", "#ffb199"))
    folds: Plane = out + (0.14 * (sheen**3 - 0.3))[..., None]
    return folds


# -- the brushes: weights of 0..1 as f32[h,w], colours as f32[h,w,3]; y is f32[h,1] and x f32[1,w] unless bent ---------

LINE = np.zeros((1, 1), np.float32)  # a y for `fog` that is the same along a ridge


def colour(text: str) -> Plane:
    """'#rrggbb' as f32[3] of 0..1."""
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def ramp(t: Plane, tones: Sequence[str], low: float = 0.0, high: float = 1.0) -> Plane:
    """Colours along `t`, from the first at `low` to the last at `high`."""
    table = np.stack([colour(tone) for tone in tones])
    fine = np.linspace(0, len(tones) - 1, 2048)
    fine = np.stack([np.interp(fine, range(len(tones)), table[:, c]) for c in range(3)], axis=-1).astype(np.float32)
    found: Plane = fine[np.clip((t - low) * (2047 / (high - low)), 0, 2047).astype(np.int32)]
    return found


def smooth(t: Plane) -> Plane:
    """0 below 0, 1 above 1, and an S between."""
    t = np.clip(t, 0, 1)
    eased: Plane = t * t * (3 - 2 * t)
    return eased


def step(t: Plane, edge: Plane | float, soft: float) -> Plane:
    """From 0 to 1 across `edge`."""
    return smooth((t - edge) / (2 * soft) + 0.5)


def band(t: Plane, middle: float, half: float) -> Plane:
    """1 at `middle`, 0 from `half` away."""
    return smooth(1 - abs(t - middle) / half)


def glow(y: Plane, x: Plane, cy: float, cx: float, radius: float) -> Plane:
    """Light that falls off all around."""
    light: np.ndarray[Any, np.dtype[Any]] = np.exp(-(((y - cy) / radius) ** 2)) * np.exp(-(((x - cx) / radius) ** 2))
    return light


def blend(under: Plane, above: Plane, weight: Plane) -> Plane:
    """Lay colours over colours."""
    mixed: Plane = under + (above - under) * weight[..., None]
    return mixed


def vignette(picture: Plane, y: Plane, x: Plane, strength: float) -> Plane:
    """Darken towards the corners."""
    return picture * (1 - strength * smooth(np.hypot(1.1 * (y - 0.5), 0.62 * x) * 1.5 - 0.25))[..., None]


def near(y: Plane, x: Plane, top: float, low: float, left: float, right: float) -> tuple[slice, slice]:
    """The part of the picture that a rectangle covers: paint no more than needed."""
    rows, columns = np.searchsorted(y[:, 0], (top, low)), np.searchsorted(x[0], (left, right))
    return slice(*rows.tolist()), slice(*columns.tolist())


def lay(
    out: Plane, y: Plane, x: Plane, tones: Sequence[str], weight: float, top: float, low: float, left: float,
    right: float, soft: float,
) -> None:  # fmt: skip
    """Lay a rectangle with soft edges into `out`, its tones from top to bottom."""
    part = near(y, x, top - soft, low + soft, left - soft, right + soft)
    y, x = y[part[0]], x[:, part[1]]
    shape = step(y, top, soft) * step(-y, -low, soft) * step(x, left, soft) * step(-x, -right, soft)
    out[part] = blend(out[part], ramp(y, tones, top, low), weight * shape)


def fog(y: Plane, x: Plane, octaves: int, seed: int = 0) -> Plane:
    """Value noise about 0.5: one bump per unit, and finer ones on it; `y` must be f32[h,1] (Perlin, SIGGRAPH 1985)."""
    lattice = np.random.default_rng(seed).random((64, 64), np.float32)
    total, weight = np.zeros((), np.float32), 0.0
    for n in range(octaves):
        j, i = np.floor(y).astype(np.int32), np.floor(x).astype(np.int32)
        v, u = smooth(y - j), smooth(x - i)
        rows = lattice[j[:, 0] % 64] * (1 - v) + lattice[(j[:, 0] + 1) % 64] * v
        here, after = (np.take_along_axis(rows, k % 64, 1) for k in (i, i + 1))
        total = total + (here + (after - here) * u) * np.float32(0.5**n)
        weight += 0.5**n
        y, x = y * 2 + 17.3, x * 2 + 5.1
    return total / np.float32(weight)
