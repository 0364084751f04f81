"""Tiny stages for tests of the engine, and a way to run them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from bgflow import Context, In, Out, Param, Run, Stage, load, plan


class Count(Stage, use="toy.count"):
    """Frames filled with their own number."""

    image = Out("u8[h,w,3] rgb")
    frames_: int = Param(10, ge=0, description="how many; 0 never ends")
    height: int = Param(4, ge=1)
    width: int = Param(6, ge=1)
    step: int = Param(1, ge=1, description="pts between two frames")

    def sizes(self, probe: bool) -> dict[str, int]:
        return {"h": self.height, "w": self.width, "frames": self.frames_}

    def frames(self) -> Iterator[tuple[int, Any]]:
        n = 0
        while not self.ctx.stopping and (self.frames_ == 0 or n < self.frames_):
            image = self.ctx.empty("image", h=self.height, w=self.width)
            image[...] = n % 256
            yield n * self.step, image
            n += 1


class LiveCount(Count, use="toy.live"):
    """The same from a source that cannot wait."""

    live: ClassVar[bool] = True


class Add(Stage, use="toy.add"):
    """Adds a number; may fail on purpose."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")
    amount: int = Param(1, ge=0, le=255, hot=True)
    fail: str = ""
    at: int = 3

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        EVENTS.append(("open", ctx.name))
        self.boom("open")

    def boom(self, doing: str) -> None:
        if self.fail == doing:
            raise ValueError(doing)

    def process(self, image: Any) -> Any:
        if self.ctx.frame.seq == self.at:
            self.boom("process")
        out = self.ctx.empty(self.out)
        np.add(image, np.uint8(self.amount), out=out)
        return out

    def close(self) -> None:
        EVENTS.append(("close", self.ctx.name))
        self.boom("close")


class Pair(Stage, use="toy.pair"):
    """Notes which two values met."""

    image = In("u8[h,w,3] rgb")
    other = In("u8[h,w,3] rgb", hold=True, optional=True)

    def process(self, image: Any, other: Any) -> None:
        MET.append((self.ctx.frame.pts, int(image[0, 0, 0]), None if other is None else int(other[0, 0, 0])))


class Exact(Stage, use="toy.exact"):
    """Notes which two values met, both of one instant."""

    image = In("u8[h,w,3] rgb")
    other = In("u8[h,w,3] rgb")

    def process(self, image: Any, other: Any) -> None:
        MET.append((self.ctx.frame.pts, int(image[0, 0, 0]), int(other[0, 0, 0])))


class Matte(Stage, use="toy.matte"):
    """Makes an RGBA picture whose alpha mode is a parameter."""

    image = In("u8[h,w,3] rgb")
    rgba = Out("u8[h,w,4] {mode}")
    mode: str = Param("straight", pattern="straight|premultiplied")

    def process(self, image: Any) -> Any:
        out = self.ctx.empty(self.rgba)
        out[..., :3], out[..., 3] = image, 255
        return out


class WantsStraight(Stage, use="toy.straight"):
    """Takes straight alpha only."""

    rgba = In("u8[h,w,4] straight")

    def process(self, rgba: Any) -> None:
        MET.append((self.ctx.frame.pts, int(rgba[0, 0, 0]), None))


EVENTS: list[tuple[str, str]] = []
MET: list[tuple[int, int, int | None]] = []

CHAIN = """
src: {use: toy.count, set: {frames_: 40}}
a: {use: toy.add, in: src, %s}
b: {use: toy.add, in: a, %s}
p: {use: toy.pair, in: b}
"""


def start(
    stages: str, *, cores: int = 2, sync: bool = False, frames: int = 0, clock: Any = None, top: str = "device: cpu"
) -> Run:
    """A run of some lines of `stages:`, not yet entered."""
    text = f"{top}\nstages:\n" + "".join(f"  {line.strip()}\n" for line in stages.strip().splitlines())
    return Run(plan(load("g.yaml", text), cores=cores, sync=sync), frames=frames, clock=clock)
