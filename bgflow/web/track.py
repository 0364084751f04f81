"""The two ends of WebRTC video in a run: the newest picture of one camera comes in, the newest result goes out to many.

No hand-over here is longer than one frame: whatever is overtaken is thrown away and counted, so neither memory nor
latency can grow. All of it belongs to the run's event loop, except `Camera.age`, `Stream.publish` and `Stream.took`,
which stage threads call.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import statistics
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from bgflow.web.latest import Latest, LatestToLoop

Planes = tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]
Picture = tuple[Planes, int, Fraction]  # planes, pts, time base
CLOCK = 90_000  # ticks a second of every RTP video clock (RFC 3551)
SILENCE_SECONDS = 5  # a camera that has sent nothing for so long counts as off
BT601, LIMITED, UNSPECIFIED = 6, 1, 2  # ITU-T H.273, as FFmpeg numbers them


class Rate:
    """Frames a second over the last two seconds; one thread counts, any reads."""

    def __init__(self) -> None:
        self._times: collections.deque[float] = collections.deque(maxlen=240)
        self.count = 0

    def tick(self) -> None:
        """Count one frame, now."""
        self.count += 1
        self._times.append(time.monotonic())

    @property
    def fps(self) -> float:
        """Frames a second."""
        now = time.monotonic()
        return sum(t > now - 2 for t in list(self._times)) / 2


class Camera:
    """The browser camera of a run. Whoever connected last is on air; earlier ones are read and thrown away."""

    def __init__(self, want: dict[str, int], codec: str, lost: Callable[[str], None]):
        self.want, self.codec, self.lost = want, codec, lost
        self.latest: Latest[tuple[int, Any]] = Latest(lambda: lost("graph busy"))
        self.peer = ""
        self.size: tuple[int, int] | None = None
        self.rate = Rate()
        self._start = self._heard = time.monotonic()
        self._last = -1
        self._came: dict[int, float] = {}

    async def follow(self, peer: str, track: MediaStreamTrack) -> None:
        """Read a browser's camera until it ends; its queue is always drained, so it cannot grow.

        Times are the camera's own (RTP), set once to the run's clock when it connects, and never go back.
        """
        self.peer, self._heard = peer, time.monotonic()
        offset: int | None = None
        with contextlib.suppress(MediaStreamError):
            while True:
                frame: Any = await track.recv()
                if self.peer != peer:
                    continue
                now = int((time.monotonic() - self._start) * CLOCK)
                if offset is None or abs(frame.pts + offset - now) > 10 * CLOCK:
                    offset = max(now, self._last + 1) - frame.pts
                pts = frame.pts + offset
                if pts <= self._last:
                    self.lost("time went back")
                    continue
                self._last = pts
                if frame.colorspace == UNSPECIFIED:
                    frame.colorspace = BT601  # what browsers mean when they say nothing, whatever the size
                self.size = (frame.width, frame.height)
                self.rate.tick()
                self._heard = self._came[pts] = time.monotonic()
                while len(self._came) > 64:
                    del self._came[next(iter(self._came))]
                self.latest.put((pts, frame))
        if self.peer == peer:
            self.peer = ""

    def age(self, when: Fraction) -> float | None:
        """Seconds since the camera frame of this exact time was decoded here; None when it is not ours."""
        ticks = when * CLOCK
        came = self._came.get(int(ticks)) if ticks.denominator == 1 else None
        return None if came is None else time.monotonic() - came

    def status(self) -> dict[str, Any]:
        """What the page shows of it."""
        on = bool(self.peer) and time.monotonic() - self._heard < SILENCE_SECONDS
        return {"on": on, "size": self.size, "fps": round(self.rate.fps, 1), "frames": self.rate.count}


class Viewer(MediaStreamTrack):
    """One browser's view of a stream: encodes at its own pace, always the newest picture."""

    kind = "video"

    def __init__(self, stream: Stream):
        super().__init__()
        self.stream = stream
        self.sending: collections.deque[float] = collections.deque(maxlen=60)
        self._next: Picture | None = None
        self._came = asyncio.Event()
        self._given = 0.0
        stream.viewers.add(self)

    def offer(self, picture: Picture) -> None:
        """Make this the picture that goes out next."""
        if self._next is not None:
            self.stream.lost("slow viewer")
        self._next = picture
        self._came.set()

    async def recv(self) -> VideoFrame:
        """The next picture; aiortc's sender calls this when it has encoded and sent the one before."""
        if self._given:
            self.sending.append(time.monotonic() - self._given)
        await self._came.wait()
        if self.readyState != "live" or self._next is None:
            raise MediaStreamError
        (planes, pts, time_base), self._next = self._next, None
        self._came.clear()
        # The pixels are shared by all viewers; the frame around them is not, since encoders mark it as a key frame.
        frame = VideoFrame.from_dlpack(planes, format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        frame.colorspace, frame.color_range = BT601, LIMITED
        self._given = time.monotonic()
        return frame

    def stop(self) -> None:
        super().stop()
        self.stream.viewers.discard(self)
        self._next = None
        self._came.set()


class Stream:
    """One sink's picture on its way to every viewer."""

    def __init__(self, name: str, codec: str, lost: Callable[[str], None]):
        self.name, self.codec, self.lost = name, codec, lost
        self.viewers: set[Viewer] = set()
        self.size: tuple[int, int] | None = None
        self.rate = Rate()
        self.delays: collections.deque[float] = collections.deque(maxlen=120)
        self.pictures: LatestToLoop[Picture] = LatestToLoop(self._share, lambda: lost("loop busy"))

    def took(self, seconds: float | None) -> None:
        """Keep the time from a camera frame's decoding to its result, for the page."""
        if seconds is not None:
            self.delays.append(seconds)

    def publish(self, planes: Planes, pts: int, time_base: Fraction) -> None:
        """Hand a picture (YUV 4:2:0, BT.601 limited, even sizes) to every viewer; it must not change any more."""
        self.rate.tick()
        h, w = planes[0].shape
        self.size = (w, h)
        self.pictures.put((planes, pts, time_base))

    def status(self) -> dict[str, Any]:
        """What the page shows of it: `processing` is from a camera frame's decoding to its result, in ms."""
        sending = [s for v in self.viewers for s in v.sending]
        return {
            "size": self.size,
            "fps": round(self.rate.fps, 1),
            "frames": self.rate.count,
            "viewers": len(self.viewers),
            "processing": _median_ms(self.delays),
            "sending": _median_ms(sending),
        }

    def _share(self, picture: Picture) -> None:
        for viewer in list(self.viewers):
            viewer.offer(picture)


def _median_ms(seconds: Iterable[float]) -> float | None:
    found = list(seconds)
    return round(statistics.median(found) * 1e3, 1) if found else None
