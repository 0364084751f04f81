"""Decoded frames to arrays on a stage's device, and arrays to frames for an encoder.

4:2:0 in eight bits, which nearly every video is, goes through the kernels of `kernels/yuv.py`, straight from and to
FFmpeg's planes; an accelerator gets and gives these planes as they are, 1.5 bytes a pixel, in one copy. Every other
format goes through FFmpeg's own scaler on the host and crosses as RGB, so that no chroma is lost on the way. What a
frame does not say of its colours is guessed as players do: limited range, BT.709 from 720 lines on, else BT.601.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from bgflow.devices import Device, device_of
from bgflow.errors import KernelError
from bgflow.frame import Array
from bgflow.kernels import yuv

if TYPE_CHECKING:
    import av

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""

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
    def usual(cls, height: int) -> Colours:
        """What a wire of the type `nv12` carries."""
        return cls(yuv.usual(height), False)

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


class Pixels(NamedTuple):
    """A frame's pixels: [y, u, v] of i420, [y, uv] of nv12, or [picture] of rgb."""

    layout: Literal["i420", "nv12", "rgb"]
    planes: list[Array]
    colours: Colours

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Pixels:
        """The frame's pixels in FFmpeg's memory; what is not 4:2:0 in eight bits has been converted to RGB."""
        colours = Colours.of(frame)
        upright = all(p.line_size > 0 for p in frame.planes)  # FFmpeg flips a picture by negative lines
        if upright and frame.format.name in PLANAR:
            return cls("i420", _i420(frame), colours)
        if upright and frame.format.name == "nv12":
            return cls("nv12", _nv12(frame), colours)
        h, w = frame.height, frame.width
        rgb = _reformatted(frame, "rgb24", *colours)
        return cls("rgb", [_plane(rgb, 0, h, 3 * w).reshape(h, w, 3)], colours)

    def on(self, device: Device, packed: Array) -> Pixels:
        """The same on `device`, copied at once into `packed`: u8, C-contiguous, as large as all planes together."""
        device.upload(self.planes, packed)
        return self._replace(planes=split(packed.reshape(-1), [p.shape for p in self.planes]))

    @property
    def size(self) -> int:
        """Bytes of all planes without padding."""
        return sum(p.size for p in self.planes)

    def to_rgb(self, out: Array) -> None:
        """Write them as `u8[h,w,3]`, on the device where they are."""
        if self.layout == "i420":
            y, u, v = self.planes
            yuv.i420_to_rgb(y, u, v, out, *self.colours)
        elif self.layout == "nv12":
            y, uv = self.planes
            yuv.nv12_to_rgb(y, uv, out, *self.colours)
        else:
            out[...] = self.planes[0]

    def to_nv12(self, out: Array) -> None:
        """Write 4:2:0 as an array of the type `nv12[h,w]`; the values stay."""
        h, w = self.planes[0].shape
        y, uv = yuv.nv12_planes(out, h, w)
        if self.layout == "i420":
            luma, u, v = self.planes
            yuv.i420_to_nv12(luma, u, v, y, uv)
        else:
            y[...], uv[...] = self.planes
        yuv.even_out(out, w)


def to_rgb(frame: av.VideoFrame, out: Array) -> None:
    """Convert a decoded frame into `out`, `u8[h,w,3]` of the frame's size on the host; alpha is left behind.

    Raises:
        KernelError: `out` has another size.
    """
    h, w = frame.height, frame.width
    if out.shape != (h, w, 3):
        raise KernelError(f"to_rgb: out is {'x'.join(map(str, out.shape))}, but the frame wants {h}x{w}x3")
    Pixels.of(frame).to_rgb(out)


