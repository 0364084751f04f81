"""Bring pictures into shape: resize, flip, crop, denoise, and convert between RGB and NV12."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any, Literal

from bgflow.errors import BgflowError
from bgflow.frame import Array
from bgflow.kernels import denoise, flip, over, resize, yuv
from bgflow.port import In, Out
from bgflow.stage import Param, Stage

FILTERS = {"area": resize.area, "linear": resize.linear, "point": resize.nearest}


class Resize(Stage, use="preprocess.resize"):
    """Scale pictures to a fixed size."""

    image = In("u8[ih,iw,3] rgb")
    out = Out("u8[{height},{width},3] rgb")

    width: int = Param(ge=1, le=16384, unit="px", description="width of the result")
    height: int = Param(ge=1, le=16384, unit="px", description="height of the result")
    filter: Literal["area", "linear", "point"] = Param(
        "area", hot=True, description="area averages when shrinking and interpolates when enlarging; point is nearest"
    )
    fit: Literal["stretch", "contain", "cover"] = Param(
        "stretch",
        hot=True,
        description="stretch fills exactly; contain adds black bars; cover cuts off what is too much",
    )

    def launches(self) -> Hashable:
        return ()

    def process(self, image: Array) -> Array:
        out = self.ctx.empty("out")
        h, w = image.shape[:2]
        if self.fit == "contain":
            oh, ow = _within((h, w), (self.height, self.width))
            y, x = (self.height - oh) // 2, (self.width - ow) // 2
            if (oh, ow) != (self.height, self.width):
                over.fill((0, 0, 0), out)
            FILTERS[self.filter](image, out[y : y + oh, x : x + ow])
        elif self.fit == "cover":
            ch, cw = _within((self.height, self.width), (h, w))
            y, x = (h - ch) // 2, (w - cw) // 2
            FILTERS[self.filter](image[y : y + ch, x : x + cw], out)
        else:
            FILTERS[self.filter](image, out)
        return out


def _within(inner: tuple[int, int], outer: tuple[int, int]) -> tuple[int, int]:
    """The largest (height, width) of `inner`'s shape that `outer` holds, at least one pixel."""
    scale = min(outer[0] / inner[0], outer[1] / inner[1])
    h, w = (max(round(n * scale), 1) for n in inner)
    return min(h, outer[0]), min(w, outer[1])


class Flip(Stage, use="preprocess.flip"):
    """Mirror or turn pictures; the four ways that turn exchange width and height."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")

    way: flip.Way = Param(
        "horizontal",
        description="horizontal mirrors left and right, vertical top and bottom; clockwise is a quarter turn to the "
        "right; upper-left-diagonal mirrors on the line from the upper left to the lower right corner",
    )

    def __init__(self, **params: Any):
        super().__init__(**params)
        if flip.turns(self.way):
            self.outputs = {"out": replace(self.outputs["out"], type="u8[w,h,3] rgb")}

    def launches(self) -> Hashable:
        return ()

    def process(self, image: Array) -> Array:
        out = self.ctx.empty("out")
        flip.flip(image, out, self.way)
        return out


class Crop(Stage, use="preprocess.crop"):
    """Cut away from the sides of pictures: below 1 a fraction of the picture, from 1 on pixels."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[oh,ow,3] rgb")

    left: float = Param(0, ge=0, le=16384, description="what goes on the left")
    right: float = Param(0, ge=0, le=16384, description="what goes on the right")
    top: float = Param(0, ge=0, le=16384, description="what goes above")
    bottom: float = Param(0, ge=0, le=16384, description="what goes below")

    def problems(self) -> Iterable[tuple[str, str]]:
        for one, other in (("left", "right"), ("top", "bottom")):
            cut = getattr(self, one), getattr(self, other)
            if max(cut) < 1 <= sum(cut):
                yield other, f"{one} {cut[0]:g} and {other} {cut[1]:g} leave nothing; together they must be below 1"

    def launches(self) -> Hashable:
        return ()

    def process(self, image: Array) -> Array:
        h, w = image.shape[:2]
        x0, x1 = self._span("left", "right", "columns", w)
        y0, y1 = self._span("top", "bottom", "rows", h)
        out = self.ctx.empty("out", oh=y1 - y0, ow=x1 - x0)
        out[...] = image[y0:y1, x0:x1]
        return out

    def _span(self, one: str, other: str, what: str, n: int) -> tuple[int, int]:
        """The first row or column that stays, and the first after it that goes."""
        first, last = (v if v >= 1 else v * n for v in (getattr(self, one), getattr(self, other)))
        start, stop = math.floor(first + 0.5), n - math.floor(last + 0.5)
        if start >= stop:
            raise BgflowError(
                f"preprocess.crop: {one} {first:g} and {other} {last:g} leave nothing of {n} {what}; cut away less"
            )
        return start, stop


class Denoise(Stage, use="preprocess.denoise"):
    """Smooth a camera's noise and keep the edges, with a bilateral filter."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")

    noise: float = Param(
        5,
        ge=0.5,
        le=50,
        hot=True,
        unit="levels",
        description="standard deviation of the noise, of 255; a webcam has 3 to 8",
    )
    passes: int = Param(1, ge=1, le=4, hot=True, description="times to filter; each reaches one pixel further")

    def launches(self) -> Hashable:
        return ()

    def process(self, image: Array) -> Array:
        out = self.ctx.empty("out")
        for left in reversed(range(self.passes)):
            target = self.ctx.scratch("between", image.shape, image.dtype) if left % 2 else out
            denoise.denoise(image, target, self.noise)
            image = target
        return out


MATRIX = "the standard of the colours; auto takes bt709 from 720 rows on, else bt601"
RANGE = "whether luma uses 0..255 (JPEG, webcams) instead of 16..235"


class Nv12(Stage, use="preprocess.nv12"):
    """Convert RGB pictures to NV12; stages that take it expect the colours that auto and limited range stand for."""

    image = In("u8[h,w,3] rgb")
    nv12 = Out("nv12[h,w]")

    matrix: yuv.Choice = Param("auto", description=MATRIX)
    full: bool = Param(False, description=RANGE)

    def launches(self) -> Hashable:
        return ()

    def process(self, image: Array) -> Array:
        out = self.ctx.empty("nv12")
        h, w = image.shape[:2]
        yuv.rgb_to_nv12(image, *yuv.nv12_planes(out, h, w), yuv.chosen(self.matrix, h), self.full)
        yuv.even_out(out, w)
        return out


class Rgb(Stage, use="preprocess.rgb"):
    """Convert NV12 pictures to RGB."""

    nv12 = In("nv12[h,w]")
    image = Out("u8[h,w,3] rgb")

    matrix: yuv.Choice = Param("auto", description=MATRIX)
    full: bool = Param(False, description=RANGE)

    def launches(self) -> Hashable:
        return ()

    def process(self, nv12: Array) -> Array:
        out = self.ctx.empty("image")
        h, w = out.shape[:2]
        yuv.nv12_to_rgb(*yuv.nv12_planes(nv12, h, w), out, yuv.chosen(self.matrix, h), self.full)
        return out
