"""A browser's camera in, and the result out to browsers, over WebRTC; both on a page that bgflow serves itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.devices import device
from bgflow.frame import Array, Pool
from bgflow.kernels import yuv
from bgflow.stage import Context
from bgflow.web.served import DEFAULT_PORT, Served

if TYPE_CHECKING:
    from bgflow.web.server import Web
    from bgflow.web.track import Camera, Planes, Stream

MATRIX: yuv.Matrix = "bt601"  # what browsers expect of every size
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
    nv12 = Out("nv12[h,w]", description="the same as the browser sends it, for what takes that; made only when wired")

    port: int | None = Param(DEFAULT_PORT, ge=0, le=65535, description="port of the page; 0 lets the system choose")
    width: int = Param(640, ge=16, le=3840, unit="px", description="asked of the camera; the browser may send less")
    height: int = Param(360, ge=16, le=2160, unit="px", description="asked of the camera; the browser may send less")
    fps: int = Param(30, ge=1, le=120, unit="1/s", description="asked of the camera")
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

    def copies(self) -> tuple[int, int]:
        return 1, 0

    def frames(self) -> Iterator[tuple[int, dict[str, Array]]]:
        from bgflow.media.reader import Intake

        self.settle()
        intake = Intake(self.ctx, rotate=False)
        while not self.ctx.stopping:
            came = self.camera.latest.take(0.2)
            if came is not None:
                pts, frame = came
                yield pts, intake.take(frame)
                del came, frame


class Sink(Connected, Stage, use="webrtc.sink"):
    """Show the picture to any number of browsers: processed once, encoded for each at the speed it can take."""

    image = In("u8[h,w,3] rgb | nv12[h,w]")

    fps: int = Param(0, ge=0, le=240, unit="1/s", description="most pictures sent in a second; 0 sends all")
    start_bitrate: int = Param(1500, ge=50, le=100_000, unit="kbit/s", description="where a new viewer begins")
    min_bitrate: int = Param(250, ge=50, le=100_000, unit="kbit/s", description="kept even when the network is slow")
    max_bitrate: int = Param(
        2500, ge=50, le=100_000, unit="kbit/s", description="not exceeded however fast it is; browsers send 720p so"
    )
    matrix: yuv.Choice = Param(
        "auto",
        description="the colours of an nv12 input, as its maker was told; bt601, which browsers expect, costs least",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        if not self.min_bitrate <= self.start_bitrate <= self.max_bitrate:
            yield (
                "start_bitrate",
                f"start_bitrate is {self.start_bitrate}, but must lie between min_bitrate {self.min_bitrate} "
                f"and max_bitrate {self.max_bitrate}",
            )

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        from bgflow.web import encoders
        from bgflow.web.peer import set_bitrates
        from bgflow.web.track import Stream

        encoders.use()

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

    def copies(self) -> tuple[int, int]:
        return 0, 1

    def process(self, image: Array) -> None:
        self.settle()
        frame = self.ctx.frame
        if self._web and self._web.camera:
            self.stream.took(self._web.camera.age(frame.time))
        ih, iw = (image.shape[0] * 2 // 3, image.shape[1]) if image.ndim == 2 else image.shape[:2]
        h, w = ih & ~1, iw & ~1
        if not self.stream.viewers:
            self.ctx.drop("nobody watches")
        elif not h or not w:
            self.ctx.drop("too small")
            self.ctx.warn(f"image is {iw}x{ih}, but WebRTC carries 2x2 at least")
        elif self.fps and frame.time < self._next_at:
            self.ctx.drop("above fps")
        else:
            self._next_at = max(self._next_at + Fraction(1, self.fps), frame.time) if self.fps else Fraction(0)
            self.stream.publish(self._encodable(image, ih, iw), frame.pts, frame.time_base)

    def _encodable(self, image: Array, ih: int, iw: int) -> Planes:
        """The picture as encoders take it: three planes in one pooled block of the host; an odd line is cut off."""
        from bgflow.media.video import written

        h, w = ih & ~1, iw & ~1
        shape = (h * 3 // 2, w)
        if self._pool is None or self._pool.shape != shape:
            self._pool = Pool(device("cpu"), shape, np.uint8, name=f"{self.ctx.name}.planes", planned=4)
        block: Any = self._pool.take()
        u, v = block[h:].reshape(2, h // 2, w // 2)
        planes: Planes = block[:h], u, v
        scratch = self.ctx.scratch
        if image.ndim == 2:
            luma, uv = yuv.nv12_planes(image, ih, iw)
            matrix = yuv.chosen(self.matrix, ih)
            if matrix == MATRIX:
                luma, uv = luma[:h], uv[: h // 2]
                written(self.ctx.device, planes, scratch, lambda *to: yuv.nv12_to_i420(luma, uv, *to))
                return planes
            image = scratch("rgb", (ih, iw, 3), np.uint8)
            yuv.nv12_to_rgb(luma, uv, image, matrix)
        even = image[:h, :w]
        written(self.ctx.device, planes, scratch, lambda y, u, v: yuv.rgb_to_i420(even, y, u, v, MATRIX))
        return planes
