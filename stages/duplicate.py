"""The stage `compose.duplicate`: the subject in the same picture again, mirrored, moved, smaller, or a little later."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from bgflow.action import action
from bgflow.frame import Array
from bgflow.kernels import box, duplicate, foreground, over
from bgflow.kernels.duplicate import Place
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

MOST = 8
f32 = np.float32


class Echo:
    """The subject at the last few instants, as layers in a ring, with their times."""

    def __init__(self, ctx: Context, h: int, w: int, kept: int):
        self.size = h, w
        self._layers = ctx.scratch("echo", (kept, h, w, 4), np.uint8)
        self._times: list[Fraction] = []
        self._at = 0

    def clear(self) -> None:
        """Forget them all."""
        self._times.clear()

    def add(self, time: Fraction) -> Array:
        """Where the layer of this instant is to be written; the oldest goes."""
        if self._times and time <= self._times[0]:
            self.clear()
        if self._times:  # what is alone is written at the same place again and again
            self._at = (self._at + 1) % len(self._layers)
        self._times = [time, *self._times[: len(self._layers) - 1]]
        layer: Array = self._layers[self._at]
        return layer

    def find(self, time: Fraction) -> Array | None:
        """The newest layer that is not later than that, if one is so old."""
        age = next((n for n, it in enumerate(self._times) if it <= time), None)
        return None if age is None else self._layers[(self._at - age) % len(self._layers)]

    @property
    def oldest(self) -> Fraction | None:
        """Of when the oldest layer is, once there is no room for more."""
        return self._times[-1] if len(self._times) == len(self._layers) else None


class Duplicate(Stage, use="compose.duplicate"):
    """Shows the subject again in the same picture: `number` copies, every other one mirrored to the other side.

    Each copy is `delay` later than the one before, `shift` further to the side and `scale` times as large. They stand
    one behind the other, all behind the subject or all before it. Nothing of the subject is lost behind its own copy,
    and copies have the subject's own colours at their edges, with nothing of the old background in them.

    With a plate, soft edges before a copy are exact, and `aside` can move the subject itself: then the plate, as it was
    taken, is all of the background, so that neither the subject's old place nor its shadow shows. Without a matte, or
    when it is not `active`, the picture goes through as it is, at no cost.

    For the delay the last `kept` pictures of the subject are held, 4 bytes a pixel each: 166 MB at 1280x720 with 45,
    1.5 s at 30 a second. That memory is taken at the first picture and, on a CPU, used only where there is a delay.
    """

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True, optional=True, description="the subject; until it comes there is no copy")
    plate = In("u8[h,w,3] rgb", hold=True, optional=True, description="the picture without anybody")
    out = Out("u8[h,w,3] rgb")

    active: bool = Param(True, hot=True, description="off shows the picture as it is")
    number: int = Param(1, ge=0, le=MOST, hot=True, description="of copies")
    order: Literal["front", "behind"] = Param("behind", hot=True, description="where copies are as the subject sees it")
    delay: float = Param(0.0, ge=0, le=5, hot=True, unit="s", description="how much later each is than the one before")
    mirror: Literal["alternate", "all", "none"] = Param("alternate", hot=True, description="which copies are mirrored")
    shift: float = Param(0.0, ge=-100, le=100, hot=True, unit="%", description="of the width: how far apart copies are")
    scale: float = Param(1.0, ge=0.5, le=1.5, hot=True, description="of the size of the one before")
    aside: float = Param(
        0.0, ge=-50, le=50, hot=True, unit="%", description="of the width: moves the subject itself; needs a plate"
    )
    feather: float = Param(0.3, ge=0, le=5, hot=True, unit="%", description="of the height: width of copies' soft edge")
    decontaminate: float = Param(
        1.0, ge=0, le=1, hot=True, description="how much of the old background's colour is taken out of copies' edges"
    )
    kept: int = Param(45, ge=1, le=300, description="pictures kept for the delay")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._echo: Echo | None = None
        self._showing = False

    @action
    def toggle(self) -> str:
        """Show the copies, or no longer."""
        self.ctx.controls.update({f"{self.ctx.name}.active": not self.active})
        return "duplicate off" if self.active else "duplicate on"

    def ladder(self) -> Iterable[Mapping[str, Any]]:
        """Copies' edges keep the old background's colour, then are hard."""
        if self.decontaminate:
            yield {"decontaminate": 0.0}
        if self.feather:
            yield {"feather": 0.0}

    def launches(self) -> Hashable | None:
        return () if self._showing and self.active and self.number and self.delay == 0 else None

    def process(self, image: Array, alpha: Array | None, plate: Array | None) -> Array:
        h, w = image.shape[:2]
        if self._echo is None or self._echo.size != (h, w):
            self._echo = self._reserved(image)
        aside = round(self.aside / 100 * w) if plate is not None else 0
        self._showing = alpha is not None and self.active and bool(self.number or aside)
        if alpha is None or not self._showing:
            self._echo.clear()
            return image
        out = self.ctx.empty(self.out)
        front = self._front(image, alpha)
        copies = self._copies(self._echo, front, alpha, aside)
        if aside:
            own = self.ctx.scratch("own", (h, w, 4), np.uint8)
            over.premultiply(front, alpha, own)
            out[...] = plate
            copies.insert(0, (own, Place(shift=aside)))
        elif self.order == "behind" and plate is not None:
            duplicate.vacate(image, alpha, plate, out)
        else:
            out[...] = image
        for layer, place in copies if self.order == "front" else reversed(copies):
            duplicate.copy(layer, out, place)
        if self.order == "behind" and not aside:
            duplicate.uncover(image, alpha, image if plate is None else plate, out)
        return out

    def _reserved(self, image: Array) -> Echo:
        """Take all memory at the first picture, and not when somebody is there."""
        h, w = image.shape[:2]
        soft = self._planes(h, w)[-1][0]
        soft.fill(0)
        self.ctx.scratch("own", (h, w, 4), np.uint8)
        foreground.estimate(image, soft, self.ctx.scratch("front", image.shape, np.uint8), 1.0, self.ctx.scratch)
        return Echo(self.ctx, h, w, self.kept)

    def _planes(self, h: int, w: int) -> list[Array]:
        """The matte's mean, memory for working it out, and the softer matte."""
        return [self.ctx.scratch(name, (1, h, w), f32) for name in ("mean", "between", "soft")]

    def _front(self, image: Array, alpha: Array) -> Array:
        """The picture with the subject's own colours in its soft edges."""
        if self.decontaminate == 0:
            return image
        front = self.ctx.scratch("front", image.shape, np.uint8)
        foreground.estimate(image, alpha, front, self.decontaminate, self.ctx.scratch)
        return front

    def _copies(self, echo: Echo, front: Array, alpha: Array, aside: int) -> list[tuple[Array, Place]]:
        """The layer and the place of every copy that there is by now, from the subject on."""
        h, w = alpha.shape
        now, delay = self.ctx.frame.time, Fraction(self.delay)
        if not delay:
            echo.clear()
        layer, r = echo.add(now), round(self.feather / 100 * h)
        if r:
            mean, between, soft = self._planes(h, w)
            box.mean(alpha[None], mean, r, between)
            duplicate.narrow(alpha, mean[0], soft[0])
            alpha = soft[0]
        over.premultiply(front, alpha, layer)
        found = []
        for k in range(1, self.number + 1):
            then = now - k * delay
            if echo.oldest is not None and then < echo.oldest:
                self.ctx.warn(
                    f"{self.number} copies {self.delay:g} s apart reach back beyond the {self.kept} pictures that are "
                    "kept: the oldest is shown; raise `kept`, or lower `delay` or `number`"
                )
                then = echo.oldest
            mirrored = self.mirror == "all" or (self.mirror == "alternate" and k % 2 == 1)
            shift = aside + round(k * self.shift / 100 * w)
            if (layer := echo.find(then)) is not None:
                found.append((layer, Place(mirrored, -shift if mirrored else shift, self.scale**k)))
        return found
