"""What stages give, drawn for people: pictures as they are, mattes grey, labels in a few colours, numbers as a map."""

from __future__ import annotations

import functools
import io
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from bgflow.port import Type

Host: TypeAlias = np.ndarray[Any, Any]
Look: TypeAlias = Literal["picture", "grey", "labels", "map"]

QUALITY = 85
SQUARE = 8  # px of the board that shows through what is transparent
BOARD = (102, 153)  # its two greys
HD = 720  # rows from which on nv12 has the colours of BT.709

# The colours of labels: background, shadow, subject; then those of numbered subjects (Okabe and Ito, Color Universal
# Design, 2008), which are told apart by the colour-blind too.
NAMED = {0: (16, 18, 24), 127: (86, 120, 200), 255: (245, 245, 245)}
NUMBERED = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))

# Matt Zucker's polynomial for viridis (https://www.shadertoy.com/view/WlfXRN, CC0), red, green, blue by power; viridis
# is Smith and van der Walt's (matplotlib 2.0, CC0).
VIRIDIS = (
    (0.2777273272234177, 0.005407344544966578, 0.3340998053353061),
    (0.1050930431085774, 1.404613529898575, 1.384590162594685),
    (-0.3308618287255563, 0.214847559468213, 0.09509516302823659),
    (-4.634230498983486, -5.799100973351585, -19.33244095627987),
    (6.228269936347081, 14.17993336680509, 56.69055260068105),
    (4.776384997670288, -13.74514537774601, -65.35303263337234),
    (-5.435455855934631, 4.645852612178535, 26.3124352495832),
)


class Drawn(NamedTuple):
    """A JPEG, its size, and the values that its darkest and its brightest colour stand for."""

    jpeg: bytes
    width: int
    height: int
    low: float | None = None
    high: float | None = None


def look_of(kind: Type) -> Look | None:
    """How an output of this type is drawn; None where it is no picture."""
    if kind.element == "nv12":
        return "picture"
    if len(kind.dims) == 3 and kind.element == "u8" and kind.dims[2] in ("3", "4"):
        return "picture"
    if len(kind.dims) != 2 or kind.dims[1].isdigit():  # such as a list of points
        return None
    if kind.element == "u8":
        return "labels"
    return "grey" if kind.meaning == "alpha" else "map"


def draw(value: Host, kind: Type, width: int) -> Drawn:
    """A value of this type as a JPEG of at most that width."""
    from PIL import Image

    look = look_of(kind)
    low = high = None
    if kind.element == "nv12":
        picture = _nv12(value, width)
    elif look == "picture":
        picture = _small(value, width) if value.shape[2] == 3 else _transparent(value, kind, width)
    elif look == "labels":
        picture = _labels(_nearest(value, width))
    else:
        low, high = (0.0, 1.0) if look == "grey" else _range(value)
        small = _small(value.astype(np.float32, copy=False), width)
        level = np.nan_to_num(np.clip((small - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        picture = level if look == "grey" else viridis()[level]
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=QUALITY)
    return Drawn(out.getvalue(), picture.shape[1], picture.shape[0], low, high)


@functools.cache
def viridis() -> Host:
    """u8[256,3]: a colour map whose steps look equally large, in grey too."""
    t = np.arange(256)[:, None] / 255
    colours = sum(t**power * np.array(part) for power, part in enumerate(VIRIDIS))
    made: Host = np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)
    return made


def _range(value: Host) -> tuple[float, float]:
    """The values of a map's darkest and brightest colour: 0 and 1 for shares, else from 0 to the largest."""
    low, high = float(value.min()), float(value.max())
    if not np.isfinite(low + high):
        finite = value[np.isfinite(value)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return min(low, 0.0), high if high > 1 else 1.0


def _size(h: int, w: int, width: int) -> tuple[int, int]:
    """Width and height on the page: never enlarged."""
    shown = min(w, width)
    return shown, max(round(h * shown / w), 1)


def _small(value: Host, width: int) -> Host:
    """u8[h,w], u8[h,w,c] or f32[h,w] shrunk by averaging."""
    from PIL import Image

    h, w = value.shape[:2]
    if w <= width:
        return value
    return np.asarray(Image.fromarray(value).resize(_size(h, w, width), Image.Resampling.BOX, reducing_gap=2))


def _nearest(value: Host, width: int) -> Host:
    h, w = value.shape
    n, m = _size(h, w, width)
    shown: Host = value[(np.arange(m) * h // m)[:, None], np.arange(n) * w // n]
    return shown


def _labels(value: Host) -> Host:
    table = np.empty((256, 3), np.uint8)
    table[:] = np.array(NUMBERED)[(np.arange(256) - 1) % len(NUMBERED)]
    for number, colour in NAMED.items():
        table[number] = colour
    shown: Host = table[value]
    return shown


def _transparent(value: Host, kind: Type, width: int) -> Host:
    """RGBA before a chequered board."""
    alpha = value[..., 3:].astype(np.float32) / 255
    own = value[..., :3] * (1 if kind.meaning == "premultiplied" else alpha)
    own, alpha = (np.dstack([_small(np.ascontiguousarray(p[..., c]), width) for c in range(p.shape[2])])
                  for p in (own.astype(np.float32), alpha))  # fmt: skip
    h, w = own.shape[:2]
    dark = (np.arange(h)[:, None] // SQUARE + np.arange(w) // SQUARE) % 2
    board = np.where(dark[..., None], *(np.float32(grey) for grey in BOARD))
    shown: Host = np.clip(own + (1 - alpha) * board, 0, 255).astype(np.uint8)
    return shown


def _nv12(value: Host, width: int) -> Host:
    """The picture of limited range, BT.709 from 720 rows on, else BT.601."""
    from PIL import Image

    h, w = value.shape[0] * 2 // 3, value.shape[1]
    size = _size(h, w, width)
    uv = value[h:].reshape(-1, w // 2, 2)
    parts = [value[:h], np.ascontiguousarray(uv[..., 0]), np.ascontiguousarray(uv[..., 1])]
    luma, cb, cr = (np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BILINEAR), np.float32) for p in parts)
    red, blue = (0.2126, 0.0722) if h >= HD else (0.299, 0.114)
    y, u, v = (luma - 16) / 219, (cb - 128) / 112, (cr - 128) / 112  # BT.601 and BT.709 alike: 1, and -1 to 1
    r, b = y + (1 - red) * v, y + (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    shown: Host = np.rint(np.clip(np.dstack([r, g, b]), 0, 1) * 255).astype(np.uint8)
    return shown
