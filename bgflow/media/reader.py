"""Decode the pictures of an opened file, camera or stream, and set its compressed sound aside."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from bgflow.errors import MediaError
from bgflow.frame import Array, Pool
from bgflow.kernels import yuv
from bgflow.media.audio import AudioTrack
from bgflow.media.container import picture_stream, reason
from bgflow.media.turn import Turn
from bgflow.stage import Context

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer

    from bgflow.media.video import Pixels


class Reader:
    """The pictures of one container, in order; used by one thread, closed by whoever made it.

    `live` decodes with slice threads only: frame threads hold several pictures back. Pictures without a time stamp,
    or not later than the one before, and packets that cannot be decoded are counted on `ctx` and left out.
    `track` collects the sound when there is any and `sound` asks for it; the track of an earlier connection goes on.
    `on_gpu` refuses pictures that the GPU has not decoded.
    """

    def __init__(
        self,
        container: InputContainer,
        name: str,
        ctx: Context | None = None,
        *,
        threads: int = 0,
        live: bool = False,
        sound: bool = False,
        track: AudioTrack | None = None,
        on_gpu: bool = False,
    ):
        self.container, self.name, self._ctx, self._on_gpu = container, name, ctx, on_gpu
        self.stream = picture_stream(container, name)
        self.stream.thread_type = "SLICE" if live else "AUTO"
        self.stream.codec_context.thread_count = threads
        self.time_base: Fraction = self.stream.time_base or Fraction(1, 1_000_000)
        self.packets = self.delivered = 0
        self.end = Fraction(0)
        self._told: set[str] = set()
        audio = next((s for s in container.streams.audio if s.codec_context), None) if sound else None
        if audio is not None and track is not None and not track.fits(audio):
            audio = None
        self.track = track or (AudioTrack(audio) if audio else None)
        if self.track is not None:
            self.track.ended = False
        self._streams = [self.stream, audio] if audio else [self.stream]

    def pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        """(pts, frame) to the end of the container, pts strictly rising.

        Raises:
            MediaError: reading failed; what came before has been delivered.
        """
        last: int | None = None
        for frame in self._decoded():
            if self._on_gpu and frame.format.name != "cuda":
                kind = f"{self.stream.codec_context.name} in {frame.format.name}"
                raise MediaError(f"{self.name}: NVDEC does not decode {kind}; set decode: auto")
            if frame.pts is None:
                self._lose("no pts", f"{self.name}: has pictures without a time stamp; they are left out")
            elif last is not None and frame.pts <= last:
                self._lose("time goes back", f"{self.name}: has pictures that go back in time; they are left out")
            else:
                last = frame.pts
                self.delivered += 1
                self.end = last * self.time_base
                yield last, frame

    def _decoded(self) -> Iterator[VideoFrame]:
        """Every picture the decoder gives; those it still held when reading failed come before the error."""
        import av

        try:
            for packet in self.container.demux(self._streams):
                if packet.stream is self.stream:  # the last, empty packets have no stream_index
                    self.packets += bool(packet.size)
                    yield from self._decode(packet)
                else:
                    self._set_aside(packet)
            if self.track is not None:
                self.track.ended = True
        except av.error.ExitError:
            yield from self._decode(None)
            raise MediaError(f"{self.name}: sent nothing for too long, after {float(self.end):.1f} s") from None
        except av.FFmpegError as error:
            yield from self._decode(None)
            raise MediaError(f"{self.name}: cannot be read after {float(self.end):.1f} s: {reason(error)}") from None

    def _decode(self, packet: Packet[Any] | None) -> list[VideoFrame]:
        """The pictures that a packet completes; None asks for those that wait."""
        import av

        try:
            return self.stream.decode(packet)
        except av.FFmpegError as error:
            self._lose("damaged packet", f"{self.name}: has damaged packets: {reason(error)}; they are left out")
            return []

    def _set_aside(self, packet: Packet[Any]) -> None:
        assert self.track is not None
        before = self.track.dropped
        self.track.put(packet)
        if self.track.dropped > before and self._ctx is not None:
            self._ctx.drop("audio packet", self.track.dropped - before)
            if "audio" not in self._told:
                self._told.add("audio")
                self._ctx.warn(f"{self.name}: nobody takes its sound; the oldest is thrown away")

    def _lose(self, why: str, text: str) -> None:
        if self._ctx is None:
            return
        self._ctx.drop(why)
        if why not in self._told:
            self._told.add(why)
            self._ctx.warn(text)

    def close(self) -> None:
        """Close the container; pictures and packets already handed out stay valid."""
        self.container.close()


class Intake:
    """Makes a source's outputs `image` (RGB) and `nv12`, as far as they are wired, of decoded frames.

    On an accelerator a frame's planes go up in one copy and everything else happens there; a frame that was decoded
    there is only read. Pictures stand upright when `rotate`. Used by the source's thread.
    """

    def __init__(self, ctx: Context, rotate: bool = True):
        self._ctx, self._rotate = ctx, rotate
        self._planes: Pool | None = None

    def take(self, frame: VideoFrame) -> dict[str, Array]:
        """The outputs of one frame."""
        from bgflow.media import nvdec
        from bgflow.media.video import Pixels

        turn = Turn.of(frame) if self._rotate else Turn()
        if frame.format.name != "cuda":
            return self._made(Pixels.of(frame), turn)
        if not nvdec.readable(frame):
            return self._made(Pixels.of(nvdec.fetched(frame)), turn)
        with nvdec.lent(frame, self._ctx.device) as pixels:
            return self._made(pixels, turn)

    def _made(self, pixels: Pixels, turn: Turn) -> dict[str, Array]:
        """The outputs from pixels that are on the host or already on the stage's device."""
        from bgflow.media.video import Colours

        ctx = self._ctx
        size: tuple[int, int] = pixels.planes[0].shape[:2]
        h, w = turn.size(*size)
        made = {name: ctx.empty(name, h=h, w=w) for name in ("image", "nv12") if ctx.wired(name)}
        if made and not ctx.device.owns(pixels.planes[0]):
            pixels = pixels.on(ctx.device, self._room(pixels.size))
        nv12, rgb = made.get("nv12"), made.get("image")
        if nv12 is not None and pixels.layout != "rgb" and turn == Turn() and pixels.colours == Colours.usual(h):
            pixels.to_nv12(nv12)
            nv12 = None
        if rgb is None and nv12 is not None:  # what is turned or has other colours gets there by way of RGB
            rgb = ctx.scratch("rgb", (h, w, 3), np.uint8)
        if rgb is not None:
            lying = rgb if turn == Turn() else ctx.scratch("lying", (*size, 3), np.uint8)
            pixels.to_rgb(lying)
            if lying is not rgb:
                turn.apply(lying, rgb)
        if nv12 is not None:
            yuv.rgb_to_nv12(rgb, *yuv.nv12_planes(nv12, h, w), *Colours.usual(h))
            yuv.even_out(nv12, w)
        return made

    def _room(self, nbytes: int) -> Array:
        """Memory for one frame's planes; of a pool, so that the next frame's may go up while this one's are in use."""
        if self._planes is None or self._planes.nbytes != nbytes:
            self._planes = Pool(self._ctx.device, (nbytes,), np.uint8, name=f"{self._ctx.name}.planes", planned=2)
        return self._planes.take()
