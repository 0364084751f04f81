"""Cut the subject out of a picture taken before a screen of one colour."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np

from bgflow.devices import to_host
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.kernels import chroma
from bgflow.media.background import Colour, colour
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

AUTO = "auto"


class Chroma(Stage, use="key.chroma"):
    """Makes a screen of one colour transparent, and takes its light off the subject.

    A place is screen if it has the screen's hue, however it is lit, and subject if it has little of it, or less than
    60 % and the same all over. Between the two each pixel is unmixed with the subject's colour and the screen's as
    they are nearby: no softness to set, and hair over an uneven screen comes out as hair. What is subject and what is
    screen must each fill a patch of 4 by 4 pixels somewhere near.
    """

    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")
    clean = Out("u8[h,w,3] rgb", name="image", description="the picture with the subject's own colours, unmixed")

    colour: str = Param(
        "#00b140", hot=True, description="the screen's colour, or auto: the median along the first picture's border"
    )
    tolerance: float = Param(
        0.05, ge=0, le=0.5, hot=True, description="how far the screen's hue may vary, as a share of its chroma"
    )
    edge: float = Param(
        4.0, ge=0, le=50, unit="%", hot=True, description="of the height: how far from any screen an edge may be soft"
    )
    spill: float = Param(
        0.0, ge=0, le=1, hot=True, description="how much of the screen's reflection to take off the subject too"
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        if wrong := self._wrong(self.colour):
            yield "colour", wrong

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        if wrong := self._wrong(self.colour):
            raise UsageError(f"colour: {wrong}")
        self._text, self._key = "", Colour(0, 0, 0)

    def process(self, image: Array) -> dict[str, Array]:
        if self.colour != self._text:
            self._change(image)
        alpha, clean = self.ctx.empty(self.alpha), self.ctx.empty(self.clean)
        edge = self.edge / 100 * image.shape[0]
        chroma.key(image, alpha, clean, self._key, self.tolerance, edge, self.spill, self.ctx.scratch)
        return {"alpha": alpha, "image": clean}

    def launches(self) -> Hashable | None:
        return () if self.colour == self._text else None

    def _change(self, image: Array) -> None:
        """Take another key colour; one that cannot be a key leaves the old one where it is, and warns."""
        fresh, self._text = not self._text, self.colour
        found = colour(self.colour) if self.colour != AUTO else self._border(image)
        if self.colour != AUTO and (wrong := self._wrong(self.colour)):
            self.ctx.warn(f"colour: {wrong}; the old key stays")
        elif found and chroma.saturation(found) >= chroma.DULL:
            self._key = found
        elif fresh:
            raise UsageError(f"colour: the picture's border is {_hex(found)}, which is no screen; give its colour")
        else:
            self.ctx.warn(f"colour: the picture's border is {_hex(found)}, which is no screen; the old key stays")

    def _border(self, image: Array) -> Colour:
        h, w = image.shape[:2]
        found = self.ctx.scratch("border", (chroma.BORDER, 3), np.uint8)
        chroma.border(image, found, chroma.BORDER, h, w)
        return Colour(*(int(v) for v in np.median(to_host(found), axis=0)))

    @staticmethod
    def _wrong(text: str) -> str | None:
        """Why a text can be no key, or None."""
        if text == AUTO:
            return None
        found = colour(text)
        if found is None:
            return f"{text!r} is no colour; write '#00b140', a CSS name, or auto"
        if chroma.saturation(found) < chroma.DULL:
            return f"{text!r} is grey, which no screen may be; give a saturated colour such as '#00b140'"
        return None


def _hex(found: Colour | None) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(found or (0, 0, 0)))
