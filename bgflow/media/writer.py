"""Write a video file: encode pictures, copy sound, keep every time stamp, and stay playable whatever happens."""

from __future__ import annotations

import collections
import contextlib
import errno
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bgflow.errors import MediaError
from bgflow.media.audio import AudioTrack
from bgflow.media.container import reason
from bgflow.media.encoders import CONTAINERS, ENCODERS, Container, Encoder

if TYPE_CHECKING:
    from av import Packet, VideoFrame

MAX_TICKS = 2**31 - 1  # per second, in an MP4 header


@dataclass(frozen=True)
class Coding:
    """How to encode: see the parameters of `file.sink`."""

    encoder: Encoder
    pix_fmt: str
    crf: int = -1
    bitrate: int = 0
    preset: str = "veryfast"
    gop: int = 0
    alpha: bool = False


class Writer:
    """A video file in the making; used by one thread. `close` finishes it, also after a failure.

    The file appears with the second picture, because the distance of the first two tells the encoder the frame
    rate; time stamps stay as they are. Sound is written up to the newest picture; what lies beyond the last one is
    kept when the source came to its end, and left out when the run was stopped before.
    """

    def __init__(self, path: Path, container: Container, coding: Coding, audio: AudioTrack | None):
        self.path, self.container, self.coding, self.audio = path, container, coding, audio
        self.frames = 0
        self._first: VideoFrame | None = None
        self._out: Any = None
        self._video: Any = None
        self._sound: Any = None
        self._waiting: collections.deque[Packet[Any]] = collections.deque()
        self._newest = self._step = Fraction(0)  # the last picture's instant, and its distance from the one before
        if audio is not None and audio.codec not in _codecs(container.format):
            can = [ext for ext, c in CONTAINERS.items() if audio.codec in _codecs(c.format)]
            raise MediaError(
                f"{path}: {container.format} cannot hold {audio.codec} sound; "
                + (f"write {' or '.join(can)}, or leave 'audio' unwired" if can else "leave 'audio' unwired")
            )

    def write(self, frame: VideoFrame) -> None:
        """Encode one picture; its `time_base` must be 1/ticks (see `ticks`) and the same for every picture.

        Raises:
            MediaError: the disk is full, or the encoder or container refuses.
        """
        with self._told():
            if self._first is None:
                self._first = frame
                return
            if self._out is None:
                self._begin(1 / (_instant(frame) - _instant(self._first)))
            self._encode(frame)

    def _begin(self, rate: Fraction) -> None:
        import av

        assert self._first is not None
        first, coding = self._first, self.coding
        assert first.time_base is not None
        self._newest = _instant(first) - 1 / rate
        os.environ.setdefault("SVT_LOG", "1")  # errors only: the AV1 encoder prints a page otherwise
        container_options = self.container.options(first.time_base.denominator)
        self._out = av.open(str(self.path), "w", self.container.format, container_options=container_options)
        self._video = self._out.add_stream(
            coding.encoder.name,
            rate=min(max(rate.limit_denominator(1001), Fraction(1)), Fraction(1000)),
            options=coding.encoder.options(coding.crf, coding.bitrate, coding.preset, coding.alpha),
            width=first.width,
            height=first.height,
            pix_fmt=coding.pix_fmt,
            time_base=first.time_base,
        )
        codec = self._video.codec_context
        codec.thread_count = 0
        codec.color_range, codec.colorspace = first.color_range, first.colorspace
        codec.color_primaries, codec.color_trc = first.color_primaries, first.color_trc
        if coding.gop:
            codec.gop_size = coding.gop
        if coding.alpha and coding.encoder.name == "libvpx-vp9":
            self._video.metadata["alpha_mode"] = "1"  # Matroska's sign that a second picture holds the alpha
        if self.audio is not None:
            self._sound = self._out.add_stream_from_template(self.audio.template)
        self._encode(first)

    def _encode(self, frame: VideoFrame | None) -> None:
        for packet in self._video.encode(frame):
            self._out.mux(packet)
        if frame is not None:
            self.frames += 1
            self._step, self._newest = _instant(frame) - self._newest, _instant(frame)
            self._hear(self._newest)
        elif self.audio is not None:
            self._hear(None if self.audio.ended else self._newest + self._step)

    def _hear(self, end: Fraction | None) -> None:
        """Write the sound before `end`, or all there is."""
        if self.audio is None:
            return
        self._waiting += self.audio.take()
        while self._waiting and (end is None or _instant(self._waiting[0]) < end):
            packet = self._waiting.popleft()
            packet.stream = self._sound
            self._out.mux(packet)

    def close(self) -> None:
        """Encode what waits, write the index and close the file.

        Raises:
            MediaError: the disk is full; what was written before stays playable.
        """
        with self._told():
            try:
                if self._out is None and self._first is not None:
                    self._begin(Fraction(30))
                if self._video is not None:
                    self._encode(None)
            finally:
                if self._out is not None:
                    self._out.close()

    def abandon(self) -> None:
        """Close after a failure of `write`: no packet may follow one that FFmpeg could not write."""
        import av

        if self._out is not None:
            with contextlib.suppress(av.FFmpegError, OSError):
                self._out.close()
            if self.path.is_file() and not self.path.stat().st_size:
                self.path.unlink()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as error:
            why = "no space left on the disk" if error.errno == errno.ENOSPC else reason(error)
            size = self.path.stat().st_size if self.path.is_file() else 0
            kept = "; what was written stays playable" if size and self.frames else ""
            raise MediaError(
                f"{self.path}: cannot be written after {self.frames} frame{'s' * (self.frames != 1)} and {size:,} "
                f"bytes: {why}{kept}"
            ) from error
        except ValueError as error:  # PyAV's own: the container does not take the codec
            raise MediaError(f"{self.path}: {reason(error)}; leave codec at auto or change the extension") from error


def _instant(at: VideoFrame | Packet[Any]) -> Fraction:
    assert at.pts is not None
    assert at.time_base is not None
    return at.pts * at.time_base


def _codecs(format: str) -> set[str]:
    """The codecs a container holds, by every name FFmpeg has for them."""
    import av

    with av.open(io.BytesIO(), "w", format=format) as container:
        names: set[str] = container.supported_codecs
    return names


def exact(pts: int, time_base: Fraction) -> tuple[int, Fraction]:
    """The same instant in a time base of the form 1/n that a file header can hold; only finer ones are rounded."""
    if time_base.denominator <= MAX_TICKS:
        return pts * time_base.numerator, Fraction(1, time_base.denominator)
    return round(pts * time_base * 1_000_000_000), Fraction(1, 1_000_000_000)


def encoding(extension: str, codec: str, alpha: bool) -> tuple[Container, Encoder]:
    """The container and encoder for a file extension; `codec` may be 'auto'.

    Raises:
        MediaError: `alpha` is wanted and the format or codec does not keep it.
        KeyError: there is no such extension.
    """
    container = CONTAINERS[extension.lower()]
    chosen = (container.alpha if alpha else container.codec) if codec == "auto" else codec
    encoder = ENCODERS.get(chosen)
    if encoder is None or (alpha and not encoder.alpha):
        raise MediaError(
            f"{container.format if codec == 'auto' else codec} cannot hold transparency; "
            "write .webm (VP9) or .mov (ProRes 4444), or put a background behind the subject"
        )
    return container, encoder
