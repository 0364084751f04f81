"""A browser's part without a browser: a process that sends recorded packets to a page and counts what comes back.

`Client` starts it, and this file is what runs. It sends a picture when it is due, however late the server is, so that
a slow server does not slow the load down; and it decodes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.codecs.base import Decoder
from aiortc.rtp import is_rtcp

from bgflow.errors import BgflowError
from bgflow.media.video import from_rgb
from bgflow.web.jitter import make_prompt
from bgflow.web.peer import gather_only

RATE, CLOCK = 30, 90_000  # pictures a second; ticks a second of every RTP video clock (RFC 3551)
BITRATE = 2_500_000  # what a browser sends of 720p over a good line
STOP_SECONDS = 30
SETTLE = 0.3  # seconds for the other side to know that the connection stands
CODECS = {"VP8": "libvpx", "H264": "libx264"}
OPTIONS = {
    "VP8": {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "error-resilient": "1"},
    "H264": {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline"},
}


class Sent(NamedTuple):
    """What the client has done: picture n was due at `start` + n / RATE with the RTP time stamp `origin` + n ticks."""

    start: float
    origin: int
    pictures: int
    received: int
    """Whole pictures that came back."""

    def due(self, stamp: int) -> float:
        """When the picture of an RTP time stamp was to be sent, in seconds of the monotonic clock."""
        return self.start + ((stamp - self.origin) % (1 << 32)) / CLOCK


def record(file: Path, images: Iterable[np.ndarray[Any, Any]], codec: str) -> Path:
    """Encode RGB pictures of one size as a browser does: one key picture, no delay; each with its length before it."""
    encoder: Any = None
    with file.open("wb") as out:
        for n, image in enumerate(images):
            frame = from_rgb(image, "yuv420p", n, Fraction(1, RATE), "bt601")
            if encoder is None:
                encoder = av.CodecContext.create(CODECS[codec], "w")
                encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv420p"
                encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
                encoder.bit_rate, encoder.gop_size, encoder.options = BITRATE, 10_000, OPTIONS[codec]
            for packet in encoder.encode(frame):
                out.write(len(bytes(packet)).to_bytes(4, "big") + bytes(packet))
    return file


class Client:
    """Feeds the page of a Server from a recording and receives its result."""

    def __init__(self, url: str, file: Path):
        self._command = [sys.executable, "-m", "bgflow.bench.packets", url, str(file)]

    def __enter__(self) -> Client:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def read(self) -> Sent:
        """What it has done so far. Raises BgflowError when it has ended."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        if line := self._process.stdout.readline():
            return Sent(**json.loads(line))
        raise BgflowError(f"the sender of recorded packets ended with {self._process.wait()}")

    def __exit__(self, *error: object) -> None:
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class Blind(Decoder):
    """Counts whole pictures in place of a decoder."""

    def __init__(self) -> None:
        self.count = 0

    def decode(self, encoded_frame: Any) -> list[Any]:
        self.count += 1
        return []


class Reel(MediaStreamTrack):
    """The recording over and over, each picture when it is due and never before `begin`."""

    kind = "video"

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.pictures = list(pictures(file.read_bytes()))
        self.start, self.count = 0.0, 0
        self._begun = asyncio.Event()

    def begin(self) -> None:
        """The first picture is due."""
        self.start = time.monotonic()
        self._begun.set()

    async def recv(self) -> av.Packet[Any]:
        await self._begun.wait()
        late = time.monotonic() - self.start - self.count / RATE
        if late < 0:
            await asyncio.sleep(-late)
        packet = av.Packet(self.pictures[self.count % len(self.pictures)])
        packet.pts, packet.time_base = self.count * CLOCK // RATE, Fraction(1, CLOCK)
        self.count += 1
        return packet


def pictures(recorded: bytes) -> Iterator[bytes]:
    """What `record` has written, picture by picture."""
    at = 0
    while at < len(recorded):
        size = int.from_bytes(recorded[at : at + 4], "big")
        yield recorded[at + 4 : at + 4 + size]
        at += 4 + size


async def feed(url: str, file: Path) -> None:
    """Be the camera and the viewer of a page until the input ends."""
    blind, reel = Blind(), Reel(file)
    module: Any = rtcrtpreceiver
    module.get_decoder = lambda codec: blind
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with connected(url, "viewer"), connected(url, "camera", reel) as sender:
        origin = stamps(sender.transport)
        reel.begin()
        while await lines.readline():
            first = origin[0] if origin else 0
            print(json.dumps(Sent(reel.start, first, reel.count, blind.count)._asdict()), flush=True)


def stamps(transport: Any) -> list[int]:
    """The RTP time stamp of the first packet of video that a transport sends, once it has."""
    send, found = transport._send_rtp, list[int]()

    async def noted(data: bytes) -> None:
        if not (found or is_rtcp(data)):
            found.append(int.from_bytes(data[4:8], "big"))
        await send(data)

    transport._send_rtp = noted
    return found


@contextlib.asynccontextmanager
async def connected(url: str, role: str, track: Any = None) -> AsyncIterator[Any]:
    """A connection as the page makes it, once it stands; gives its sender."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        transceiver = pc.addTransceiver(track or "video", "sendonly" if track else "recvonly")
        gather_only(transceiver, ["127.0.0.1"])
        make_prompt(transceiver.receiver)
        await pc.setLocalDescription(await pc.createOffer())
        offer = {"sdp": pc.localDescription.sdp, "role": role}
        async with aiohttp.ClientSession() as session, session.post(url + "api/offer", json=offer) as answer:
            answer.raise_for_status()
            told = await answer.json()
        await pc.setRemoteDescription(RTCSessionDescription(told["sdp"], "answer"))
        while pc.connectionState != "connected":
            await asyncio.sleep(0.02)
        await asyncio.sleep(SETTLE)
        yield transceiver.sender
    finally:
        await pc.close()


if __name__ == "__main__":
    asyncio.run(feed(sys.argv[1], Path(sys.argv[2])))
