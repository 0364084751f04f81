"""Browsers' parts played by aiortc: connect a camera or a viewer to a running graph over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from av import VideoFrame

from bgflow import Run, load, plan
from bgflow.web.peer import gather_only
from bgflow.web.served import Webs

LEFT, RIGHT = (200, 30, 40), (30, 60, 200)


class Bars(VideoStreamTrack):
    """A camera that shows two colours; its size may be changed at any time."""

    def __init__(self, h: int = 120, w: int = 160):
        super().__init__()
        self.size = (h, w)

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        h, w = self.size
        image = np.empty((h, w, 3), np.uint8)
        image[:, : w // 2], image[:, w // 2 :] = LEFT, RIGHT
        frame = VideoFrame.from_ndarray(image)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Refused(Exception):
    """The server's own line."""


@contextlib.contextmanager
def running(tmp_path: Path, graph: str) -> Iterator[tuple[Run, str]]:
    """Run a graph that serves a page; gives the run and the page's address."""
    file = tmp_path / "graph.yaml"
    file.write_text(graph)
    with Run(plan(load(file))) as run:
        try:
            yield run, _address(run)
        finally:
            run.stop()


def _address(run: Run) -> str:
    webs: Webs = run.shared.get("webs", Webs)
    while not webs.ready.wait(0.05):
        assert any(t.is_alive() for t in run.threads), "the run ended before its page was ready"
    return webs.first.result(0).url


@contextlib.asynccontextmanager
async def connected(url: str, role: str, track: Any = None) -> AsyncIterator[Any]:
    """A connection as a page makes it; gives the received track of a viewer, the connection of a camera."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        transceiver = pc.addTransceiver(track or "video", "sendonly" if track else "recvonly")
        gather_only(transceiver, ["127.0.0.1"])
        await pc.setLocalDescription(await pc.createOffer())
        answer = await post(url + "api/offer", {"sdp": pc.localDescription.sdp, "role": role})
        await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        yield pc if track else transceiver.receiver.track
    finally:
        await pc.close()


async def post(url: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    """POST JSON; raises Refused."""
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        told: dict[str, Any] = await answer.json()
        if answer.status != 200:
            raise Refused(told["error"])
        return told


async def status(url: str) -> dict[str, Any]:
    """What the server says of itself."""
    async with aiohttp.ClientSession() as session, session.get(url + "api/status") as answer:
        told: dict[str, Any] = await answer.json()
        return told


async def pictures(track: Any, count: int, seconds: float = 20) -> list[np.ndarray[Any, Any]]:
    """The next pictures that a viewer receives."""
    async with asyncio.timeout(seconds):
        return [(await track.recv()).to_ndarray(format="rgb24") for _ in range(count)]


async def until(true: Any, seconds: float = 20) -> None:
    """Wait until `true()` is; it may be a coroutine function."""
    end = time.monotonic() + seconds
    while not (await true() if asyncio.iscoroutinefunction(true) else true()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)
