"""aiortc's encoders with the options of a live picture on a processor that has other work to do.

Beside aiortc's own, at 720p and equal bitrate: VP8 takes two thirds of the time, since it does not look for noise in a
picture whose background has none; H.264 a tenth, since x264 does not search as for a film. Neither is worse to look at
by PSNR. Packets, key pictures and the bitrate that the network allows stay aiortc's part.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from aiortc import rtcrtpsender
from aiortc.codecs import get_encoder, h264, vpx
from aiortc.codecs.base import Encoder
from av import VideoFrame
from av.frame import Frame

CLOCK = 90_000  # ticks a second of every RTP video clock (RFC 3551)
RATE = 30  # pictures a second for which the rate control reckons
KEY_EVERY = 3000  # pictures; a viewer that needs a key picture asks for it
CHANGE = 0.1  # of the bitrate, below which aiortc keeps an encoder
VP8 = {
    "deadline": "realtime",
    "cpu-used": "-12",
    "noise-sensitivity": "0",
    "lag-in-frames": "0",
    "static-thresh": "1",
    "undershoot-pct": "100",
    "overshoot-pct": "15",
}
H264 = {"preset": "ultrafast", "tune": "zerolatency", "level": "31"}


class Vp8Encoder(vpx.Vp8Encoder):
    """VP8 by libvpx."""

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        assert isinstance(frame, VideoFrame)
        if not suits(self.codec, frame, self.target_bitrate):
            codec = opened("libvpx", frame, self.target_bitrate)
            codec.time_base = Fraction(1, CLOCK)  # without one PyAV rounds a picture's time stamp to microseconds
            codec.qmin, codec.qmax = 2, 56
            rate = str(self.target_bitrate)  # as much at least as at most is a constant rate; a second is buffered
            codec.options = {**VP8, "minrate": rate, "maxrate": rate, "bufsize": rate}
            codec.thread_count = vpx.number_of_threads(frame.width * frame.height, 2)
            self.codec = codec
        return super().encode(frame, force_keyframe)


class H264Encoder(h264.H264Encoder):
    """H.264, constrained baseline, by libx264."""

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        assert isinstance(frame, VideoFrame)
        if not suits(self.codec, frame, self.target_bitrate):
            codec = opened("libx264", frame, self.target_bitrate)
            codec.framerate, codec.time_base = Fraction(RATE), Fraction(1, RATE)
            codec.options, codec.profile = H264, "Baseline"
            codec.thread_count = 1
            self.codec = codec
        return super().encode(frame, force_keyframe)


def suits(codec: Any, frame: VideoFrame, bitrate: int) -> bool:
    """Whether aiortc goes on with an encoder for this frame; where not, it would open one with its own options."""
    if codec is None or (codec.width, codec.height) != (frame.width, frame.height):
        return False
    return bool(abs(bitrate - codec.bit_rate) / codec.bit_rate <= CHANGE)


def opened(name: str, frame: VideoFrame, bitrate: int) -> Any:
    """An encoder of FFmpeg's for frames like this one."""
    codec: Any = av.CodecContext.create(name, "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuv420p"
    codec.bit_rate, codec.gop_size = bitrate, KEY_EVERY
    return codec


def chosen(codec: Any) -> Encoder:
    """The encoder of a connection; aiortc's own where it is neither of these."""
    ours = {"video/vp8": Vp8Encoder, "video/h264": H264Encoder}.get(codec.mimeType.lower())
    return ours() if ours else get_encoder(codec)


def use() -> None:
    """Let all connections of this process encode with these; one of another aiortc is left as it is."""
    module: Any = rtcrtpsender
    if getattr(module, "get_encoder", None) is get_encoder:
        module.get_encoder = chosen
