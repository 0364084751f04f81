"""Somebody in a rendered room, as a camera sees it: clips whose every frame comes with its true matte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from bgflow.bench.browser import write_clip
from bgflow.kernels import figure
from bgflow.stages.synth import Source
from bgflow.testing import opened
from tests.hands import PALM, hand

H, W, FPS, HAND = 360, 640, 10, 100
SCENE = {
    "width": W, "height": H, "fps": FPS, "seed": 6, "size": 0.75, "edge": 1.5, "hair": 0.3, "shadow": 0.2,
    "exposure": -1.4,  # a drawn hand is told by its outline, and that is clear before a darker room
}  # fmt: skip
AWAY = 480  # pixels to the right of the middle: out of the picture
SLEEVE, WIDE = (30, 68, 54), 34
NOISE = 2.0  # levels
STEP = 5  # of the pixels that pictures are compared by
Picture = np.ndarray[Any, Any]
Place = tuple[float, float]


class Held(NamedTuple):
    """From when to when a hand is held up, and where its palm is, in parts of width and height."""

    begin: float
    end: float
    at: Place


@dataclass(frozen=True)
class Clip:
    """What a camera sees: `pictures` u8[n,h,w,3], the subject `mattes` f32[n,h,w], and the room without anybody."""

    pictures: Picture
    mattes: Picture
    room: Picture

    def write(self, file: Path) -> Path:
        write_clip(file, iter(self.pictures), FPS)
        return file

    @cached_property
    def _coarse(self) -> Picture:
        return self.pictures[:, ::STEP, ::STEP].astype(np.int16)

    def nearest(self, picture: Picture, part: slice = slice(None)) -> int:
        """Which frame a picture u8[h,w,3] shows, judged by some of its columns."""
        columns = slice(part.start and part.start // STEP, part.stop and part.stop // STEP)
        apart = self._coarse[:, :, columns] - picture[::STEP, ::STEP].astype(np.int16)[:, columns]
        return int(np.abs(apart).mean((1, 2, 3)).argmin())


def film(seconds: float, walk: Sequence[tuple[float, float]], hands: Sequence[Held] = (), begin: int = 0) -> Clip:
    """A clip of so many seconds.

    `walk` says where the person is, (second, pixels to the right of the middle), and in a line between; `begin` is the
    frame of the scene that it begins with, for another pose.
    """
    frames = round(seconds * FPS)
    noise = np.random.default_rng(5).normal(0.5, NOISE, (FPS, H, W, 1)).astype(np.float32)
    with opened(Source(**SCENE, subjects=0, noise=0), wired={"plate"}) as source:
        stage: Any = source.stage
        room = stage.render(0)["plate"].astype(np.float32)
    pictures, mattes = np.empty((frames, H, W, 3), np.uint8), np.empty((frames, H, W), np.float32)
    with opened(Source(**SCENE, noise=0), wired={"foreground", "alpha", "plate"}) as source:
        stage = source.stage
        for n in range(frames):
            x = round(float(np.interp(n / FPS, [when for when, _ in walk], [where for _, where in walk])))
            if x >= AWAY:
                pictures[n], mattes[n] = (room + noise[n % FPS]).clip(0, 255), 0
                continue
            made = stage.render(begin + n)
            x -= round(float(stage.scene.figures(begin + n)[0, figure.X]) - W / 2)  # it sways by itself
            alpha, front = _moved(made["alpha"], x, 0), _moved(made["foreground"], x, 0)
            picture = room * _moved(made["plate"] / np.maximum(room, 1), x, 1)  # with the shadow
            picture += (front - picture) * alpha[..., None]
            for held in hands:
                if held.begin <= n / FPS < held.end:
                    image, over = _hand(held.at)
                    picture += image - picture * over[..., None]
                    alpha = np.maximum(alpha, over)
            pictures[n] = (picture + noise[n % FPS]).clip(0, 255)
            mattes[n] = alpha
    return Clip(pictures, mattes, room.round().astype(np.uint8))


def iou(found: Picture, true: Picture) -> float:
    """Intersection over union of two masks."""
    return float((found & true).sum() / (found | true).sum())


def _moved(plane: Picture, x: int, outside: float) -> Picture:
    """A plane moved to the right by x pixels."""
    out = np.full(plane.shape, outside, np.float32)
    out[:, max(x, 0) : W + min(x, 0)] = plane[:, max(-x, 0) : W - max(x, 0)]
    return out


@lru_cache
def _hand(at: Place) -> tuple[Picture, Picture]:
    """A hand in a sleeve, held up there: its picture f32[h,w,3] before black, and its matte f32[h,w]."""
    image, cover = Image.new("RGB", (W, H)), Image.new("L", (W, H))
    left, top = round(at[0] * W - PALM[0] * HAND), round(at[1] * H - PALM[1] * HAND)
    black, white = hand(HAND, (0, 0, 0)), hand(HAND, (255, 255, 255))
    image.paste(Image.fromarray(black), (left, top))
    cover.paste(Image.fromarray(255 - (white - np.minimum(black, white)).max(2)), (left, top))
    arm = [(left + HAND / 2, top + 0.97 * HAND), (left + HAND * (0.7 if at[0] < 0.5 else 0.3), H + WIDE)]
    ImageDraw.Draw(image).line(arm, fill=SLEEVE, width=WIDE)
    ImageDraw.Draw(cover).line(arm, fill=255, width=WIDE)
    return np.asarray(image, np.float32), np.asarray(cover, np.float32) / 255
