"""Clips to measure on, with the exact matte of every frame: rendered here, or made of a data set's own frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.bench.pictures import LEARNED, Host, Size
from bgflow.kernels import resize
from bgflow.media.pictures import read
from bgflow.stages.synth import Source
from bgflow.testing import opened

FPS = 25
QUALITY = {"crf": "16", "preset": "veryfast"}  # of x264; a camera's file is as good
DRAWN = 24  # frames that are rendered; a longer clip goes to and fro among them
GREEN = np.array((0, 177, 64), np.float32)  # of a screen


@dataclass(frozen=True)
class Clip:
    """A file, the size and number of its frames, and their mattes f32[h,w] where they are known."""

    path: Path
    size: Size
    frames: int
    truths: tuple[Host, ...] = ()


def rendered(path: Path, size: Size, frames: int, *, screen: bool = False) -> Clip:
    """Somebody who walks through a room, or stands before a green `screen`, to and fro; with the noise of a camera."""
    scene = Source(width=size.width, height=size.height, noise=2.0, edge=2.0, hair=0.5, shadow=0.0 if screen else 0.3)
    there = []
    with opened(scene, wired={"image", "alpha", "foreground"}):
        for n in range(min(frames, DRAWN)):
            made = scene.render(LEARNED + n)
            alpha, image = made["alpha"].copy(), made["image"].copy()
            if screen:
                weight = alpha[..., None]
                image = (made["foreground"] * weight + GREEN * (1 - weight)).round().astype(np.uint8)
            there.append((image, alpha))
    way = [*there, *there[-2:0:-1]] or there
    shots = [way[n % len(way)] for n in range(frames)]
    write(path, size, (image for image, _ in shots))
    return Clip(path, size, frames, tuple(alpha for _, alpha in shots))


def filmed(path: Path, data: Path, size: Size | None = None, most: int = 0) -> Clip | None:
    """`davis/breakdance` below the folder of data sets, at its own size or another; None where it is not there."""
    folder = data / "davis" / "breakdance"
    shots = sorted((folder / "frames").glob("*.jpg"))[: most or None]
    masks = sorted((folder / "masks").glob("*.png"))[: len(shots)]
    if not shots or len(masks) != len(shots):
        return None
    h, w = read(shots[0]).shape[:2]
    to = size or Size(w - w % 2, h - h % 2)

    def sized(picture: Host) -> Host:
        out = np.empty((to.height, to.width, 3), np.uint8)
        resize.linear(np.ascontiguousarray(picture), out)
        return out

    write(path, to, (sized(read(shot)) for shot in shots))
    truths = tuple((sized(_mask(read(mask)))[..., 0] >= 128).astype(np.float32) for mask in masks)
    return Clip(path, to, len(shots), truths)


def write(path: Path, size: Size, pictures: Iterable[Host]) -> None:
    """An H.264 file of RGB pictures."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(FPS), options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))


def _mask(picture: Host) -> Host:
    """A mask as a picture of three channels; any colour but black is subject."""
    whole = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
    subject = whole[..., :3].max(2, keepdims=True) > 0
    return np.repeat(subject.astype(np.uint8) * 255, 3, 2)
