"""The browsers connected to a run by WebRTC: their offers are answered here, and what has ended is closed."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Coroutine, Iterable
from typing import Any

from aioice.ice import get_host_addresses
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.codecs import h264, vpx

from bgflow.errors import UsageError
from bgflow.web.jitter import make_prompt
from bgflow.web.track import Camera, Stream, Viewer

CODECS = {"VP8": vpx, "H264": h264}
CONNECT_SECONDS, CLOSE_SECONDS = 30, 3
log = logging.getLogger("bgflow.webrtc")


class Peers:
    """The browsers of one server: answers their offers, and closes what has ended."""

    def __init__(self, local: bool, ice_host: str | None = None, stun: Iterable[str] = (), limit: int = 16):
        self.local, self.ice_host, self.stun, self.limit = local, ice_host, list(stun), limit
        self.connections: dict[str, RTCPeerConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def addresses(self) -> list[str]:
        """The addresses offered to browsers; this machine's own, loopback too where it can be of use."""
        if self.ice_host:
            return [self.ice_host]
        found = list(get_host_addresses(use_ipv4=True, use_ipv6=True))
        return [*found, "127.0.0.1"] if self.local or not found else found

    async def answer(self, sdp: str, remote: str, camera: Camera | None, stream: Stream | None) -> tuple[str, str]:
        """Accept a browser's offer of exactly one video line; returns the peer's name and the answer.

        Raises:
            UsageError: the offer cannot be accepted; one line says why.
        """
        if len(self.connections) >= self.limit:
            raise UsageError(f"there are {self.limit} connections already, which is the limit")
        if [line[:7] for line in sdp.splitlines() if line.startswith("m=")] != ["m=video"]:
            raise UsageError("the offer must have exactly one media line, and that of video")
        servers = [RTCIceServer(self.stun)] if self.stun else []
        pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        peer = secrets.token_urlsafe(8)
        self.connections[peer] = pc
        try:
            kind: Any = Viewer(stream) if stream else "video"
            way = "sendrecv" if stream and camera else "sendonly" if stream else "recvonly"
            transceiver = pc.addTransceiver(kind, way)
            first = stream.codec if stream else camera.codec if camera else "VP8"
            able = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences(sorted(able, key=lambda c: c.name != first))
            gather_only(transceiver, self.addresses())
            make_prompt(transceiver.receiver)
            here = remote in ("127.0.0.1", "::1")
            offer = _without_mdns(sdp, self.addresses() if here else [remote])
            await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await pc.setLocalDescription(await pc.createAnswer())
        except Exception as e:  # aiortc's parser has many ways to dislike what comes from the network
            await self.close(peer)
            raise UsageError(f"the offer cannot be accepted: {' '.join(str(e).split()) or type(e).__name__}") from e
        self._keep(self._watch(peer, pc), self._tasks)
        if camera and transceiver.receiver.track:
            self._keep(camera.follow(peer, transceiver.receiver.track), self._tasks)
        return peer, pc.localDescription.sdp

    async def close(self, peer: str) -> None:
        """End one connection; an unknown name is fine."""
        pc = self.connections.pop(peer, None)
        if pc is not None:
            for sender in pc.getSenders():
                if sender.track:
                    sender.track.stop()
            # a task of its own, which goes on when whoever waits here is cancelled: aiortc's close() must not be
            await asyncio.wait([self._keep(pc.close(), self._closing)], timeout=CLOSE_SECONDS)

    async def close_all(self) -> None:
        """End every connection and whatever runs for it."""
        await asyncio.gather(*(self.close(p) for p in list(self.connections)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_SECONDS)

    async def _watch(self, peer: str, pc: RTCPeerConnection) -> None:
        """Wait for the connection's end, or for its failing to begin, and forget it then."""
        changed = asyncio.Event()
        pc.on("connectionstatechange", changed.set)
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS) as limit:
                while pc.connectionState not in ("failed", "closed"):
                    if pc.connectionState == "connected":
                        limit.reschedule(None)
                    changed.clear()
                    await changed.wait()
        log.debug("peer %s: %s", peer, pc.connectionState)
        await self.close(peer)

    @staticmethod
    def _keep(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        """Start a task and hold it until it is done; the loop alone does not."""
        task = asyncio.get_running_loop().create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        return task


def set_bitrates(codec: str, start: int, low: int, high: int) -> None:
    """Set the range (bit/s) in which aiortc's encoders of one codec follow the network; it holds for the process."""
    module: Any = CODECS[codec]
    module.DEFAULT_BITRATE, module.MIN_BITRATE, module.MAX_BITRATE = start, low, high


def gather_only(transceiver: Any, addresses: list[str]) -> None:
    """Offer ICE candidates of these addresses only; aiortc has no setting for it and leaves loopback out."""
    connection = transceiver.receiver.transport.transport.iceGatherer._connection
    gather = connection.get_component_candidates

    @functools.wraps(gather)
    async def pinned(component: int, addresses_found: object = None, **rest: Any) -> Any:
        rest.pop("addresses", None)
        return await gather(component=component, addresses=addresses, **rest)

    connection.get_component_candidates = pinned


def _without_mdns(sdp: str, addresses: list[str]) -> str:
    """Put addresses where a browser hid its own behind a '.local' name, which only multicast DNS could resolve.

    The connection also stands when they are wrong: the browser's own checks then tell its address (RFC 8445, 7.3.1.3).
    """
    lines = []
    for line in sdp.splitlines():
        part = line.split(" ")
        if line.startswith("a=candidate:") and len(part) > 5 and part[4].endswith(".local"):
            lines += [" ".join([*part[:4], a, *part[5:]]) for a in addresses]
        else:
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"
