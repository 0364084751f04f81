"""Stages whose pictures say which frame they are of, and a looker as the page is one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar, NamedTuple

import aiohttp
import numpy as np
from PIL import Image

from bgflow import In, Out, Param, Stage

BITS, CELL = 12, 16  # a picture is a row of so many cells, each black or white: one bit of its number
MADE: Counter[str] = Counter()
"""How often each output of `toy.numbered` was made."""


def bits(number: int) -> np.ndarray[Any, Any]:
    """u8[16,192]: a number to look at."""
    row = np.array([255 * (number >> n & 1) for n in range(BITS)], np.uint8).repeat(CELL)
    return np.tile(row, (CELL, 1))


def number(picture: np.ndarray[Any, Any]) -> int:
    """The number that a picture, of any size and after any codec, shows."""
    green = picture if picture.ndim == 2 else picture[..., 1]  # which rises with the values of a map too
    cells = green.mean(0).reshape(BITS, -1).mean(1)
    assert all(abs(c - 127.5) > 60 for c in cells), "no number is to be seen"
    return sum(int(c > 127) << n for n, c in enumerate(cells))


class Numbered(Stage, use="toy.numbered"):
    """Frames that show their number, in every kind of output; each is made only when it is wired."""

    image = Out("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")
    surely = Out("f32[h,w] confidence")
    points = Out("f32[n,3]")
    frames_: int = Param(0, ge=0, description="how many; 0 never ends")
    pause: float = Param(0.01, ge=0, description="seconds between two")

    def frames(self) -> Iterator[tuple[int, Any]]:
        n = 0
        while not self.ctx.stopping and (self.frames_ == 0 or n < self.frames_):
            shown, made = bits(n), {}
            for name in self.outputs:
                if self.ctx.wired(name):
                    MADE[name] += 1
                    made[name] = self.ctx.empty(name, h=CELL, w=BITS * CELL, n=1)
            for name, value in made.items():
                value[...] = 0 if name == "points" else shown[..., None] if name == "image" else shown / np.float32(255)
            yield n * 10_000_000, made
            n += 1
            self.ctx.wait(self.pause)


class LiveNumbered(Numbered, use="toy.livenumbered"):
    """The same from a source that cannot wait."""

    live: ClassVar[bool] = True


class Passed(Stage, use="toy.passed"):
    """Gives a copy of what it gets, after a while."""

    image = In("u8[h,w,3] rgb")
    held = In("u8[h,w,3] rgb", hold=True, optional=True)
    out = Out("u8[h,w,3] rgb")
    twin = Out("f32[h,w] alpha", description="the same, grey")
    pause: float = Param(0.0, ge=0, hot=True)

    def process(self, image: Any, held: Any) -> Any:
        time.sleep(self.pause)
        made = {"out": self.ctx.empty("out")}
        made["out"][...] = image
        if self.ctx.wired("twin"):
            made["twin"] = self.ctx.empty("twin")
            made["twin"][...] = image[..., 0] / np.float32(255)
        return made


class Once(Stage, use="toy.once"):
    """Gives its picture at one frame, or never, and nothing else."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")
    at: int = Param(-1)

    def process(self, image: Any) -> Any:
        return image if self.ctx.frame.seq == self.at else None


class Look(NamedTuple):
    """One answer: the header and the pictures by output."""

    header: dict[str, Any]
    pictures: dict[str, np.ndarray[Any, Any]]

    @property
    def numbers(self) -> dict[str, int]:
        """Which frames the pictures are of."""
        return {of: number(picture) for of, picture in self.pictures.items()}

    @property
    def ages(self) -> dict[str, int]:
        """What the header says of that: frames since then."""
        return {it["of"]: it["age"] for it in self.header["pictures"]}


class Looker:
    """The page's end of `/api/look`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self.socket = socket

    async def say(self, **said: Any) -> None:
        await self.socket.send_json(said)

    async def look(self, **said: Any) -> Look:
        """Ask for the next look and wait for it."""
        await self.say(next=True, **said)
        return await self.answer()

    async def answer(self) -> Look:
        data = await self.socket.receive_bytes(timeout=20)
        end = 4 + int.from_bytes(data[:4], "big")
        header, pictures = json.loads(data[4:end]), {}
        for it in header["pictures"]:
            if it["bytes"]:
                picture = np.asarray(Image.open(io.BytesIO(data[end : end + it["bytes"]])))
                assert picture.shape[:2] == (it["height"], it["width"])
                pictures[it["of"]] = picture
            end += it["bytes"]
        assert end == len(data)
        return Look(header, pictures)

    async def refusal(self, **said: Any) -> str:
        """What is said against a message."""
        await self.say(**said)
        told: dict[str, str] = await self.socket.receive_json(timeout=20)
        return told["error"]


@contextlib.asynccontextmanager
async def looking(url: str) -> AsyncIterator[Looker]:
    """Connect as the page does."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url + "api/look") as socket:
        yield Looker(socket)


async def until_quiet(run: Any) -> None:
    """Wait until nobody looks and every segment knows it."""
    async with asyncio.timeout(20):
        while run.taps.keys or any(segment.looked for segment in run.segments):
            await asyncio.sleep(0.02)
