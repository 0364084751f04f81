"""A video that plays in a loop behind somebody else's stream, on that stream's clock."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bgflow.errors import MediaError

if TYPE_CHECKING:
    from av import VideoFrame

    from bgflow.media.reader import Reader

Picture: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

SHORTEST = Fraction(1, 10)  # seconds a pass lasts at least, or a clip of one picture would be opened all the time
LEAP = 2  # seconds ahead from which the clip seeks instead of decoding all that lies between


class Clip:
    """A video file that plays for ever, on a time line of its own that begins with the first instant asked for.

    Each instant shows the newest picture at or before it. A clock that was set back starts the clip anew.

    Raises:
        MediaError: the file cannot be opened, or no picture can be decoded; at the start and at every turn.
    """

    _reader: Reader
    _frames: Iterator[tuple[int, VideoFrame]]
    _coming: VideoFrame  # the next picture to show
    _at: Fraction  # and its time in the clip
    _end: Fraction  # when it ends

    def __init__(self, path: Path):
        self._path = path
        self._begin = Fraction(0)  # the instant at which this pass over the file began
        self._asked: Fraction | None = None
        self._images: list[Picture] = [np.empty((0, 0, 3), np.uint8)] * 2  # in turns: a new one is another object
        self._start()
        stream = self._reader.stream
        told = (stream.duration or 0) * self._reader.time_base
        self._length = told or Fraction(self._reader.container.duration or 0, 1_000_000) or SHORTEST

    def picture(self, time: Fraction, h: int, w: int) -> Picture:
        if self._asked is None or time < self._asked:
            if self._asked is not None:
                self._rewind()
            self._begin = time
        elif time - self._begin - self._at > LEAP:
            self._begin += (time - self._begin) // self._length * self._length
            self._seek(time - self._begin)
        self._asked = time
        newest = None
        while self._begin + self._at <= time:
            newest = self._coming
            self._advance()
        if newest is not None:
            self._show(newest)
        return self._images[-1]

    def close(self) -> None:
        self._reader.close()

    def _start(self) -> None:
        """Open the file and have its first picture ready."""
        from bgflow.media.container import open_file
        from bgflow.media.reader import Reader

        self._reader = Reader(open_file(str(self._path)), str(self._path))
        self._frames = self._reader.pictures()
        self._origin: Fraction | None = None
        self._at = Fraction(0)
        if not self._decode():
            raise MediaError(f"{self._path}: holds no picture that can be decoded; give another video")

    def _rewind(self) -> None:
        self._reader.close()
        self._start()

    def _decode(self) -> bool:
        """Have the next picture and its time in the clip ready; False at the end."""
        try:
            pts, frame = next(self._frames)
        except (StopIteration, MediaError):  # a clip that was cut off plays as far as it goes
            return False
        time = pts * self._reader.time_base
        if self._origin is None:
            self._origin = time
        step = time - self._origin - self._at
        self._coming, self._at = frame, time - self._origin
        self._end = self._at + ((frame.duration or 0) * self._reader.time_base or step)
        return True

    def _advance(self) -> None:
        if not self._decode():
            if abs(self._length - self._end) > Fraction(1, 2):  # what the file told is not so; it may be cut off
                self._length = self._end
            self._length = max(self._length, self._at, SHORTEST)
            self._begin += self._length
            self._rewind()

    def _seek(self, time: Fraction) -> None:
        import av

        assert self._origin is not None
        stream = self._reader.stream
        try:
            self._reader.container.seek(int((time + self._origin) / self._reader.time_base), stream=stream)
        except av.FFmpegError:
            return  # it cannot seek: everything between is decoded
        self._frames = self._reader.pictures()
        self._end = self._length  # where it is if nothing comes any more
        self._advance()

    def _show(self, frame: VideoFrame) -> None:
        from bgflow.media.turn import Turn
        from bgflow.media.video import to_rgb

        turn = Turn.of(frame)
        h, w = turn.size(frame.height, frame.width)
        self._images.reverse()
        if self._images[-1].shape != (h, w, 3):
            self._images[-1] = np.empty((h, w, 3), np.uint8)
        if turn == Turn():
            to_rgb(frame, self._images[-1])
        else:
            lying = np.empty((frame.height, frame.width, 3), np.uint8)
            to_rgb(frame, lying)
            turn.apply(lying, self._images[-1])
