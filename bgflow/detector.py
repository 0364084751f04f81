"""MediaPipe's detectors: one pass over a square picture, boxes with points in them (SSD: Liu et al., ECCV 2016).

A network has a grid of cells for each of its steps, and some boxes in every cell, which it corrects. All boxes are
taken to be as large as its picture, so that a box is where it is, whatever its size.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.devices import Host

ALIKE = 0.3  # share of their union by which boxes of the same thing overlap
CAPABLE = "OPTIMIZATION_CAPABILITIES"

Steps = tuple[tuple[int, int], ...]
"""Pixels from one cell to the next, and boxes in each cell, in the order of the network's boxes."""
Found = tuple[float, Host]
"""How sure it is, 0..1, and points f32[k,2], x and y in parts of the network's picture."""


class Detector:
    """A detector of a `.tflite` file with a request of its own: fill `input`, f32[side,side,3], and call it.

    `exact` is in fp32, where else a processor's bf16 is used.
    """

    def __init__(self, path: Path, side: int, steps: Steps, threads: int, exact: bool = False):
        self.side = side
        self.input = np.zeros((side, side, 3), np.float32)
        self._request = request(compiled(path, threads, side, exact=exact), self.input[None])
        self._boxes: Host = self._request.get_output_tensor(0).data[0]
        self._scores: Host = self._request.get_output_tensor(1).data[0, :, 0]
        self._centres = centres(side, steps)

    def __call__(self, least: float) -> list[Found]:
        """What it finds and is as sure of as `least`, the surest first."""
        self._request.infer(share_outputs=True)
        return found(self._boxes, self._scores, self._centres, self.side, least)


@functools.cache
def compiled(path: Path, threads: int, side: int = 0, outputs: tuple[int, ...] = (), exact: bool = False) -> Any:
    """A `.tflite` network, compiled once in a process; `side` another size of its picture, `outputs` those it keeps."""
    import openvino

    from bgflow.engines.openvino import core

    model = core().read_model(path)
    if outputs:
        model = openvino.Model([model.outputs[n] for n in outputs], model.get_parameters())
    if side and side != model.inputs[0].shape[1]:
        _resize(model, side)
    rounded = not exact and "BF16" in core().get_property("CPU", CAPABLE)
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if rounded else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    return core().compile_model(model, "CPU", options)


def request(network: Any, picture: Host) -> Any:
    """An inference request that reads `picture` where it is."""
    import openvino

    made = network.create_infer_request()
    made.set_input_tensor(openvino.Tensor(picture, shared_memory=True))
    return made


def _resize(model: Any, side: int) -> None:
    """Have a network of convolutions take a picture of another size, whose grids and boxes are written into it."""
    from openvino import opset13

    old = model.inputs[0].shape[1]
    model.reshape([1, -1, -1, 3])
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind not in ("Interpolate", "Reshape"):
            continue
        sizes = np.array(node.input_value(1).get_node().get_data())
        if kind == "Interpolate":
            sizes = sizes * side // old
        elif sizes.size == 3:  # boxes: one, how many, values of each
            sizes[1] = -1
        node.input(1).replace_source_output(opset13.constant(sizes).output(0))
    model.reshape([1, side, side, 3])


@functools.cache
def centres(side: int, steps: Steps) -> Host:
    """The middle of each box that the network corrects, x and y in parts of its picture."""
    out = []
    for step, each in steps:
        cells = side // step
        y, x = np.mgrid[:cells, :cells]
        grid = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells
        out.append(np.repeat(grid, each, 0))
    return np.concatenate(out).astype(np.float32)


def found(boxes: Host, scores: Host, middles: Host, side: int, least: float) -> list[Found]:
    """What the network's answer means, the surest first.

    `boxes` f32[n,4+2k] are corrections in pixels: centre x and y, width, height, and k points; `scores` f32[n] are
    before the sigmoid. Boxes that overlap are one thing, at the mean of their points weighted by their scores.
    """
    at = np.flatnonzero(scores > math.log(least / (1 - least)))
    sure = sigmoid(scores[at])
    order = np.argsort(-sure, kind="stable")
    at, sure = at[order], sure[order]
    middle = boxes[at, :2] / side + middles[at]
    half = boxes[at, 2:4] / (2 * side)
    points = boxes[at, 4:].reshape(len(at), boxes.shape[1] // 2 - 2, 2) / side + middles[at, None]
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


def sigmoid(values: Host) -> Host:
    """1 / (1 + exp(-v)) of f32, which does not overflow."""
    likely: Host = 1 / (1 + np.exp(-np.clip(values, -80, 80)))
    return likely


def surest(rows: Sequence[tuple[float, float, float]], out: Host) -> None:
    """Write (x, y, score) into f32[n,3], the surest first; rows without anything are 0."""
    out[...] = 0
    for n, row in enumerate(sorted(rows, key=lambda row: -row[2])[: len(out)]):
        out[n] = row


def _overlap(low: Host, high: Host, n: int) -> Host:
    """Intersection over union of box n with each."""
    common = np.clip(np.minimum(high, high[n]) - np.maximum(low, low[n]), 0, None).prod(1)
    area = np.clip(high - low, 0, None).prod(1)
    share: Host = common / np.maximum(area + area[n] - common, 1e-9)
    return share
