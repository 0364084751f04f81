"""Palms of hands, by MediaPipe's palm detection (Zhang et al., MediaPipe Hands, 2020, https://arxiv.org/abs/2006.10214)."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bgflow import models
from bgflow.devices import Host
from bgflow.frame import Array
from bgflow.kernels import resize
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

SIDE = 192  # of the network's square picture
GRIDS = ((24, 2), (12, 6))  # cells a side, and boxes in each: 2016 in all
ALIKE = 0.3  # share of their union by which boxes of the same palm overlap
WRIST, KNUCKLE = 0, 2  # of its 7 points; the other one is the middle finger's


class Detect(Stage, use="palm.detect"):
    """Finds palms: the middle between wrist and middle knuckle of each, the surest first; rows of score 0 are none.

    A frame takes about 5 ms of processor time, half of that on two cores. A process loads each model once, however
    many stages use it.
    """

    image = In("u8[h,w,3] rgb")
    palms = Out("f32[n,3]", description="x and y in parts of width and height, and score")

    model: Literal["palm", "palm_full"] = Param("palm", description="palm_full also finds small palms, at more cost")
    most: int = Param(4, ge=1, le=16, description="palms that are given, one a row")
    score: float = Param(0.5, gt=0, lt=1, hot=True, description="how sure the network must be")
    threads: int = Param(0, ge=0, le=64, description="cores the network may use; 0 is all of them")

    host = True

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        compiled = _compiled(models.find(self.model).path, self.threads)
        self._request = compiled.create_infer_request()
        self._input = np.zeros((1, SIDE, SIDE, 3), np.float32)
        self._square = np.zeros((SIDE, SIDE, 3), np.uint8)
        import openvino

        self._request.set_input_tensor(openvino.Tensor(self._input, shared_memory=True))
        self._boxes: Host = self._request.get_output_tensor(0).data[0]
        self._scores: Host = self._request.get_output_tensor(1).data[0, :, 0]
        self._shape = (0, 0)

    def process(self, image: Array) -> Array:
        h, w = image.shape[:2]
        if self._shape != (h, w):
            self._shape = h, w
            self._square[...] = 0
        scale = SIDE / max(h, w)
        rows, columns = max(round(h * scale), 1), max(round(w * scale), 1)
        top, left = (SIDE - rows) // 2, (SIDE - columns) // 2
        resize.linear(image, self._square[top : top + rows, left : left + columns])
        np.multiply(self._square, np.float32(1 / 255), out=self._input[0])
        self._request.infer()
        out = self.ctx.empty(self.palms, n=self.most)
        out[...] = 0
        for n, (score, points) in enumerate(found(self._boxes, self._scores, self.score)[: self.most]):
            x, y = (points[WRIST] + points[KNUCKLE]) * (SIDE / 2)
            out[n] = (x - left) / columns, (y - top) / rows, score
        return out

    def close(self) -> None:
        del self._request, self._boxes, self._scores


@functools.cache
def _compiled(path: Path, threads: int) -> Any:
    """The network of this process, compiled once."""
    from bgflow.engines.openvino import core

    able = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if "BF16" in able else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    return core().compile_model(core().read_model(path), "CPU", options)


@functools.cache
def centres() -> Host:
    """The middle of each of the 2016 boxes that the network corrects, x and y in parts of its picture."""
    out = []
    for cells, each in GRIDS:
        y, x = np.mgrid[:cells, :cells]
        grid = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells
        out.append(np.repeat(grid, each, 0))
    return np.concatenate(out).astype(np.float32)


def found(boxes: Host, scores: Host, least: float) -> list[tuple[float, Host]]:
    """Palms as (score, points f32[7,2] in parts of the picture), the surest first.

    `boxes` f32[2016,18] are corrections in pixels: centre x and y, width, height, and seven points; `scores` f32[2016]
    are before the sigmoid. Boxes that overlap are one palm, at the mean of their points weighted by their scores.
    """
    at = np.flatnonzero(scores > math.log(least / (1 - least)))
    sure = 1 / (1 + np.exp(-np.clip(scores[at], -100, 100)))
    order = np.argsort(-sure, kind="stable")
    at, sure = at[order], sure[order]
    middle = boxes[at, :2] / SIDE + centres()[at]
    half = boxes[at, 2:4] / (2 * SIDE)
    points = boxes[at, 4:].reshape(-1, 7, 2) / SIDE + centres()[at, None]
    low, high = middle - half, middle + half
    left, out = np.ones(len(at), bool), []
    for n in range(len(at)):
        if left[n]:
            same = left & (_overlap(low, high, n) > ALIKE)
            same[n] = True
            weight = (sure * same)[:, None, None]
            out.append((float(sure[n]), (points * weight).sum(0) / weight.sum()))
            left &= ~same
    return out


def _overlap(low: Host, high: Host, n: int) -> Host:
    """Intersection over union of box n with each."""
    common = np.clip(np.minimum(high, high[n]) - np.maximum(low, low[n]), 0, None).prod(1)
    area = np.clip(high - low, 0, None).prod(1)
    share: Host = common / np.maximum(area + area[n] - common, 1e-9)
    return share
