"""Palms of hands, by MediaPipe's palm detection (Zhang et al., MediaPipe Hands, 2020, https://arxiv.org/abs/2006.10214)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from bgflow import document, models
from bgflow.cadence import Auto, Watch
from bgflow.detector import Detector, surest
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.kernels import crop
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage
from bgflow.stages.ui import Place, Places

STEPS = ((8, 2), (16, 6))  # of the network's boxes
WHOLE, PART = 192, 128  # sides of the network's picture: for a whole picture, and for what is around a button
WRIST, KNUCKLE = 0, 2  # of its 7 points; the other one is the middle finger's
AROUND = (6.0, 10.0)  # radii of a button: sides of the part that is looked at, for hands far from the camera and near
BESIDE = 1.5  # radii of a button: as far from its middle a palm is still told
MOVED = Auto(motion=5, seconds=2, least=1)  # what calls for a look at a button, in the square around it
AFTER = 0.3  # seconds for which a button is looked at whenever possible after a palm was there

Palm = tuple[float, float, float]
"""x and y in pixels, and score."""


@dataclass
class Spot:
    """What is known of one button: how many looks it should get, when the last was and when one found a palm."""

    place: Place
    watch: Watch = field(default_factory=lambda: Watch(MOVED))
    wanted: int = 0
    looked: int = -1
    held: Fraction | None = None
    around: int = 0
    palms: list[Palm] = field(default_factory=list)


class Detect(Stage, use="palm.detect"):
    """Finds palms: the middle between wrist and middle knuckle of each, the surest first; rows of score 0 are none.

    In the whole picture that takes about 5 ms of processor time a frame. With `near` only palms at buttons are found,
    at a greater distance from the camera: a button is looked at when something has moved in it or a palm was there just
    now, and one button a frame, so that a frame takes 0.2 ms when nobody is there and 3 ms at worst. A process loads
    each model once, however many stages use it.
    """

    image = In("u8[h,w,3] rgb")
    palms = Out("f32[n,3]", description="x and y in parts of width and height, and score")

    model: Literal["palm", "palm_full"] = Param("palm", description="palm_full also finds small palms, at more cost")
    near: str = Param("", description="name of the ui.buttons at whose buttons alone it looks; empty: everywhere")
    most: int = Param(4, ge=1, le=16, description="palms that are given, one a row")
    score: float = Param(0.5, gt=0, lt=1, hot=True, description="how sure the network must be")
    threads: int = Param(0, ge=0, le=64, description="cores the network may use; 0 is all of them")

    host = True

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        if self.near:
            there = [it["stage"] for it in ctx.controls.actions() if it["action"] == "point"]
            if self.near not in there:
                hint = document.near(self.near, there) or "; there is no ui.buttons in this graph"
                raise UsageError(f"near: no stage {self.near!r} has buttons{hint}")
        path: Path = models.find(self.model).path
        self._net = Detector(path, PART if self.near else WHOLE, STEPS, self.threads)
        self._places = ctx.shared(("buttons", self.near), Places)
        self._spots: list[Spot] = []
        self._size, self._count = (0, 0), 0

    def process(self, image: Array) -> Array:
        h, w = image.shape[:2]
        palms = self._at_buttons(image) if self.near else self._within(image, w / 2, h / 2, max(h, w))
        out = self.ctx.empty(self.palms, n=self.most)
        surest([(x / w, y / h, score) for x, y, score in palms], out)
        return out

    def _within(self, image: Array, x: float, y: float, side: float) -> list[Palm]:
        """The palms in a square of the picture around (x, y), all in pixels."""
        crop.square(image, self._net.input, x, y, side, black=True)
        out = []
        for score, points in self._net(self.score):
            px, py = (points[WRIST] + points[KNUCKLE]) * (side / 2)
            out.append((float(px) + x - side / 2, float(py) + y - side / 2, score))
        return out

    def _at_buttons(self, image: Array) -> list[Palm]:
        """The palms at all buttons, of which that one is looked at which has waited longest."""
        now, size = self.ctx.frame.time, image.shape[:2]
        if size != self._size or [spot.place for spot in self._spots] != [*self._places.now]:
            self._size, self._spots = size, [Spot(place) for place in self._places.now]
        for spot in self._spots:
            just = spot.held is not None and 0 <= now - spot.held <= AFTER
            if spot.wanted < len(AROUND) and spot.watch.is_due(now, _cut(image, spot.place)):
                spot.wanted = len(AROUND)
            spot.wanted = max(spot.wanted, int(just))
        if waiting := [spot for spot in self._spots if spot.wanted]:
            self._look(image, min(waiting, key=lambda spot: spot.looked), now)
        return [palm for spot in self._spots for palm in spot.palms]

    def _look(self, image: Array, spot: Spot, now: Fraction) -> None:
        """Find the palms at a button; after a look without one the next is at hands of the other size."""
        h, w = self._size
        x, y, radius = spot.place[0] * w, spot.place[1] * h, spot.place[2] * w
        found = self._within(image, x, y, AROUND[spot.around] * radius)
        spot.palms = [it for it in found if np.hypot(it[0] - x, it[1] - y) < BESIDE * radius]
        self._count += 1
        spot.looked = self._count
        if spot.palms:
            spot.held, spot.wanted = now, 0
        else:
            spot.around, spot.wanted = 1 - spot.around, spot.wanted - 1
        self.ctx.note(looks=self._count)

    def close(self) -> None:
        del self._net


def _cut(image: Array, place: Place) -> Array:
    """Every second pixel of the square around a button, as far as it lies in the picture, and at least one of that."""
    h, w = image.shape[:2]
    x, y, radius = place[0] * w, place[1] * h, place[2] * w
    top, left = (min(max(round(v - radius), 0), n - 1) for v, n in ((y, h), (x, w)))
    return image[top : max(round(y + radius), top + 1) : 2, left : max(round(x + radius), left + 1) : 2]
