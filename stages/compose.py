"""Put the subject somewhere: over another background, over its own blurred one, or into a transparent picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from bgflow import In, Out, Param, Stage
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.kernels import blur, over
from bgflow.media.background import Backdrop, Colour, Fit, colour, problem
from bgflow.stage import Context

FIT = "cover fills and cuts off what is too much, contain shows all, stretch ignores proportions, tile repeats"
BACKGROUND = "a colour (#00b140, green, rgb(0,177,64)), a picture, a video that is played in a loop, or gallery:NAME"


class Replace(Stage, use="compose.replace"):
    """Put the subject over another background: a colour, a picture, a video, the gallery, or another stage."""

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True)
    behind = In(
        "u8[m,n,3] rgb",
        hold=True,
        optional=True,
        description="another source as the background, of any size; it goes before the parameter `background`",
    )
    out = Out("u8[h,w,3] rgb")

    background: str = Param("#00b140", hot=True, description=BACKGROUND)
    fit: Fit = Param("cover", hot=True, description=FIT)

    def problems(self) -> Iterable[tuple[str, str]]:
        if wrong := problem(self.background):
            yield "background", wrong

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.backdrop = Backdrop(ctx, self.background)

    def process(self, image: Array, alpha: Array, behind: Array | None) -> Array:
        h, w = alpha.shape
        back = self.backdrop.behind(self.background, self.fit, h, w, behind)
        out = self.ctx.empty(self.out)
        if isinstance(back, Colour):
            over.colour(image, alpha, back, out)
        else:
            over.replace(image, alpha, back, out)
        return out

    def close(self) -> None:
        self.backdrop.close()


class Blur(Stage, use="compose.blur"):
    """Blur the background and leave the subject sharp; nothing of the subject's colours spreads around it."""

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True)
    out = Out("u8[h,w,3] rgb")

    radius: float = Param(
        5, ge=0.5, le=25, hot=True, unit="% of height", description="how far a point spreads (two standard deviations)"
    )

    def process(self, image: Array, alpha: Array) -> Array:
        out = self.ctx.empty(self.out)
        blur.background(image, alpha, out, self.radius / 200 * image.shape[0], self.ctx.scratch)
        return out


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

    def process(self, image: Array, alpha: Array) -> Array:
        out = self.ctx.empty(self.out)
        if self.mode == "straight":
            over.straight(image, alpha, out, self.keep_hidden)
        else:
            over.premultiply(image, alpha, out)
        return out


class Mask(Stage, use="compose.mask"):
    """Show the matte: in grey, or, when a picture is wired, as a coloured film over all that is not subject."""

    alpha = In("f32[h,w] alpha", hold=True)
    image = In("u8[h,w,3] rgb", optional=True, description="the picture to lay the film over")
    out = Out("u8[h,w,3] rgb")

    colour: str = Param("#ff2040", hot=True, description="the film's colour")
    opacity: float = Param(0.6, ge=0, le=1, hot=True, description="the film's opacity")

    def problems(self) -> Iterable[tuple[str, str]]:
        if colour(self.colour) is None:
            yield "colour", f"{self.colour!r} is no colour; write '#rrggbb' or a CSS name"

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        for _, wrong in self.problems():
            raise UsageError(f"colour: {wrong}")

    def process(self, alpha: Array, image: Any) -> Array:
        out = self.ctx.empty(self.out)
        if image is None:
            over.grey(alpha, out)
        else:
            over.tint(image, alpha, colour(self.colour) or Colour(255, 0, 0), self.opacity, out)
        return out
