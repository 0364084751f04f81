"""Video files, in and out: every time stamp kept, sound copied, and a result that is playable whatever happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.devices import to_host
from bgflow.errors import MediaError
from bgflow.frame import Array
from bgflow.kernels import over, yuv
from bgflow.media import nvdec
from bgflow.media.audio import AudioTrack
from bgflow.media.container import READING, MediaUsageError, cut_off, existing_file, open_file, writable_file
from bgflow.media.encoders import CONTAINERS, PRESETS
from bgflow.media.reader import Intake, Reader
from bgflow.media.turn import Turn
from bgflow.media.writer import Coding, Writer, encoding, exact
from bgflow.stage import Context

if TYPE_CHECKING:
    from av import VideoFrame


class Source(Stage, use="file.source"):
    """Read a video file: anything FFmpeg opens, upright, with its own time stamps."""

    image = Out("u8[h,w,3] rgb")
    nv12 = Out("nv12[h,w]", description="the same as it was coded, for what takes that; made only when it is wired")
    audio = Out("audio", description="the file's first sound, compressed as it is; the same track with every picture")

    path: str = Param(description="the file to read")
    loop: int = Param(0, ge=-1, description="how often to play it again: 0 once, -1 for ever")
    rotate: bool = Param(True, description="turn and mirror as the file says, so that pictures are upright")
    threads: int = Param(0, ge=0, le=64, description="decoder threads; 0 is one per core")
    decode: nvdec.Decode = Param("auto", description=nvdec.DECODE)

    def sizes(self, probe: bool) -> Mapping[str, int]:
        """Height and width after turning, from the first picture, and the number of frames where the file tells."""
        if not probe:
            return {}
        reader = Reader(open_file(self.path), self.path)
        try:
            for _, frame in reader.pictures():
                h, w = (Turn.of(frame) if self.rotate else Turn()).size(frame.height, frame.width)
                known = reader.stream.frames if not self.loop else 0
                return {"h": h, "w": w, **({"frames": known} if known else {})}
        finally:
            reader.close()
        return {}

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.file = existing_file(self.path)
        ctx.shared(READING, set[Path]).add(self.file.resolve())
        self.reader, self.intake = self._reader(), Intake(ctx, self.rotate)
        self.time_base = self.reader.time_base

    def frames(self) -> Iterator[tuple[int, Any]]:
        offset, passes = 0, 0
        while True:
            first, end, step = None, 0, 1
            for pts, frame in self.reader.pictures():
                if self.ctx.stopping:
                    return
                first = pts if first is None else first
                step, end = frame.duration or max(pts - end, 1), pts
                yield pts + offset, self._value(frame)
            self._check_whole()
            if first is None or passes == self.loop or self.ctx.stopping:
                return
            passes += 1
            offset += end + step - first
            self.reader.close()
            self.reader = self._reader(sound=False)

    def _value(self, frame: VideoFrame) -> dict[str, Any]:
        value = self.intake.take(frame)
        return {**value, "audio": self.reader.track} if self.reader.track else value

    def copies(self) -> tuple[int, int]:
        return 0 if self.decode == "cuda" else 1, 0

    def close(self) -> None:
        self.reader.close()

    def _reader(self, sound: bool = True) -> Reader:
        wanted = sound and self.ctx.wired("audio")
        container = nvdec.opened(lambda hw: open_file(self.path, hw), self.decode, self.ctx.device, self.path)
        on_gpu = self.decode == "cuda"
        return Reader(container, self.path, self.ctx, threads=self.threads, sound=wanted, on_gpu=on_gpu)

    def _check_whole(self) -> None:
        """Raise MediaError if the file gave nothing or less than it promised."""
        reader = self.reader
        if not reader.delivered:
            raise MediaError(
                f"{self.path}: none of its {reader.packets} packets gave a picture with a time stamp; "
                "put the stream into an .mp4 or .mkv file first"
            )
        if why := cut_off(reader.container, reader.stream, self.file, float(reader.end)):
            raise MediaError(f"{self.path}: ends after {float(reader.end):.1f} s: {why}; copy the file again")


class Sink(Stage, use="file.sink"):
    """Write a video file with exact time stamps, copied sound and, in WebM and MOV, transparency.

    MP4 and MOV are fragmented while they grow, so a killed run leaves all but the last second or two. An odd width
    or height is padded to even for codecs that need it (repeating the last line): 4:4:4 would keep the size but no
    browser plays it. When pictures change size midway they are fitted into the first size, with black bars: a
    file has one size, and stopping would lose the rest.
    """

    image = In("u8[h,w,3] rgb | u8[h,w,4] straight | f32[h,w] alpha | nv12[h,w]")
    audio = In("audio", hold=True, optional=True, description="sound to copy without decoding it")

    path: str = Param(description=f"the file to write; its extension decides the format: {', '.join(CONTAINERS)}")
    codec: Literal["auto", "h264", "h265", "vp9", "av1", "prores", "ffv1"] = Param(
        "auto", description="auto is h264, in .webm vp9; with transparency vp9, in .mov prores"
    )
    crf: int = Param(-1, ge=-1, le=63, description="quality, lower is better; -1 is a good one for the codec")
    bitrate: int = Param(0, ge=0, unit="bit/s", description="0 keeps the quality constant instead")
    preset: Literal["ultrafast", "veryfast", "fast", "medium", "slow"] = Param(
        "veryfast", description=f"slower makes smaller files, from {PRESETS[0]} to {PRESETS[-1]}"
    )
    gop: int = Param(0, ge=0, le=600, unit="frames", description="most frames from key to key; 0 is the codec's own")
    pix_fmt: str = Param("auto", description="FFmpeg's name of a pixel format, such as yuv444p for exact odd sizes")
    overwrite: bool = Param(True, description="whether an existing file may go")

    def problems(self) -> Iterable[tuple[str, str]]:
        if Path(self.path).suffix.lower() not in CONTAINERS:
            yield "path", _no_container(self.path)

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        if Path(self.path).suffix.lower() not in CONTAINERS:
            raise MediaUsageError(_no_container(self.path))
        self.file = writable_file(self.path, self.overwrite)
        self.writer: Writer | None = None
        self.rounded = self.resized = False

    def copies(self) -> tuple[int, int]:
        return 0, 1

    def process(self, image: Array, audio: AudioTrack | None) -> None:
        pts, time_base = exact(self.ctx.frame.pts, self.ctx.frame.time_base)
        try:
            if self.writer is None:
                self.writer = self._begin(image, audio)
            if self.file.suffix.lower() in (".mkv", ".webm"):
                self._check_milliseconds(pts * time_base)
            self.writer.write(self._frame(image, pts, time_base))
        except MediaError:
            self._abandon()
            raise

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()

    def _abandon(self) -> None:
        if self.writer is not None:
            self.writer.abandon()
            self.writer = None

    def _begin(self, image: Array, audio: AudioTrack | None) -> Writer:
        from av import Codec, VideoFormat

        if self.file.resolve() in self.ctx.shared(READING, set[Path]):
            raise MediaUsageError(f"{self.path}: is being read by this run; write to another file")
        self.alpha = image.ndim == 3 and image.shape[2] == 4
        try:
            container, encoder = encoding(self.file.suffix, self.codec, self.alpha)
        except MediaError as error:
            raise MediaError(f"{self.path}: {error}") from None
        can = [f.name for f in Codec(encoder.name, "w").video_formats or ()]
        self.pixels = (encoder.alpha if self.alpha else encoder.pix_fmt) if self.pix_fmt == "auto" else self.pix_fmt
        if self.pix_fmt == "auto" and _is_nv12(image) and "nv12" in can:
            self.pixels = "nv12"  # the encoder's own; in the file there is no difference
        if self.pixels not in can:
            raise MediaError(
                f"{self.path}: {encoder.name} has no pixel format {self.pixels!r}; it has {', '.join(can)}"
            )
        h, w = self.size = _size(image)
        if min(h, w) < encoder.least:
            raise MediaError(
                f"{self.path}: {encoder.name} wants at least {encoder.least}x{encoder.least} pixels, but pictures are "
                f"{w}x{h}; use codec: h264 or vp9"
            )
        chroma = VideoFormat(self.pixels, 2, 2)
        self.padded = (
            h + (h % 2 if encoder.even and chroma.chroma_height(2) == 1 else 0),
            w + (w % 2 if encoder.even and chroma.chroma_width(2) == 1 else 0),
        )
        if self.padded != self.size:
            self.ctx.warn(
                f"{self.path}: {w}x{h} is odd, so it is padded to {self.padded[1]}x{self.padded[0]} by repeating the "
                "last line; set pix_fmt: yuv444p to keep the size"
            )
        coding = Coding(encoder, self.pixels, self.crf, self.bitrate, self.preset, self.gop, self.alpha)
        return Writer(self.file, container, coding, audio)

    def _check_milliseconds(self, time: Fraction) -> None:
        if not self.rounded and (time * 1000).denominator != 1:
            self.rounded = True
            self.ctx.warn(
                f"{self.path}: Matroska counts milliseconds, so times are rounded by up to 0.5 ms; "
                "write .mp4 or .mov to keep them exact"
            )

    def _frame(self, image: Array, pts: int, time_base: Fraction) -> VideoFrame:
        """The picture as the encoder takes it, in the file's size."""
        from bgflow.media.video import from_nv12, from_rgb

        scratch = self.ctx.scratch
        if image.dtype == np.float32:
            grey = scratch("grey", (*image.shape, 3), np.uint8)
            over.grey(image, grey)
            image = grey
        elif _is_nv12(image):
            if _size(image) == self.size == self.padded:
                return from_nv12(image, self.pixels, pts, time_base, scratch)
            h, w = _size(image)
            rgb = scratch("rgb", (h, w, 3), np.uint8)
            yuv.nv12_to_rgb(*yuv.nv12_planes(image, h, w), rgb, yuv.usual(h))
            image = rgb
        if image.shape[:2] != self.size:
            image = self._letterboxed(to_host(image))
        if self.padded != self.size:
            image = self._padded(image)
        return from_rgb(image, self.pixels, pts, time_base, scratch=scratch)

    def _padded(self, image: Array) -> Array:
        """The picture with its last line repeated, where the codec wants an even size."""
        (h, w), shape = self.size, (*self.padded, image.shape[2])
        here = self.ctx.device.owns(image)  # what was letterboxed is on the host
        whole = self.ctx.scratch("padded", shape, np.uint8) if here else np.empty(shape, np.uint8)
        whole[:h, :w] = image
        if self.padded[0] > h:
            whole[h:, :w] = image[h - 1 :]
        if self.padded[1] > w:
            whole[:, w:] = whole[:, w - 1 : w]
        return whole

    def _letterboxed(self, image: Array) -> Array:
        """A picture of another size, on the host, scaled into the first size with its shape kept."""
        from av import VideoFrame

        (h, w), (ih, iw) = self.size, image.shape[:2]
        if not self.resized:
            self.resized = True
            self.ctx.warn(f"{self.path}: pictures changed from {w}x{h} to {iw}x{ih}; they are fitted into {w}x{h}")
        scale = min(h / ih, w / iw)
        nh, nw = max(round(ih * scale), 1), max(round(iw * scale), 1)
        frame = VideoFrame.from_ndarray(image, format="rgba" if self.alpha else "rgb24")
        small = frame.reformat(width=nw, height=nh, interpolation="AREA").to_ndarray()
        whole = np.zeros((h, w, image.shape[2]), np.uint8)
        y, x = (h - nh) // 2, (w - nw) // 2
        whole[y : y + nh, x : x + nw] = small
        return whole


def _is_nv12(image: Array) -> bool:
    return bool(image.ndim == 2 and image.dtype == np.uint8)


def _size(image: Array) -> tuple[int, int]:
    """Height and width of a picture, a matte, or an array of the type nv12."""
    h, w = image.shape[:2]
    return (h * 2 // 3, w) if _is_nv12(image) else (h, w)


def _no_container(path: str) -> str:
    return f"{path}: {Path(path).suffix or 'no extension'!r} is no video format here; there are {', '.join(CONTAINERS)}"
