"""Tiny stages for tests of the engine, and a way to run them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from bgflow import Context, In, Out, Param, Run, Stage, load, plan
from bgflow.devices import to_host
from bgflow.kernel import kernel


@kernel(over="h,w", image="u8[h,w,3]", out="u8[h,w,3] out", amount="i32")
def raised(y, x, image, out, amount):  # type: ignore[no-untyped-def]
    """A number more in every byte."""
    for c in range(3):
        out[y, x, c] = (image[y, x, c] + amount) % 256


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
        raised(image, out, self.amount)
        return out

    def close(self) -> None:
        EVENTS.append(("close", self.ctx.name))
        self.boom("close")


class Capturable(Add, use="toy.capturable"):
    """The same, and says what it launches: nothing but its parameter decides that, once it has warmed up."""

    warm: int = Param(0, ge=0, description="instants before which anything may be launched")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.age = 0

    def launches(self) -> Any:
        return None if self.age < self.warm else ()

    def process(self, image: Any) -> Any:
        self.age += 1
        return super().process(image)

    def replayed(self) -> None:
        self.age += 1


class Liar(Stage, use="toy.liar"):
    """Says that it can be captured, but reads its picture back."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")

    def launches(self) -> Any:
        return ()

    def process(self, image: Any) -> Any:
        to_host(image)
        out = self.ctx.empty(self.out)
        raised(image, out, 0)
        return out


class Restless(Liar, use="toy.restless"):
    """Says that it can be captured, but takes other memory every time."""

    def process(self, image: Any) -> Any:
        self.ctx.scratch("size", (self.ctx.frame.seq + 1, 4), image.dtype)
        out = self.ctx.empty(self.out)
        raised(image, out, 0)
        return out


class Sizes(Stage, use="toy.sizes"):
    """Frames filled with their own number, larger ones from the thirtieth on."""

    image = Out("u8[h,w,3] rgb")

    def frames(self) -> Iterator[tuple[int, Any]]:
        for n in range(60):
            image = self.ctx.empty("image", h=4 + n // 30, w=6)
            image[...] = n
            yield n, image


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
