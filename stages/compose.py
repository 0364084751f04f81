"""Put the subject somewhere: over another background, over its own blurred one, or into a transparent picture."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.frame import Array
from bgflow.kernels import blur, foreground, glow, grade, linear, over, overyuv, yuv
from bgflow.media.background import Backdrop, Colour, Fit, colour, is_video, problem
from bgflow.stage import Context
from bgflow.stages.duplicate import Duplicate as Duplicate  # of this family too
from bgflow.stages.tint import Film
from bgflow.stages.tint import Tint as Tint

FIT = "cover fills and cuts off what is too much, contain shows all, stretch ignores proportions, tile repeats"
BACKGROUND = "a colour (#00b140, green, rgb(0,177,64)), a picture, a video that is played in a loop, or gallery:NAME"
OWN = "how much of the old background's colour is taken out of soft edges and hair"

NV12 = "the same for an encoder; made only when it is wired"
MATRIX = "the colours of nv12; auto takes bt709 from 720 rows on, else bt601. Tell the taker the same"

WRAP = 1.2  # reach of the light around an edge (its sigma), in % of the picture's height
CONTACT = 2.0  # the same of the shadow under a subject
SETTLE = 0.7  # seconds in which the colour match follows the scene


def own_colours(ctx: Context, image: Array, alpha: Array, strength: float) -> Array:
    """The picture with the subject's own colours in its soft edges; the picture itself when `strength` is 0."""
    if strength == 0:
        return image
    front = ctx.scratch("front", image.shape, np.uint8)
    foreground.estimate(image, alpha, front, strength, ctx.scratch)
    return front


def encodable(image: Array, nv12: Array, matrix: yuv.Choice) -> None:
    """Convert a picture into an output of the type `nv12[h,w]`."""
    h, w = image.shape[:2]
    yuv.rgb_to_nv12(image, *yuv.nv12_planes(nv12, h, w), yuv.chosen(matrix, h))
    yuv.even_out(nv12, w)


class Replace(Stage, use="compose.replace"):
    """Put the subject over another background: a colour, a picture, a video, the gallery, or another stage.

    out = alpha * F + (1 - alpha) * B * shade, where F is the subject's own colour as far as `decontaminate` goes. The
    strengths of 0 cost nothing and change no bit.
    """

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True)
    behind = In(
        "u8[m,n,3] rgb",
        hold=True,
        optional=True,
        description="another source as the background, of any size; it goes before the parameter `background`",
    )
    shade = In("f32[h,w]", hold=True, optional=True, description="light that reaches the background, 0..1")
    out = Out("u8[h,w,3] rgb")
    nv12 = Out("nv12[h,w]", description=NV12)

    background: str = Param("#00b140", hot=True, description=BACKGROUND)
    fit: Fit = Param("cover", hot=True, description=FIT)
    decontaminate: float = Param(1.0, ge=0, le=1, hot=True, description=OWN)
    match: float = Param(0.0, ge=0, le=1, hot=True, description="how far the subject takes on the background's colours")
    wrap: float = Param(0.0, ge=0, le=1, hot=True, description="how much light of the background falls on its edge")
    contact: float = Param(0.0, ge=0, le=1, hot=True, description="how dark the background is just below the subject")
    linear: float = Param(
        0.0, ge=0, le=1, hot=True, description="how far soft edges are mixed as light and not as bytes"
    )
    matrix: yuv.Choice = Param("auto", description=MATRIX)

    def problems(self) -> Iterable[tuple[str, str]]:
        if wrong := problem(self.background):
            yield "background", wrong

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.backdrop = Backdrop(ctx, self.background)
        self._light: Array | None = None
        self._matched: Fraction | None = None

    def copies(self) -> tuple[int, int]:
        return int(is_video(self.background)), 0

    def ladder(self) -> Iterable[Mapping[str, Any]]:
        """Soft edges keep the old background's colour."""
        if self.decontaminate:
            yield {"decontaminate": 0.0}

    def launches(self) -> Hashable | None:
        if self.match or (self.linear and self._light is None):  # match counts with the time that has passed
            return None
        return self.backdrop.settled(self.background)

    def process(self, image: Array, alpha: Array, behind: Array | None, shade: Array | None) -> dict[str, Array]:
        h, w = alpha.shape
        made = {name: self.ctx.empty(name) for name in self.outputs if self.ctx.wired(name)}
        back = self.backdrop.behind(self.background, self.fit, h, w, behind)
        front = own_colours(self.ctx, image, alpha, self.decontaminate)
        if self.match == 0:
            self._matched = None
        plain = shade is None and not (self.match or self.wrap or self.contact or self.linear)
        if plain and "out" not in made and not isinstance(back, Colour):
            overyuv.replace(front, alpha, back, made["nv12"], yuv.chosen(self.matrix, h), False, self.ctx.scratch)
            return made
        out = made["out"] if "out" in made else self.ctx.scratch("out", image.shape, np.uint8)
        if plain and isinstance(back, Colour):
            over.colour(front, alpha, back, out)
        else:
            self._lit(front, image, alpha, back, shade, out)
        if "nv12" in made:
            encodable(out, made["nv12"], self.matrix)
        return made

    def _lit(
        self, front: Array, image: Array, alpha: Array, back: Array | Colour, shade: Array | None, out: Array
    ) -> None:
        """Lay the subject over a background, with as much light between the two as is asked for."""
        if isinstance(back, Colour):
            over.fill(back, out)
            back = out
        back = self._shadowed(back, alpha, shade, out)
        if self.match or self.wrap:
            front = self._fitted(front, image, alpha, back)
        if self.linear:
            if self._light is None:
                self._light = self.ctx.scratch("light", (256,), np.float32)
                self.ctx.device.upload(linear.table(), self._light)
            linear.replace(front, alpha, back, self._light, out, self.linear)
        else:
            over.replace(front, alpha, back, out)

    def _shadowed(self, back: Array, alpha: Array, shade: Array | None, out: Array) -> Array:
        """The background in the shadows that fall on it, written to `out` where there are any."""
        if shade is not None:
            glow.dim(back, shade, out)
            back = out
        if self.contact:
            sigma = CONTACT / 100 * alpha.shape[0]
            glow.ground(back, alpha, out, sigma, self.contact, self.ctx.scratch)
            back = out
        return back

    def _fitted(self, front: Array, image: Array, alpha: Array, back: Array) -> Array:
        """The subject in the colours and the light of its new place."""
        scratch = self.ctx.scratch
        if front is image:
            front = scratch("front", image.shape, np.uint8)
            front[...] = image
        if self.match:
            now = self.ctx.frame.time
            passed = math.inf if self._matched is None else abs(float(now - self._matched))
            self._matched = now
            grade.match(front, alpha, back, self.match, 1 - math.exp(-passed / SETTLE), scratch)
        if self.wrap:
            glow.wrap(front, alpha, back, WRAP / 100 * alpha.shape[0], self.wrap, scratch)
        return front

    def close(self) -> None:
        self.backdrop.close()


