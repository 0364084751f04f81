"""Small folders of pictures, and a server of one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

from bgflow.label.mask import Label
from bgflow.label.pictureset import PictureSet
from bgflow.label.prelabel import Mode, Prelabels
from bgflow.label.server import LabelServer

H, W = 90, 120
Ask = Callable[[str, aiohttp.ClientSession], Awaitable[Any]]


def scene(subject: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A textured wall, and before it a bright disc."""
    y, x = np.mgrid[:H, :W]
    wall = np.stack([60 + x // 2, 70 + y // 2, 90 + (x + y) // 8], -1).astype(np.uint8)
    wall += np.random.default_rng(3).integers(0, 6, (H, W, 1), np.uint8)
    if subject:
        wall[disc() > 0] = (230, 60, 40)
    return wall


def disc() -> Label:
    """Where the disc is."""
    y, x = np.mgrid[:H, :W]
    return (((x - 70) ** 2 + (y - 50) ** 2 < 28**2) * 255).astype(np.uint8)


def picture_set(folder: Path, *names: str, plate: bool = True) -> Path:
    """A folder of pictures with a subject, and the plate."""
    folder.mkdir(exist_ok=True)
    for name in names or ("0.png", "1.png", "2.png"):
        Image.fromarray(scene(True)).save(folder / name)
    if plate:
        Image.fromarray(scene(False)).save(folder / "bkg.png")
    return folder


def label_server(folder: Path, mode: Mode = "none") -> LabelServer:
    pictures = PictureSet(folder)
    return LabelServer(pictures, 0, lambda changed: Prelabels(pictures, mode, changed))


def served(folder: Path, ask: Ask, mode: Mode = "none") -> Any:
    """Serve a folder, ask, and end."""

    async def serve() -> Any:
        server = label_server(folder, mode)
        async with server.running(), aiohttp.ClientSession() as session:
            return await ask(server.url, session)

    return asyncio.run(serve())


def png(label: np.ndarray[Any, Any], mode: str | None = None) -> bytes:
    """A label as a browser sends it."""
    out = io.BytesIO()
    Image.fromarray(label, mode).save(out, "PNG")
    return out.getvalue()


def read(file: Path) -> np.ndarray[Any, Any]:
    """A mask file as it is, without any conversion."""
    with Image.open(file) as picture:
        assert picture.mode == "L"
        return np.array(picture)


@contextlib.contextmanager
def live(folder: Path, mode: Mode = "none", port: int = 0) -> Iterator[str]:
    """Serve a folder on a thread of its own while inside; gives the address."""
    begun: queue.SimpleQueue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.SimpleQueue()

    async def serve() -> None:
        pictures, stop = PictureSet(folder), asyncio.Event()
        server = LabelServer(pictures, port, lambda changed: Prelabels(pictures, mode, changed))
        async with server.running():
            begun.put((server.url, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    url, loop, stop = begun.get(timeout=30)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
