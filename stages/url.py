"""Network streams in: rtsp, rtp, http, srt and udp, with reconnection."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from bgflow import Out, Param, Stage
from bgflow.media import nvdec
from bgflow.media.audio import AudioTrack
from bgflow.media.container import MediaUsageError, open_address, redacted
from bgflow.media.live import Backoff, Connection
from bgflow.media.reader import Intake, Reader
from bgflow.stage import Context

SCHEMES = ("rtsp", "rtsps", "rtp", "http", "https", "srt", "udp", "tcp", "rtmp")


class Source(Stage, use="url.source"):
    """Receive a live stream, from time 0; it is reconnected whenever it breaks, and time goes on over the gap.

    What has a length, such as a file on a web server, is played once, and late frames of it are dropped as in any
    live stream: download it to keep every frame. The first connection must succeed unless `patient`. Passwords never
    show in messages.
    """

    image = Out("u8[h,w,3] rgb")
    nv12 = Out("nv12[h,w]", description="the same as it was coded, for what takes that; made only when it is wired")
    audio = Out("audio", description="the stream's first sound, compressed as it is")

    url: str = Param(description=f"the address: {', '.join(SCHEMES)} (or a .sdp file for rtp)")
    transport: Literal["tcp", "udp"] = Param("tcp", description="rtsp only: tcp loses nothing, udp is a little faster")
    latency: int = Param(100, ge=0, le=10000, unit="ms", description="how long late packets are waited for")
    timeout: float = Param(5.0, ge=0.1, le=60, unit="s", description="silence that counts as a break")
    attempts: int = Param(0, ge=0, description="attempts in a row to reconnect before giving up; 0 never does")
    first_pause: float = Param(0.2, ge=0.01, le=10, unit="s", description="pause before the first attempt; it doubles")
    longest_pause: float = Param(10.0, ge=0.01, le=300, unit="s", description="the longest pause between attempts")
    patient: bool = Param(False, description="keep trying when even the first connection fails")
    decode: nvdec.Decode = Param("auto", description=nvdec.DECODE)
    live = True

    def problems(self) -> Iterable[tuple[str, str]]:
        scheme, found, _ = self.url.partition("://")
        if self.url.endswith(".sdp"):
            return
        if not found:
            yield "url", f"{redacted(self.url)!r} is no address; write rtsp://host/path, or use file.source for a file"
        elif scheme.lower() not in SCHEMES:
            swapped = [s for s in SCHEMES if sorted(s) == sorted(scheme.lower())]  # rstp means rtsp, not rtp
            near = swapped or difflib.get_close_matches(scheme.lower(), SCHEMES, 1)
            yield (
                "url",
                f"{scheme}:// is not known; "
                + (f"did you mean {near[0]}://?" if near else f"there are {', '.join(SCHEMES)}"),
            )

    def options(self) -> dict[str, str]:
        """The parameters as FFmpeg's options for this kind of address; its times are in microseconds."""
        scheme = self.url.partition("://")[0].lower()
        wait, late = str(round(self.timeout * 1e6)), str(self.latency * 1000)
        common = {"max_delay": late}
        if scheme in ("rtsp", "rtsps"):
            return common | {"rtsp_transport": self.transport, "timeout": wait}
        if scheme == "srt":
            return common | {"latency": late, "timeout": wait}
        if scheme == "udp":
            return common | {"timeout": wait, "fifo_size": "50000", "overrun_nonfatal": "1"}
        if self.url.endswith(".sdp") or scheme == "rtp":
            return common | {"protocol_whitelist": "file,udp,rtp"}
        return common | {"rw_timeout": wait}

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        backoff = Backoff(self.first_pause, max(self.longest_pause, self.first_pause), self.attempts)
        self.connection = Connection(redacted(self.url), ctx, self._connect, backoff, self.patient)
        self.time_base = self.connection.time_base

    def frames(self) -> Iterator[tuple[int, Any]]:
        intake = Intake(self.ctx)
        for pts, frame in self.connection.pictures():
            yield pts, self._value(intake.take(frame))

    def copies(self) -> tuple[int, int]:
        return 0 if self.decode == "cuda" else 1, 0

    def _value(self, made: Mapping[str, Any]) -> Mapping[str, Any]:
        track = self.connection.track
        return {**made, "audio": track} if track else made

    def close(self) -> None:
        self.connection.close()

    def _connect(self, track: AudioTrack | None) -> Reader:
        name = redacted(self.url)
        if found := list(self.problems()):
            raise MediaUsageError(f"{name}: {found[0][1]}")

        def connect(hw: Any) -> Any:
            return open_address(self.url, options=self.options(), timeout=self.timeout, hwaccel=hw)

        container = nvdec.opened(connect, self.decode, self.ctx.device, name)
        sound, on_gpu = self.ctx.wired("audio"), self.decode == "cuda"
        return Reader(container, name, self.ctx, live=True, sound=sound, track=track, on_gpu=on_gpu)