class Blur(Stage, use="compose.blur"):
    """Blur the background and leave the subject sharp; nothing of the subject's colours spreads around it."""

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True)
    out = Out("u8[h,w,3] rgb")
    nv12 = Out("nv12[h,w]", description=NV12)

    radius: float = Param(
        5, ge=0.5, le=25, hot=True, unit="% of height", description="how far a point spreads (two standard deviations)"
    )
    decontaminate: float = Param(1.0, ge=0, le=1, hot=True, description=OWN)
    matrix: yuv.Choice = Param("auto", description=MATRIX)

    def launches(self) -> Hashable:
        return ()

    def process(self, image: Array, alpha: Array) -> dict[str, Array]:
        made = {name: self.ctx.empty(name) for name in self.outputs if self.ctx.wired(name)}
        out = made["out"] if "out" in made else self.ctx.scratch("out", image.shape, np.uint8)
        front = own_colours(self.ctx, image, alpha, self.decontaminate)
        blur.background(image, alpha, out, self.radius / 200 * image.shape[0], self.ctx.scratch, front)
        if "nv12" in made:
            encodable(out, made["nv12"], self.matrix)
        return made


class Alpha(Stage, use="compose.alpha"):
    """Join picture and matte into one picture with transparency, for PNG, WebM and ProRes files."""

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True)
    out = Out("u8[h,w,4] {mode}")

    mode: Literal["straight", "premultiplied"] = Param(
        "straight", description="straight for files; premultiplied for compositors that ask for it"
    )
    keep_hidden: bool = Param(
        False, hot=True, description="leave the colours where alpha is 0 (straight only); anybody can bring them back"
    )
    decontaminate: float = Param(1.0, ge=0, le=1, hot=True, description=OWN)

    def launches(self) -> Hashable:
        return ()

    def process(self, image: Array, alpha: Array) -> Array:
        front = own_colours(self.ctx, image, alpha, self.decontaminate)
        out = self.ctx.empty(self.out)
        if self.mode == "straight":
            over.straight(front, alpha, out, self.keep_hidden)
        else:
            over.premultiply(front, alpha, out)
        return out


class Mask(Film, Stage, use="compose.mask"):
    """Show the matte: in grey, or, when a picture is wired, as a coloured film over all that is not subject."""

    alpha = In("f32[h,w] alpha", hold=True)
    image = In("u8[h,w,3] rgb", optional=True, description="the picture to lay the film over")
    out = Out("u8[h,w,3] rgb")

    colour: str = Param("#ff2040", hot=True, description="the film's colour")
    opacity: float = Param(0.6, ge=0, le=1, hot=True, description="the film's opacity")

    def launches(self) -> Hashable:
        return ()

    def process(self, alpha: Array, image: Any) -> Array:
        out = self.ctx.empty(self.out)
        if image is None:
            over.grey(alpha, out)
        else:
            over.tint(image, alpha, colour(self.colour) or Colour(255, 0, 0), self.opacity, out)
        return out