def from_rgb(
    image: Array,
    pix_fmt: str,
    pts: int | None,
    time_base: Fraction,
    matrix: yuv.Matrix | None = None,
    full: bool = False,
    scratch: Scratch = lambda name, shape, dtype: np.empty(shape, dtype),
) -> av.VideoFrame:
    """A new frame for an encoder from RGB `u8[h,w,3]` or straight RGBA `u8[h,w,4]`, tagged with its colours.

    `pix_fmt` is FFmpeg's name of what the encoder wants. Without `matrix` it is the usual one of that height. The
    frame's memory is FFmpeg's; malloc hands the same block out again as soon as the encoder lets go of it (a fresh
    720p frame costs one microsecond), and a frame that somebody still reads is never written. A picture on an
    accelerator is converted there, in memory that `scratch` gives, and comes down in one copy.
    """
    import av

    h, w, channels = image.shape
    colours = Colours(matrix or yuv.usual(h), full or pix_fmt.startswith("yuvj"))
    if channels == 3 and pix_fmt in PLANAR:
        frame = av.VideoFrame(w, h, pix_fmt)
        written(device_of(image), _i420(frame), scratch, lambda y, u, v: yuv.rgb_to_i420(image, y, u, v, *colours))
    elif channels == 3 and pix_fmt == "nv12":
        frame = av.VideoFrame(w, h, pix_fmt)
        written(device_of(image), _nv12(frame), scratch, lambda y, uv: yuv.rgb_to_nv12(image, y, uv, *colours))
    else:
        frame = av.VideoFrame(w, h, "rgb24" if channels == 3 else "rgba")
        device_of(image).download(image, _plane(frame, 0, h, channels * w).reshape(image.shape))
        if frame.format.name != pix_fmt:
            frame = _reformatted(frame, pix_fmt, *colours)
    return _tagged(frame, colours, pts, time_base)


def from_nv12(nv12: Array, pix_fmt: str, pts: int | None, time_base: Fraction, scratch: Scratch) -> av.VideoFrame:
    """The same from an array of the type `nv12[h,w]`, whose width is even; its values stay where `pix_fmt` allows."""
    import av

    h, w = nv12.shape[0] * 2 // 3, nv12.shape[1]
    colours, where = Colours.usual(h), device_of(nv12)
    y, uv = yuv.nv12_planes(nv12, h, w)
    if pix_fmt == "nv12":
        frame = av.VideoFrame(w, h, pix_fmt)
        where.download(nv12, _nv12(frame))
    elif pix_fmt == "yuv420p":
        frame = av.VideoFrame(w, h, pix_fmt)
        written(where, _i420(frame), scratch, lambda *planes: yuv.nv12_to_i420(y, uv, *planes))
    else:
        image = scratch("rgb", (h, w, 3), np.uint8)
        yuv.nv12_to_rgb(y, uv, image, *colours)
        return from_rgb(image, pix_fmt, pts, time_base, scratch=scratch)
    return _tagged(frame, colours, pts, time_base)


def written(where: Device, planes: Sequence[Array], scratch: Scratch, write: Callable[..., None]) -> None:
    """Let kernels `write` planes of the host: in place on a CPU, else into packed memory and down in one copy."""
    if where.name == "cpu":
        write(*planes)
        return
    packed = scratch("packed", (sum(p.size for p in planes),), np.uint8)
    write(*split(packed, [p.shape for p in planes]))
    where.download(packed, planes)


def split(packed: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Views of one packed array that lie one after the other."""
    out, at = [], 0
    for shape in shapes:
        size = math.prod(shape)
        out.append(packed[at : at + size].reshape(shape))
        at += size
    return out


def _tagged(frame: av.VideoFrame, colours: Colours, pts: int | None, time_base: Fraction) -> av.VideoFrame:
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


def _i420(frame: av.VideoFrame) -> list[Array]:
    h, w = frame.height, frame.width
    ch, cw = (h + 1) // 2, (w + 1) // 2
    return [_plane(frame, 0, h, w), _plane(frame, 1, ch, cw), _plane(frame, 2, ch, cw)]


def _nv12(frame: av.VideoFrame) -> list[Array]:
    h, w = frame.height, frame.width
    ch, cw = (h + 1) // 2, (w + 1) // 2
    return [_plane(frame, 0, h, w), _plane(frame, 1, ch, 2 * cw).reshape(ch, cw, 2)]


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
