"""The ends of the graphs that are measured: frames out of nothing, and into nothing, with or without copies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.bench.pictures import COUNT, Host, Size, pictures
from bgflow.bench.stopwatch import fresh
from bgflow.frame import Array
from bgflow.stage import Context

FEED, TAKE = "bgflow.bench.ends:Feed", "bgflow.bench.ends:Take"
WARM = 100  # frames before the first that counts: kernels are compiled and recordings made by then
LATE = 20_000_000  # ns after which a live frame is not waited for any more


class Feed(Stage, use=FEED):
    """Hands the same few frames over and over, from the host as a decoder would, or from where they lie."""

    nv12 = Out("nv12[h,w]")
    image = Out("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    width: int = Param(640, ge=2)
    height: int = Param(360, ge=2)
    resident: bool = Param(False, description="the frames are on the device already")
    rate: float = Param(0, ge=0, unit="1/s", description="frames a second, each when it is due; 0 is as fast as can be")

    def sizes(self, probe: bool) -> Mapping[str, int]:
        return {"h": self.height, "w": self.width}

    def copies(self) -> tuple[int, int]:
        return int(not self.resident), 0

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        ports = [port for port in self.outputs if ctx.wired(port)]
        shots = pictures(Size(self.width, self.height))
        self._host = [{port: getattr(shot, port) for port in ports} for shot in shots]
        self._there = [{port: self._placed(host) for port, host in of.items()} for of in self._host]

    def frames(self) -> Iterator[tuple[int, Any]]:
        began = time.monotonic_ns()
        n = 0
        while not self.ctx.stopping:
            due = round(n * 1e9 / self.rate) if self.rate else 0
            if self.rate:
                late = time.monotonic_ns() - began - due
                if late > LATE:
                    self.ctx.drop("too late")
                    n += 1
                    continue
                self.ctx.wait(max(-late, 0) / 1e9)
            pts = began + due if self.rate else n * 33_333_333
            yield pts, self._there[n % COUNT] if self.resident else self._uploaded(self._host[n % COUNT])
            n += 1

    def _uploaded(self, frame: dict[str, Host]) -> dict[str, Array]:
        out = {port: self.ctx.empty(port, h=self.height, w=self.width) for port in frame}
        for port, host in frame.items():
            self.ctx.device.upload(host, out[port])
        return out

    def _placed(self, host: Host) -> Array:
        """Memory of its own, for a frame that stays there."""
        out = fresh(self.ctx.device, host.shape, host.dtype)
        self.ctx.device.upload(host, out)
        return out


class Take(Stage, use=TAKE):
    """Takes what comes out: downloads it as an encoder would, waits for it, or does neither; notes when."""

    value = In("any")

    mode: str = Param("download", pattern="download|wait|leave")
    keep: bool = Param(False, description="a hash of every frame, in `seen`")
    count = 0

    def copies(self) -> tuple[int, int]:
        return 0, int(self.mode == "download")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.count = 0
        self.began = self.ended = 0.0
        self.latencies: list[float] = []
        self.seen: list[str] = []
        self._host: Any = None

    def process(self, value: Any) -> None:
        device = self.ctx.device
        if self.mode == "download":
            if self._host is None:
                self._host = np.empty(value.shape, value.dtype)
            device.download(value, self._host)
            if self.keep:
                self.seen.append(hashlib.sha256(self._host).hexdigest())
        elif self.mode == "wait":
            device.synchronise()
        self.count += 1
        if self.count > WARM:
            self.latencies.append(time.monotonic() - self.ctx.frame.born)
        elif self.count == WARM:
            device.synchronise()
            self.began = time.monotonic()

    def close(self) -> None:
        self.ctx.device.synchronise()
        self.ended = time.monotonic()

    @property
    def fps(self) -> float:
        """Frames a second after the warm-up, the last one finished."""
        took = self.ended - self.began
        return (self.count - WARM) / took if self.count > WARM and took > 0 else 0.0
