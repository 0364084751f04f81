"""When each picture of a run's camera came, was decoded and went out again; for the process that is measured."""

from __future__ import annotations

import time
from typing import Any

from aiortc.rtcdtlstransport import RTCDtlsTransport

from bgflow.bench import timecode
from bgflow.frame import Array
from bgflow.graph import Graph
from bgflow.web.jitter import PromptJitterBuffer
from bgflow.web.track import Camera, Viewer

MARKER, RTCP = 0x80, range(72, 77)  # in the second byte of a packet (RFC 3550, 5.1; RFC 5761, 4)
KEPT = 256  # pictures under way, or lost

Passage = tuple[int, float, float, float]
"""A picture's RTP time stamp at its arrival, and the seconds at which its last packet had come, it was decoded, and
its result's last packet was given to the socket."""


class Taps:
    """Notes the passages of one camera to one viewer, in seconds of the monotonic clock.

    It listens at four places that every picture passes on the run's event loop: the buffer that joins packets, the
    slot that decoded pictures are left in, the viewer's track, and the transport that encrypts and sends.
    """

    def __init__(self) -> None:
        self.passed: list[Passage] = []
        self._arrived: dict[int, float] = {}
        self._decoded: dict[int, tuple[int, float]] = {}
        self._origin: int | None = None
        self._sending = -1
        places: tuple[Any, ...] = PromptJitterBuffer, RTCDtlsTransport, Viewer
        buffers, transports, viewers = places
        join, send, pick = buffers._remove_frame, transports._send_rtp, viewers.recv

        def joined(buffer: PromptJitterBuffer, sequence_number: int) -> Any:
            frame: Any = join(buffer, sequence_number)
            if frame is not None:
                if self._origin is None:
                    self._origin = frame.timestamp  # from which aiortc counts the time stamps of decoded pictures
                _keep(self._arrived, frame.timestamp, time.monotonic())
            return frame

        async def picked(viewer: Viewer) -> Any:
            frame: Any = await pick(viewer)
            self._sending = frame.pts
            return frame

        async def sent(transport: RTCDtlsTransport, data: bytes) -> None:
            await send(transport, data)
            if data[1] & MARKER and data[1] & 0x7F not in RTCP:
                self._note()

        buffers._remove_frame, transports._send_rtp, viewers.recv = joined, sent, picked

    def listen(self, camera: Camera) -> None:
        """Note what this camera hands to its graph."""
        put = camera.latest.put

        def came(value: tuple[int, Any]) -> None:
            pts, frame = value
            stamp = (frame.pts + (self._origin or 0)) % (1 << 32)
            _keep(self._decoded, pts, (stamp, time.monotonic()))
            put(value)

        camera.latest.put = came  # type: ignore[method-assign]

    def _note(self) -> None:
        now, (stamp, decoded) = time.monotonic(), self._decoded.pop(self._sending, (-1, 0.0))
        if (arrived := self._arrived.pop(stamp, None)) is not None:
            self.passed.append((stamp, arrived, decoded, now))

    def drain(self) -> list[Passage]:
        """The passages since the last call."""
        passed, self.passed = self.passed, []
        return passed


def keep_code(graph: Graph) -> None:
    """Make every composite leave the time code's corner as the camera has it, for the price of one small fill.

    The stages and wires stay as they are shipped: whichever stage gives a composite its alpha sets that corner to 1.
    """
    for name, node in graph.nodes.items():
        if node.stage.use.startswith("compose.") and "alpha" in node.stage.inputs:
            wire = graph.into(name)["alpha"]
            _fill_corner(graph.nodes[wire.src].stage, wire.out)


def _fill_corner(stage: Any, port: str) -> None:
    process = stage.process

    def filled(*values: Any) -> Any:
        made = process(*values)
        alpha: Array = made[port] if isinstance(made, dict) else made
        if alpha is not None:
            alpha[: timecode.HEIGHT, : timecode.WIDTH] = 1
        return made

    stage.process = filled


def _keep(among: dict[int, Any], key: int, value: Any) -> None:
    among[key] = value
    while len(among) > KEPT:
        del among[next(iter(among))]
