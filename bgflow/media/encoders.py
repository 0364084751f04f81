"""What each video codec and each container needs to be written well: the tables behind `file.sink`."""

from __future__ import annotations

import os
from dataclasses import dataclass

PRESETS = ("ultrafast", "veryfast", "fast", "medium", "slow")
SECOND = 1_000_000  # microseconds: what a killed run may lose, beside the encoder's own delay


@dataclass(frozen=True)
class Encoder:
    """One of FFmpeg's encoders: its pixel formats and how quality and speed are said to it.

    `alpha` is the pixel format that keeps transparency, if there is one. `even` marks encoders that refuse an odd
    width or height with subsampled chroma, `least` the smallest width and height they take. `crf` is the quality they
    get when nothing is asked (lower is better).
    """

    name: str
    pix_fmt: str
    alpha: str = ""
    even: bool = False
    least: int = 1
    crf: int = -1

    def options(self, crf: int, bitrate: int, preset: str, alpha: bool) -> dict[str, str]:
        """FFmpeg's options; `bitrate` in bit/s wins over `crf`, -1 and 0 leave the choice to the encoder."""
        pace = PRESETS.index(preset)
        crf = self.crf if crf < 0 else crf
        said = {"b": str(bitrate)} if bitrate else {"crf": str(crf)} if crf >= 0 else {}
        match self.name:
            case "libx264":
                return said | {"preset": preset}
            case "libx265":
                return said | {"preset": preset, "x265-params": "log-level=error"}
            case "libvpx-vp9":
                speed = {"deadline": "realtime" if pace < 2 else "good", "cpu-used": "86432"[pace], "row-mt": "1"}
                threads = {"threads": str(min(os.cpu_count() or 1, 8))}
                hidden = {"auto-alt-ref": "0"} if alpha else {}  # its alpha plane has no invisible frames
                return {"b": "0"} | said | speed | threads | hidden
            case "libsvtav1":
                return said | {"preset": ("12", "10", "8", "6", "4")[pace]}
            case "prores_ks":
                return {"profile": "4444" if alpha else "hq", "vendor": "apl0"}
        return {}


ENCODERS = {
    "h264": Encoder("libx264", "yuv420p", even=True, crf=20),
    "h265": Encoder("libx265", "yuv420p", even=True, least=64, crf=24),  # it writes out of bounds below that
    "vp9": Encoder("libvpx-vp9", "yuv420p", "yuva420p", crf=31),
    "av1": Encoder("libsvtav1", "yuv420p", even=True, least=4, crf=32),
    "prores": Encoder("prores_ks", "yuv422p10le", "yuva444p10le"),
    "ffv1": Encoder("ffv1", "bgr0", "bgra"),
}


@dataclass(frozen=True)
class Container:
    """A file format: FFmpeg's name for it, and the codecs it gets when nothing is asked."""

    format: str
    codec: str
    alpha: str = ""

    def options(self, ticks: int) -> dict[str, str]:
        """Muxer options: exact time stamps in 1/`ticks` s, and a file that is playable whenever writing stops.

        MP4 and MOV are written in fragments and turned into a plain file at the end (`hybrid_fragmented`);
        `delay_moov` lets the header carry the edit list, without which FFmpeg would shift every time stamp by the
        encoder's delay. Matroska would be shifted to start at 0 by `avoid_negative_ts`.
        """
        if self.format in ("mp4", "mov"):
            return {
                "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
                "frag_duration": str(SECOND),
                "video_track_timescale": str(ticks),
                "movie_timescale": str(ticks),  # the edit list counts in it: where the first picture starts
                "flush_packets": "1",
            }
        return {"cluster_time_limit": str(SECOND // 1000), "flush_packets": "1", "avoid_negative_ts": "disabled"}


CONTAINERS = {
    ".mp4": Container("mp4", "h264"),
    ".m4v": Container("mp4", "h264"),
    ".mov": Container("mov", "h264", alpha="prores"),
    ".mkv": Container("matroska", "h264", alpha="vp9"),
    ".webm": Container("webm", "vp9", alpha="vp9"),
}
