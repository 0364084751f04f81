"""Make test clips with PyAV (variable frame rate, sound, odd sizes, turned, cut off), copy them and read them back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bgflow.errors import MediaError
from bgflow.stage import Stage
from bgflow.stages.file import Sink, Source
from bgflow.testing import opened

TICKS = Fraction(1, 90_000)
STEPS = (1500, 3000, 3003, 4500, 9000)  # ticks between two pictures: 60, 30, 29.97, 20 and 10 a second
RATE = 48_000  # audio samples a second


def vfr_pts(frames: int, seed: int = 0, start: int = 0) -> list[int]:
    """Time stamps of a clip with a variable frame rate, in ticks of 1/90000 s."""
    steps = np.random.default_rng(seed).choice(STEPS, frames - 1)
    return [start, *(start + np.cumsum(steps)).tolist()]


def ramp(h: int, w: int, level: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A smooth picture that differs from level to level."""
    y, x = np.mgrid[0:h, 0:w]
    grey = (x * 255 // max(w - 1, 1) + level * 5) % 256
    return np.dstack([grey, y * 255 // max(h - 1, 1), np.full((h, w), level * 7 % 256)]).astype(np.uint8)


def clip(
    path: Path,
    *,
    frames: int = 12,
    h: int = 48,
    w: int = 64,
    start: int = 0,
    sound: str = "",
    codec: str = "libx264",
    turn: int = 0,
    mirror: bool = False,
    options: dict[str, str] | None = None,
    pts: list[int] | None = None,
    pictures: Iterable[np.ndarray[Any, Any]] | None = None,
    format: str | None = None,
) -> list[int]:
    """Write a clip with a variable frame rate; the time stamps of its pictures, in 1/90000 s.

    `sound` is an audio codec such as 'aac'; it runs a little longer than the pictures. `turn` (degrees,
    counter-clockwise) and `mirror` are only written down, as a phone does.
    """
    pts = vfr_pts(frames, start=start) if pts is None else pts
    held = {"video_track_timescale": "90000", "movie_timescale": "90000"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", format=format, container_options=held | (options or {})) as out:
        video = out.add_stream(codec, rate=30, width=w, height=h, pix_fmt="yuv420p", time_base=TICKS)
        if codec == "libx264":
            video.options = {"preset": "ultrafast", "crf": "12", "bf": "2", "g": "12"}
        if turn or mirror:
            video.set_display_rotation(turn, hflip=mirror)
        audio = out.add_stream(sound, rate=RATE, layout="stereo") if sound else None
        for p, picture in zip(pts, pictures or (ramp(h, w, i) for i in range(frames)), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = p, TICKS
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio:
            samples = round((pts[-1] * TICKS + Fraction(1, 4)) * RATE)
            for frame in tones(samples, audio.codec_context):
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return pts


def tones(samples: int, codec: Any) -> Iterator[av.AudioFrame]:
    """A rising tone in stereo, in frames as the encoder wants them."""
    size = codec.frame_size or 1024
    codec.open(strict=False)
    size = codec.frame_size or 1024
    for start in range(0, samples, size):
        t = np.arange(start, start + size) / RATE
        wave = np.tile(np.sin(2 * np.pi * (220 + 40 * t) * t) * 0.4, (2, 1)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame


def changing(path: Path, sizes: list[tuple[int, int]], each: int = 5) -> None:
    """An MPEG-TS whose pictures change their (height, width) midway."""
    parts = []
    for n, (h, w) in enumerate(sizes):
        part = path.with_suffix(f".{n}.ts")
        pts = [90_000 * (n + 1) + 9000 * i for i in range(each)]
        clip(part, h=h, w=w, pts=pts, frames=each, format="mpegts")
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))


def truncated(path: Path, keep: float = 0.5) -> Path:
    """The first part of a file, in place of it."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def times(path: Path) -> tuple[list[Fraction], Fraction]:
    """The instants of a file's pictures in seconds, exactly, and its video's time base."""
    with av.open(str(path)) as c:
        base = c.streams.video[0].time_base
        return [f.pts * base for f in c.decode(video=0)], base


def sound(path: Path) -> list[tuple[Fraction, bytes]]:
    """The instant and bytes of every compressed audio packet."""
    with av.open(str(path)) as c:
        return [(p.pts * p.time_base, bytes(p)) for p in c.demux(audio=0) if p.size]


def first_picture(path: Path, decoder: str | None = None) -> np.ndarray[Any, Any]:
    """The first picture as RGB, or as RGBA where the format has transparency."""
    with av.open(str(path)) as c:
        codec = av.CodecContext.create(decoder, "r") if decoder else None
        for packet in c.demux(video=0):
            for frame in codec.decode(packet) if codec else packet.decode():
                return frame.to_ndarray(format="rgba" if "a" in frame.format.name.replace("gray", "") else "rgb24")
    raise AssertionError(f"{path} holds no picture")


def copy(source: Path, target: Path, wired: set[str] | None = None, **params: object) -> list[str]:
    """Read a file with file.source and write it with file.sink; the sink's warnings."""
    with (
        opened(Source(path=str(source)), wired=wired or {"image", "audio"}) as s,
        opened(Sink(path=str(target), **params)) as k,
    ):
        for pts, value in s.frames():
            k(pts=pts, time_base=s.stage.time_base, **value)
        assert (s.ctx.drops, s.ctx.warnings) == ({}, [])
        return k.ctx.warnings


def write(
    target: Path,
    pictures: list[np.ndarray[Any, Any]],
    pts: list[int] | None = None,
    base: Fraction = TICKS,
    **params: object,
) -> list[str]:
    """Write pictures with file.sink, 30 a second unless `pts` says otherwise; the sink's warnings."""
    with opened(Sink(path=str(target), **params)) as k:
        for n, image in enumerate(pictures):
            k(pts=pts[n] if pts else 3000 * n, time_base=base, image=image)
        return k.ctx.warnings


def read(path: Path, **params: object) -> list[tuple[int, np.ndarray[Any, Any]]]:
    """What file.source gives: (pts, picture)."""
    with opened(Source(path=str(path), **params)) as s:
        return [(pts, value["image"].copy()) for pts, value in s.frames()]


def failure(stage: Stage) -> MediaError:
    """The error that opening a stage ends with."""
    with pytest.raises(MediaError) as caught, opened(stage):
        pass
    return caught.value
