"""What a page may change while the graph runs, seen in the pictures that come out."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from bgflow.media.gallery import names, render
from bgflow.web.panel import PICTURE_BYTES
from tests.peers import Refused, post, running

H, W = 72, 128
GRAPH = f"""
clock: live
stages:
  scene: {{use: synth.source, set: {{width: {W}, height: {H}, speed: 0}}}}
  replace: {{use: compose.replace, in: {{image: scene.image, alpha: scene.alpha}}, set: {{background: '#00ff00'}}}}
  blur: {{use: compose.blur, in: {{image: replace.out, alpha: scene.alpha}}, set: {{radius: 0.5}}}}
  out: {{use: preview.sink, in: replace.out, set: {{port: 0}}}}
  end: {{use: null.sink, in: blur.out}}
"""


def during(tmp_path: Path, work: Callable[[str], Coroutine[Any, Any, Any]]) -> Any:
    """Do something while the graph runs."""
    with running(tmp_path, GRAPH) as (_, url):
        return asyncio.run(work(url))


async def got(url: str, path: str) -> Any:
    """A GET's JSON, or its body."""
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        return await (answer.json() if answer.content_type == "application/json" else answer.read())


async def send(url: str, body: bytes, kind: str = "image/png") -> dict[str, Any]:
    """Send a picture as the background."""
    headers = {"Content-Type": kind}
    async with aiohttp.ClientSession() as session, session.post(url + "api/picture", data=body, headers=headers) as got:
        told: dict[str, Any] = await got.json()
        if got.status != 200:
            raise Refused(told["error"])
        return told


async def corner(url: str, colour: tuple[int, int, int]) -> None:
    """Wait until the picture's corner, where nobody stands, has this colour."""
    async with asyncio.timeout(20):
        while True:
            picture = np.asarray(Image.open(io.BytesIO(await got(url, "preview.jpg"))))
            if np.abs(picture[:8, :8].mean((0, 1)) - colour).max() < 12:
                return


def file_of(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, kind)
    return out.getvalue()


def test_a_colour_chosen_on_the_page_changes_the_picture(tmp_path: Path) -> None:
    async def choose(url: str) -> Any:
        await post(url + "api/background", {"value": "#ff0000"})
        await corner(url, (255, 0, 0))
        return await got(url, "api/backgrounds")

    assert during(tmp_path, choose) == {"value": "#ff0000", "gallery": names(), "sent": []}


def test_a_painting_chosen_on_the_page_changes_the_picture(tmp_path: Path) -> None:
    red, green, blue = render("dusk", H, W)[:8, :8].mean((0, 1))

    async def choose(url: str) -> None:
        await post(url + "api/background", {"value": "gallery:dusk"})
        await corner(url, (red, green, blue))

    during(tmp_path, choose)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_is_sent_becomes_the_background(kind: str, tmp_path: Path) -> None:
    async def choose(url: str) -> tuple[Any, Any]:
        told = await send(url, file_of((20, 40, 220), kind))
        await corner(url, (20, 40, 220))
        return told, await got(url, "api/backgrounds")

    told, shown = during(tmp_path, choose)
    assert told["value"] == shown["value"]
    assert shown["value"].startswith("sent:")


@pytest.mark.parametrize("value", ["/etc/passwd", "../secret.png", "gallery:nothing", "studio", "#12345", ""])
def test_nothing_but_colours_paintings_and_sent_pictures_is_taken_from_the_network(value: str, tmp_path: Path) -> None:
    said = f"background is {value!r}, but must be #rrggbb, gallery:NAME or a picture that was sent"

    async def choose(url: str) -> str:
        with pytest.raises(Refused) as error:
            await post(url + "api/background", {"value": value})
        return str(error.value)

    assert during(tmp_path, choose) == said


def test_a_file_that_is_no_picture_is_refused_in_one_line(tmp_path: Path) -> None:
    async def choose(url: str) -> list[str]:
        said = []
        for body, kind in ((b"not a picture", "image/png"), (file_of((0, 0, 0)), "text/plain")):
            with pytest.raises(Refused) as error:
                await send(url, body, kind)
            said.append(str(error.value))
        return said

    assert during(tmp_path, choose) == [
        "the picture cannot be read; send a JPEG, PNG or WebP file",
        "the body is text/plain, but must be image/…",
    ]


def test_a_picture_that_is_too_large_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    async def choose(url: str) -> str:
        with pytest.raises(Refused) as error:
            await send(url, bytes(PICTURE_BYTES + 1))
        return str(error.value)

    assert during(tmp_path, choose) == "the picture is larger than 16 MB"


def test_thumbnails_are_small_jpegs(tmp_path: Path) -> None:
    thumbnail = during(tmp_path, lambda url: got(url, "api/backgrounds/ocean"))
    assert Image.open(io.BytesIO(thumbnail)).size == (160, 90)
