"""A browser's camera in, and the result out to browsers, over WebRTC; both on a page that bgflow serves itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.frame import Array, Pool
from bgflow.kernels import yuv
from bgflow.stage import Context
from bgflow.web.served import DEFAULT_PORT, Served

if TYPE_CHECKING:
    from bgflow.web.server import Web
    from bgflow.web.track import Camera, Planes, Stream

RTP_CLOCK = Fraction(1, 90_000)  # the clock of all video (RFC 3551)


class Connected(Served):
    """The parameters that decide how browsers reach a WebRTC stage; mixed into a Stage."""

    codec: Literal["VP8", "H264"] = Param("VP8", description="asked for first; a browser without it gets the other")
    ice_host: str | None = Param(None, description="the only address offered to browsers; none: all of this machine")
    stun: list[str] = Param([], description="stun: addresses; needed only through a router, none works offline")

    def connect(self, web: Web) -> None:
        """Set how the server's connections are made; the first stage that says something decides."""
        from bgflow.web.peer import Peers

        web.peers = web.peers or Peers(web.local)
        web.peers.ice_host = web.peers.ice_host or self.ice_host
        web.peers.stun = web.peers.stun or list(self.stun)


class Source(Connected, Stage, use="webrtc.source"):
    """Take the camera of a browser; whoever pressed start last is on air."""

    image = Out("u8[h,w,3] rgb")

    port: int | None = Param(DEFAULT_PORT, ge=0, le=65535, description="port of the page; 0 lets the system choose")
    width: int = Param(640, ge=16, le=3840, unit="px", description="asked of the camera; the browser may send less")
    height: int = Param(360, ge=16, le=2160, unit="px", description="asked of the camera; the browser may send less")
    fps: int = Param(30, ge=1, le=120, unit="1/s", description="asked of the camera")
    host = True
    live = True
    time_base = RTP_CLOCK

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        from bgflow.web.track import Camera

        want = {"width": self.width, "height": self.height, "fps": self.fps}
        self.camera: Camera = Camera(want, self.codec, ctx.drop)
        self.bind(ctx)

    def attach(self, web: Web) -> None:
        self.connect(web)
        web.take_camera(self.camera, self.ctx.name)

    def frames(self) -> Iterator[tuple[int, Array]]:
        from bgflow.media.reader import picture

        self.settle()
        while not self.ctx.stopping:
            came = self.camera.latest.take(0.2)
            if came is not None:
                pts, frame = came
                yield pts, picture(self.ctx, frame, rotate=False)
                del came, frame


class Sink(Connected, Stage, use="webrtc.sink"):
    """Show the picture to any number of browsers: processed once, encoded for each at the speed it can take."""

    image = In("u8[h,w,3] rgb")

    fps: int = Param(0, ge=0, le=240, unit="1/s", description="most pictures sent in a second; 0 sends all")
    start_bitrate: int = Param(1500, ge=50, le=100_000, unit="kbit/s", description="where a new viewer begins")
    min_bitrate: int = Param(250, ge=50, le=100_000, unit="kbit/s", description="kept even when the network is slow")
    max_bitrate: int = Param(6000, ge=50, le=100_000, unit="kbit/s", description="not exceeded however fast it is")
    host = True

    def problems(self) -> Iterable[tuple[str, str]]:
        if not self.min_bitrate <= self.start_bitrate <= self.max_bitrate:
            yield (
                "start_bitrate",
                f"start_bitrate is {self.start_bitrate}, but must lie between min_bitrate {self.min_bitrate} "
                f"and max_bitrate {self.max_bitrate}",
            )

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        from bgflow.web.peer import set_bitrates
        from bgflow.web.track import Stream

        self.stream: Stream = Stream(ctx.name, self.codec, ctx.drop)
        for codec in ("VP8", "H264"):  # a browser may get either
            set_bitrates(codec, self.start_bitrate * 1000, self.min_bitrate * 1000, self.max_bitrate * 1000)
        self._web: Web | None = None
        self._pool: Pool | None = None
        self._next_at = Fraction(0)
        self.bind(ctx)

    def attach(self, web: Web) -> None:
        self.connect(web)
        web.show(self.stream)
        self._web = web

    def process(self, image: Array) -> None:
        self.settle()
        frame = self.ctx.frame
        if self._web and self._web.camera:
            self.stream.took(self._web.camera.age(frame.time))
        h, w = image.shape[0] & ~1, image.shape[1] & ~1
        if not self.stream.viewers:
            self.ctx.drop("nobody watches")
        elif not h or not w:
            self.ctx.drop("too small")
            self.ctx.warn(f"image is {image.shape[1]}x{image.shape[0]}, but WebRTC carries 2x2 at least")
        elif self.fps and frame.time < self._next_at:
            self.ctx.drop("above fps")
        else:
            self._next_at = max(self._next_at + Fraction(1, self.fps), frame.time) if self.fps else Fraction(0)
            self.stream.publish(self._encodable(image[:h, :w]), frame.pts, frame.time_base)

    def _encodable(self, image: Array) -> Planes:
        """The picture as encoders take it: three planes in one pooled block."""
        h, w, _ = image.shape
        shape = (h * 3 // 2, w)
        if self._pool is None or self._pool.shape != shape:
            self._pool = Pool(self.ctx.device, shape, np.uint8, name=f"{self.ctx.name}.planes", planned=4)
        block: Any = self._pool.take()
        y, (u, v) = block[:h], block[h:].reshape(2, h // 2, w // 2)
        yuv.rgb_to_i420(image, y, u, v, "bt601")
        return y, u, v
