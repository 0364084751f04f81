"""Cameras at this machine, through Video4Linux."""

from __future__ import annotations

import contextlib
import glob
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from bgflow import Out, Param, Stage
from bgflow.media.audio import AudioTrack
from bgflow.media.container import MediaUsageError, open_address
from bgflow.media.live import Backoff, Connection
from bgflow.media.reader import Intake, Reader
from bgflow.stage import Context

PIXELS = {"MJPG": "mjpeg", "YUYV": "yuyv422", "NV12": "nv12", "H264": "h264"}


class Source(Stage, use="camera.source"):
    """Read a camera; it is opened again after it was unplugged, at most three seconds after it is back.

    A camera gives its nearest mode when it has not the one asked for: the mode it took is logged.
    """

    image = Out("u8[h,w,3] rgb")
    nv12 = Out("nv12[h,w]", description="the same as the camera sends it, for what takes that; made only when wired")

    device: str = Param("/dev/video0", description="the camera, as in `ls /dev/video*`; with lavfi a test picture")
    width: int = Param(0, ge=0, le=16384, unit="px", description="0 is the camera's own choice")
    height: int = Param(0, ge=0, le=16384, unit="px", description="0 is the camera's own choice")
    fps: float = Param(0.0, ge=0, le=1000, unit="1/s", description="pictures a second; 0 is the camera's own choice")
    fourcc: Literal["auto", "MJPG", "YUYV", "NV12", "H264"] = Param(
        "auto", description="what the camera sends; MJPG gets large pictures through USB 2"
    )
    format: Literal["v4l2", "lavfi"] = Param("v4l2", description="lavfi opens FFmpeg's test sources as a camera")
    timeout: float = Param(5.0, ge=0.1, le=60, unit="s", description="silence that counts as unplugged")
    live = True

    def options(self) -> dict[str, str]:
        """The parameters as FFmpeg's options."""
        said = {}
        if self.width and self.height:
            said["video_size"] = f"{self.width}x{self.height}"
        if self.fps:
            said["framerate"] = f"{self.fps:g}"
        if self.fourcc != "auto":
            said["input_format"] = PIXELS[self.fourcc]
        return said if self.format == "v4l2" else {}

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.connection = Connection(self.device, ctx, self._connect, Backoff(0.1, 2.0))
        self.time_base = self.connection.time_base

    def frames(self) -> Iterator[tuple[int, Any]]:
        intake = Intake(self.ctx)
        for pts, frame in self.connection.pictures():
            yield pts, intake.take(frame)

    def copies(self) -> tuple[int, int]:
        return 1, 0

    def close(self) -> None:
        self.connection.close()

    def _connect(self, track: AudioTrack | None) -> Reader:
        if self.format == "v4l2" and not Path(self.device).exists():
            raise MediaUsageError(f"{self.device}: no such camera; {_cameras()}")
        try:
            container = open_address(self.device, format=self.format, options=self.options(), timeout=self.timeout)
        except MediaUsageError as error:
            raise MediaUsageError(f"{error}{_remedy(str(error), self.device, self.format)}") from None
        reader = Reader(container, self.device, self.ctx, live=True)
        self._tell_mode(reader)
        return reader

    def _tell_mode(self, reader: Reader) -> None:
        codec = reader.stream.codec_context
        rate = float(reader.stream.average_rate or reader.stream.base_rate or 0)
        mode = f"{codec.width}x{codec.height} at {rate:g} fps, {codec.name}"
        self.ctx.log.info("%s: %s", self.device, mode)
        size_off = self.width and self.height and (self.width, self.height) != (codec.width, codec.height)
        if size_off or (self.fps and rate and abs(rate - self.fps) > 0.5):
            wanted = f"{self.width or codec.width}x{self.height or codec.height} at {self.fps or rate:g} fps"
            self.ctx.warn(f"{self.device}: has no {wanted}; it gives {mode}")


def _cameras() -> str:
    there = sorted(glob.glob("/dev/video*"), key=lambda p: (len(p), p))
    return f"there is {', '.join(there)}" if there else "no camera is connected (there is no /dev/video*)"


def _remedy(text: str, device: str, format: str) -> str:
    """What to do about a camera that is there but does not open."""
    if "permission denied" in text:
        return "; add yourself to the group 'video' and log in again"
    if "busy" in text:
        return "; another program uses it, close that first"
    modes = _modes(device) if format == "v4l2" else []
    return f"; it has {', '.join(modes)}" if modes else ""


def _modes(device: str) -> list[str]:
    """The modes a camera says it has: 'mjpeg 1280x720'; empty when it tells nothing."""
    import av

    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        # FFmpeg only logs the list, then refuses to open
        with av.logging.Capture() as lines, contextlib.suppress(av.FFmpegError, OSError):
            av.open(device, format="v4l2", options={"list_formats": "all"}).close()
    finally:
        av.logging.set_level(level)
    return listed_modes("".join(text for _, _, text in lines))


def listed_modes(log: str) -> list[str]:
    """FFmpeg's log of a camera's formats as 'mjpeg 1280x720', in its order."""
    modes = []
    for line in log.splitlines():
        if m := re.search(r"(?:Raw|Compressed)\s*:\s*(\S+)\s*:.*?:((?:\s*\d+x\d+)+)", line):
            modes += [f"{m[1]} {size}" for size in m[2].split()]
    return modes
