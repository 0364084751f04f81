"""Decoded frames to RGB arrays, and arrays to frames for an encoder; both on the host.

4:2:0 in eight bits, which nearly every video is, goes through the kernels of `kernels/yuv.py`, straight from and to
FFmpeg's planes; every other format goes through FFmpeg's own scaler. What a frame does not say of its colours is
guessed as players do: limited range, BT.709 from 720 lines on, else BT.601.
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bgflow.errors import KernelError
from bgflow.frame import Array
from bgflow.kernels import yuv

if TYPE_CHECKING:
    import av

# ITU-T H.273 MatrixCoefficients, which FFmpeg's AVColorSpace repeats; and FFmpeg's AVColorRange
GBR = 0
MATRIX: dict[int, yuv.Matrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
CODE: dict[str, int] = {"bt601": 6, "bt709": 1, "bt2020": 9}
LIMITED, FULL = 1, 2
SWSCALE: dict[str, int] = {"bt601": 5, "bt709": 1, "bt2020": 9}
PLANAR = ("yuv420p", "yuvj420p")
FULL_NAMES = ("yuvj", "gray", "ya8", "ya16", "mono", "pal8")  # formats that are full range unless they say otherwise

_threads = threading.local()


class Colours(NamedTuple):
    """How a frame's YUV is to be read."""

    matrix: yuv.Matrix
    full: bool

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Colours:
        """What the frame says of itself, else the guess; matrices that are out of use count as unsaid."""
        named = frame.format.name.startswith(FULL_NAMES) and frame.color_range != LIMITED
        full = frame.color_range == FULL or named
        return cls(MATRIX.get(frame.colorspace) or yuv.usual(frame.height), full)

    def tag(self, target: av.VideoFrame | av.VideoCodecContext) -> None:
        """Write them on a frame, or on an encoder before it opens."""
        target.colorspace = CODE[self.matrix]
        target.color_range = FULL if self.full else LIMITED


def to_rgb(frame: av.VideoFrame, out: Array) -> None:
    """Convert a decoded frame into `out`, `u8[h,w,3]` of the frame's size; alpha is left behind.

    Raises:
        KernelError: `out` has another size.
    """
    h, w = frame.height, frame.width
    if out.shape != (h, w, 3):
        raise KernelError(f"to_rgb: out is {'x'.join(map(str, out.shape))}, but the frame wants {h}x{w}x3")
    upright = all(p.line_size > 0 for p in frame.planes)  # FFmpeg flips a picture by negative lines
    if upright and frame.format.name in PLANAR:
        yuv.i420_to_rgb(*_i420(frame), out, *Colours.of(frame))
    elif upright and frame.format.name == "nv12":
        yuv.nv12_to_rgb(*_nv12(frame), out, *Colours.of(frame))
    else:
        rgb = _reformatted(frame, "rgb24", *Colours.of(frame))
        np.copyto(out, _plane(rgb, 0, h, 3 * w).reshape(h, w, 3))


def from_rgb(
    image: Array,
    pix_fmt: str,
    pts: int | None,
    time_base: Fraction,
    matrix: yuv.Matrix | None = None,
    full: bool = False,
) -> av.VideoFrame:
    """A new frame for an encoder from RGB `u8[h,w,3]` or straight RGBA `u8[h,w,4]`, tagged with its colours.

    `pix_fmt` is FFmpeg's name of what the encoder wants. Without `matrix` it is the usual one of that height. The
    frame's memory is FFmpeg's; malloc hands the same block out again as soon as the encoder lets go of it (a fresh
    720p frame costs one microsecond), and a frame that somebody still reads is never written.
    """
    import av

    h, w, channels = image.shape
    colours = Colours(matrix or yuv.usual(h), full or pix_fmt.startswith("yuvj"))
    if channels == 3 and pix_fmt in PLANAR:
        frame = av.VideoFrame(w, h, pix_fmt)
        yuv.rgb_to_i420(image, *_i420(frame), *colours)
    elif channels == 3 and pix_fmt == "nv12":
        frame = av.VideoFrame(w, h, pix_fmt)
        yuv.rgb_to_nv12(image, *_nv12(frame), *colours)
    else:
        frame = av.VideoFrame(w, h, "rgb24" if channels == 3 else "rgba")
        np.copyto(_plane(frame, 0, h, channels * w).reshape(image.shape), image)
        if frame.format.name != pix_fmt:
            frame = _reformatted(frame, pix_fmt, *colours)
    frame.pts, frame.time_base = pts, time_base
    if frame.format.is_rgb:
        frame.colorspace, frame.color_range = GBR, FULL
    else:
        colours.tag(frame)
    return frame


def _plane(frame: av.VideoFrame, n: int, h: int, nbytes: int) -> Any:
    """Plane `n` as bytes `[h,nbytes]` with padded rows, in FFmpeg's memory; it keeps the frame alive."""
    plane: Any = frame.planes[n]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:h, :nbytes]


def _i420(frame: av.VideoFrame) -> tuple[Any, Any, Any]:
    h, w = frame.height, frame.width
    ch, cw = (h + 1) // 2, (w + 1) // 2
    return _plane(frame, 0, h, w), _plane(frame, 1, ch, cw), _plane(frame, 2, ch, cw)


def _nv12(frame: av.VideoFrame) -> tuple[Any, Any]:
    h, w = frame.height, frame.width
    ch, cw = (h + 1) // 2, (w + 1) // 2
    return _plane(frame, 0, h, w), _plane(frame, 1, ch, 2 * cw).reshape(ch, cw, 2)


def _reformatted(frame: av.VideoFrame, pix_fmt: str, matrix: yuv.Matrix, full: bool) -> av.VideoFrame:
    """The frame in another format, by FFmpeg, with full chroma and exact rounding.

    `matrix` and `full` are those of whichever side is YUV; RGB is always full.
    """
    from av.video.format import VideoFormat
    from av.video.reformatter import Interpolation, VideoReformatter

    if not hasattr(_threads, "reformatter"):
        _threads.reformatter = VideoReformatter()
    how = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
    yuv_range = FULL if full else LIMITED
    made: av.VideoFrame = _threads.reformatter.reformat(
        frame,
        format=pix_fmt,
        interpolation=int(how | Interpolation.ACCURATE_RND),
        src_colorspace=SWSCALE[matrix],
        dst_colorspace=SWSCALE[matrix],
        src_color_range=FULL if frame.format.is_rgb else yuv_range,
        dst_color_range=FULL if VideoFormat(pix_fmt).is_rgb else yuv_range,
    )
    return made
