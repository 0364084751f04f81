"""A person's pose, by MediaPipe's BlazePose (Bazarevsky et al., 2020, https://arxiv.org/abs/2006.10204)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bgflow import models
from bgflow.detector import Detector, compiled, request, sigmoid, surest
from bgflow.devices import Host
from bgflow.frame import Array
from bgflow.kernels import crop
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

FIND, STEPS = 224, ((8, 2), (16, 2), (32, 6))  # of the detector: the side of its picture, and its boxes
SIDE = 256  # of the picture whose landmarks are found
KEPT = (0, 1, 3)  # of that network's outputs: landmarks, whether somebody is there, and maps of where each may be
REACH, LIKELY = 3, 0.5  # cells of a map around a landmark that correct it, and how sure one of them must be
POINTS = 33  # landmarks of a body; behind them come its middle, and a point on the circle around it
HIPS, CIRCLE = 0, 1  # of the detector's points: the same two
WIDER = 1.25  # how much larger than that circle's square the part is that is looked at
ARMS = ((13, 15), (14, 16))  # elbow and wrist, left and right


class Region(NamedTuple):
    """A square of the picture in pixels: its middle, its side, and how it is turned, clockwise in radians."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def around(cls, middle: Host, rim: Host) -> Region:
        """The square of a body from its middle and from where the circle around it is, up the body."""
        dx, dy = (float(v) for v in rim - middle)
        return cls(float(middle[0]), float(middle[1]), 2 * WIDER * math.hypot(dx, dy), math.atan2(dx, -dy))

    def out(self, points: Host) -> Host:
        """Points f32[n,2] in parts of the square, in pixels of the picture."""
        c, s = self.side * math.cos(self.angle), self.side * math.sin(self.angle)
        placed: Host = (points - 0.5) @ np.array([[c, s], [-s, c]], np.float32) + np.array([self.x, self.y], np.float32)
        return placed


class Palms(Stage, use="pose.palms"):
    """Finds the palms of one person from the pose: half as far beyond the wrist as the elbow is before it.

    Unlike palm.detect it also finds fists, backs of hands and hands far from the camera, of one person whose trunk is
    in the picture, too. The person is looked for in the whole picture and then followed from frame to frame: the
    landmarks of one frame say where those of the next are looked for. A frame takes about 8 ms of processor time, and
    one in which the person is looked for, in fp32 because that decides for all that follow, 20 ms. Rows of score 0 are
    none.
    """

    image = In("u8[h,w,3] rgb")
    palms = Out("f32[n,3]", description="x and y in parts of width and height, and score")
    landmarks = Out("f32[k,3]", description="the 33 landmarks of MediaPipe's pose, likewise; all 0: nobody is there")

    score: float = Param(0.5, gt=0, lt=1, hot=True, description="how sure it must be that somebody is there")
    visibility: float = Param(0.5, ge=0, le=1, hot=True, description="how visible elbow and wrist must be")
    threads: int = Param(0, ge=0, le=64, description="cores the networks may use; 0 is all of them")

    host = True

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._find = Detector(models.find("pose_detection").path, FIND, STEPS, self.threads, exact=True)
        self._input = np.zeros((SIDE, SIDE, 3), np.float32)
        network = compiled(models.find("pose_landmark").path, self.threads, outputs=KEPT)
        self._request: Any = request(network, self._input[None])
        self._body: Host = self._request.get_output_tensor(0).data.reshape(-1, 5)
        self._there: Host = self._request.get_output_tensor(1).data.reshape(1)
        self._maps: Host = self._request.get_output_tensor(2).data[0]
        self._size, self._looked = (0, 0), 0
        self.forget()

    def forget(self) -> None:
        """Look for a person anew in the next picture."""
        self._region: Region | None = None

    def process(self, image: Array) -> dict[str, Array]:
        h, w = image.shape[:2]
        if self._size != (h, w):
            self._size = h, w
            self.forget()
        if self._region is None:
            self._region = self._somebody(image)
        body = self.ctx.empty(self.landmarks, k=POINTS)
        if self._region is None or not self._follow(image, self._region, body):
            self._region = None
            body[...] = 0
        palms = self.ctx.empty(self.palms, n=len(ARMS))
        surest(self._hands(body), palms)
        return {"palms": palms, "landmarks": body}

    def _somebody(self, image: Array) -> Region | None:
        """Where the surest person of the whole picture is."""
        h, w = self._size
        self._looked += 1
        self.ctx.note(looked=self._looked)
        side = float(max(h, w))
        crop.square(image, self._find.input, w / 2, h / 2, side, low=-1.0, black=True)
        for _, points in self._find(self.score)[:1]:
            placed = Region(w / 2, h / 2, side, 0.0).out(points)
            return Region.around(placed[HIPS], placed[CIRCLE])
        return None

    def _follow(self, image: Array, region: Region, body: Host) -> bool:
        """Find the landmarks in a region, and the next frame's region; whether anybody is there."""
        crop.square(image, self._input, *region, black=False)
        self._request.infer(share_outputs=True)
        if not self._there[0] >= self.score:
            return False
        placed = region.out(refined(self._body[: POINTS + 2, :2] / SIDE, self._maps))
        self._region = Region.around(placed[POINTS], placed[POINTS + 1])
        h, w = self._size
        body[:, :2] = placed[:POINTS] / np.array([w, h], np.float32)
        body[:, 2] = sigmoid(self._body[:POINTS, 3])
        return True

    def _hands(self, body: Host) -> list[tuple[float, float, float]]:
        """x, y and score of the palms that are visible."""
        out = []
        for elbow, wrist in ARMS:
            sure = float(min(body[elbow, 2], body[wrist, 2]))
            if sure >= self.visibility and sure > 0:
                x, y = body[wrist, :2] + (body[wrist, :2] - body[elbow, :2]) / 2
                out.append((float(x), float(y), sure))
        return out

    def close(self) -> None:
        del self._request, self._body, self._there, self._maps, self._find


def refined(points: Host, maps: Host) -> Host:
    """Points f32[n,2], in parts of the picture, moved to the middle of what f32[m,m,n] maps have of them around there.

    A map has, before the sigmoid, how likely a landmark is in each cell. Where no cell is LIKELY the point stays.
    """
    cells, which = len(maps), np.arange(len(points))
    at = (points * cells).astype(np.int32)
    near = np.arange(-REACH, REACH + 1)
    x, y = at[:, 0, None, None] + near, at[:, 1, None, None] + near[:, None]
    inside = (x >= 0) & (x < cells) & (y >= 0) & (y < cells)
    likely = inside * sigmoid(maps[y.clip(0, cells - 1), x.clip(0, cells - 1), which[:, None, None]])
    good = inside[which, REACH, REACH] & (likely.max((1, 2)) >= LIKELY)
    weight = likely[good] / likely[good].sum((1, 2), keepdims=True)
    out = points.copy()
    out[good, 0] = (weight * x[good]).sum((1, 2)) / cells
    out[good, 1] = (weight * y[good]).sum((1, 2)) / cells
    return out
