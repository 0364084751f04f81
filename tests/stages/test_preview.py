"""The preview: JPEGs over plain HTTP, encoded once for everybody and only while somebody watches."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

from bgflow.devices import device
from bgflow.stages.preview import Sink
from bgflow.testing import opened
from tests.peers import running

GRAPH = """
clock: live
stages:
  camera: {use: "tests.toys:Count", set: {frames_: 0, height: 24, width: 32, step: 20_000_000}}
  out: {use: preview.sink, in: camera.image, set: {port: 0}}
"""


async def fetched(url: str, path: str) -> tuple[str, bytes]:
    """Where a request ends up and the body."""
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        assert answer.status == 200
        return answer.url.path, await answer.read()


async def parts(url: str, count: int) -> list[Image.Image]:
    """The first pictures of the moving picture."""
    found: list[Image.Image] = []
    async with aiohttp.ClientSession() as session, session.get(url + "preview.mjpg") as answer:
        reader = aiohttp.MultipartReader.from_response(answer)
        while len(found) < count:
            part: Any = await reader.next()
            found.append(Image.open(io.BytesIO(bytes(await part.read()))))
    return found


def test_a_page_without_any_script_shows_the_preview(tmp_path: Path) -> None:
    with running(tmp_path, GRAPH) as (_, url):
        _, html = asyncio.run(fetched(url, "preview"))
    assert b"/preview.mjpg" in html
    assert b"<script" not in html


def test_several_browsers_get_moving_pictures_of_the_right_size(tmp_path: Path) -> None:
    async def watch(url: str) -> list[list[Image.Image]]:
        return list(await asyncio.gather(parts(url, 5), parts(url, 5)))

    with running(tmp_path, GRAPH) as (_, url):
        seen = asyncio.run(watch(url))
    for pictures in seen:
        assert [p.size for p in pictures] == [(32, 24)] * 5
        assert len({np.asarray(p).tobytes() for p in pictures}) > 1


def test_a_single_picture_is_a_jpeg(tmp_path: Path) -> None:
    with running(tmp_path, GRAPH) as (_, url):
        _, jpeg = asyncio.run(fetched(url, "preview.jpg"))
    assert Image.open(io.BytesIO(jpeg)).format == "JPEG"


def test_nothing_is_encoded_while_nobody_watches() -> None:
    with opened(Sink(port=0)) as sink:
        sink(image=np.zeros((8, 8, 3), np.uint8))
        assert sink.ctx.drops == {"nobody watches": 1}


def test_quality_decides_the_size_of_the_jpegs() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    sizes = []
    for quality in (10, 90):
        sink = Sink(port=0, quality=quality)
        with opened(sink) as it:
            sink.preview.watchers = 1
            sink.preview.jpegs.put = lambda value: sizes.append(len(value))  # type: ignore[method-assign]
            it(image=image)
    assert sizes[0] * 2 < sizes[1]


def test_an_accelerator_gives_the_same_jpeg_in_one_copy() -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    jpegs: list[bytes] = []
    before = device("fake").meter.read()
    for on in ("cpu", "fake"):
        with opened(Sink(port=0), on) as sink:
            sink.stage.preview.watchers = 1
            sink.stage.preview.jpegs.put = jpegs.append
            sink(image=image)
    assert jpegs[0] == jpegs[1]
    assert device("fake").meter.read().minus(before).downs == 1
    assert sink.stage.copies() == (0, 1)
