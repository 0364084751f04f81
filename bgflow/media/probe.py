"""Say what is in a video file: its codecs, true size, rate, colours and sound."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from bgflow.media.container import MediaUsageError, open_file, picture_stream
from bgflow.media.turn import Turn

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

# ITU-T H.273, tables 2 to 4, as far as they are met
MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
RANGES = {1: "limited", 2: "full"}
TRANSFERS = {1: "bt709", 6: "bt601", 13: "srgb", 16: "pq (hdr)", 18: "hlg (hdr)"}


def probe(path: str) -> dict[str, Any]:
    """What `bgflow probe` prints, from every packet's time stamp and the first decoded picture.

    Times are in seconds, rates in pictures per second. `rate_real` is the finest rate that fits every time stamp,
    `rate_average` pictures over duration; `vfr` tells whether the pictures come at uneven distances.

    Raises:
        MediaUsageError: the file cannot be read, or holds no picture.
    """
    with open_file(path) as container:
        stream = picture_stream(container, path)
        first = _first_picture(container, path)
        audio = next((s for s in container.streams.audio if s.codec_context), None)
        turn = Turn.of(first)
        height, width = turn.size(first.height, first.width)
        told = {
            "path": path,
            "container": container.format.name,
            "codec": stream.codec_context.name,
            "profile": stream.codec_context.profile or "",
            "width": width,
            "height": height,
            "rotation": turn.degrees,
            "pixel_format": first.format.name,
            "matrix": MATRICES.get(first.colorspace, "not said"),
            "range": RANGES.get(first.color_range, "not said"),
            "transfer": TRANSFERS.get(first.color_trc, "not said"),
            "time_base": str(stream.time_base),
            "rate_real": float(stream.base_rate or 0),
        }
        sound = (
            {
                "codec": audio.codec_context.name,
                "rate": audio.codec_context.sample_rate,
                "channels": audio.codec_context.layout.nb_channels,
            }
            if audio
            else None
        )
    return {**told, **_timing(path), "audio": sound}


def _first_picture(container: InputContainer, path: str) -> VideoFrame:
    import av

    for packet in container.demux(video=0):
        try:
            for frame in packet.decode():
                return frame
        except av.FFmpegError:
            continue
    raise MediaUsageError(f"{path}: none of its packets gives a picture; the file is damaged or encrypted")


def _timing(path: str) -> dict[str, Any]:
    """Frames, duration, average rate and evenness, read from the packets without decoding them."""
    with open_file(path) as container:
        stream = picture_stream(container, path)
        base = stream.time_base or Fraction(1, 1)
        stamps, durations, untimed = [], [], 0
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None:
                stamps.append(packet.pts)
                durations.append(packet.duration or 0)
            elif packet.size:
                untimed += 1
    stamps.sort()
    span = (stamps[-1] - stamps[0] + (durations[-1] or _typical(stamps))) * base if stamps else Fraction(0)
    return {
        "frames": len(stamps) + untimed,
        "untimed": untimed,
        "start": float(stamps[0] * base) if stamps else 0.0,
        "duration": float(span),
        "rate_average": float(len(stamps) / span) if span else 0.0,
        "vfr": uneven(stamps),
    }


def _typical(stamps: Sequence[int]) -> int:
    steps = sorted(b - a for a, b in itertools.pairwise(stamps))
    return steps[len(steps) // 2] if steps else 0


def uneven(stamps: Sequence[int]) -> bool:
    """Whether sorted time stamps have uneven distances, beyond what rounding to whole ticks explains."""
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    return bool(steps) and (max(steps) - min(steps) > 1 or max(steps) > 1.5 * min(steps))


def table(told: Mapping[str, Any]) -> str:
    """The result of `probe` as aligned lines of text."""
    sound, turned = told["audio"], f", turned {told['rotation']}° counter-clockwise" if told["rotation"] else ""
    rows = {
        "file": f"{told['path']} ({told['container']})",
        "video": told["codec"] + (f" ({told['profile']})" if told["profile"] else ""),
        "size": f"{told['width']} x {told['height']}{turned}",
        "pixels": f"{told['pixel_format']}, matrix {told['matrix']}, "
        f"range {told['range']}, transfer {told['transfer']}",
        "rate": f"{told['rate_average']:.3f} fps on average, {told['rate_real']:.3f} at best, "
        + ("variable" if told["vfr"] else "constant"),
        "frames": f"{told['frames']}" + (f", {told['untimed']} without a time stamp" if told["untimed"] else ""),
        "time": f"{told['duration']:.3f} s from {told['start']:.3f} s, in ticks of {told['time_base']} s",
        "audio": f"{sound['codec']}, {sound['rate']} Hz, {sound['channels']} channels" if sound else "none",
    }
    return "\n".join(f"{name:<8}{text}" for name, text in rows.items())
