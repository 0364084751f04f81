"""One picture of what a stage gives, over HTTP; and who may have it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from bgflow.run import Run
from tests.looking import BITS, CELL, number
from tests.test_look import during, got


def test_one_picture_for_scripts(tmp_path: Path) -> None:
    async def work(_: Run, url: str) -> tuple[int, Any]:
        return await got(url, "api/look/first.twin.jpg?width=96")

    status, body = during(tmp_path, work)
    picture = np.asarray(Image.open(io.BytesIO(body)))
    assert (status, picture.shape) == (200, (CELL // 2, BITS * CELL // 2))
    assert number(picture) > 0


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("lust.out.jpg", 404, "no stage is named 'lust'; did you mean 'last'?"),
        ("last.oot.jpg", 404, "last (toy.passed) has no output 'oot'; did you mean 'out'?"),
        ("last.out.jpg?width=-1", 400, "width is a number of pixels from 16 to 3840, not '-1'"),
    ],
)
def test_one_picture_that_cannot_be_is_refused_in_one_line(path: str, status: int, text: str, tmp_path: Path) -> None:
    async def work(_: Run, url: str) -> tuple[int, Any]:
        return await got(url, f"api/look/{path}")

    assert during(tmp_path, work) == (status, text)


def test_only_the_servers_own_page_may_look(tmp_path: Path) -> None:
    async def work(_: Run, url: str) -> tuple[int, int, int]:
        foreign = {"Origin": "https://evil.example"}
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as error:
                await session.ws_connect(url + "api/look", headers=foreign)
        picture, _ = await got(url, "api/look/last.out.jpg", **{"Sec-Fetch-Site": "cross-site"})
        renamed, _ = await got(url, "api/look/last.out.jpg", Host="evil.example")
        return error.value.status, picture, renamed

    assert during(tmp_path, work) == (403, 403, 403)
