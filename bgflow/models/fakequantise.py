"""int8 for OpenVINO: FakeQuantize where a tensor is made, so that convolution, pooling and joining stay in 8 bits.

A tensor that a convolution reads is quantised once, for all its readers, behind the operator that computes it: then
OpenVINO writes it as bytes at once, and what pools or joins it on its way to the convolution works on bytes, too.
Tensors that are joined share one range. What is never negative has all 256 levels above 0. Weights have one step for
each output channel; a layer whose weights int8 cannot hold (see `quantise.WORST`) stays f32, and so does a 1x1
convolution of few channels.

U²-Netp is 3.1 times as fast in it as in fp32 on a processor with VNNI, and nearer to fp32 than bf16 is. Ranges of known
networks come with bgflow, in ranges.json; others are measured on `calibration` pictures once and kept.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.engines import Samples
from bgflow.errors import ModelError
from bgflow.models import plans
from bgflow.models.quantise import WORST

PICTURES = 16  # on which ranges are measured
CONVOLUTIONS = {"Convolution": 1, "GroupConvolution": 2}  # and how many first axes of weights are output channels
NARROW = 16  # inputs of a 1x1 convolution below which quantising them takes longer than it spares
LEAST = 1e-6  # a range that is never narrower, for tensors that are always 0
SHIPPED = Path(__file__).with_name("ranges.json")

Ranges = Mapping[str, tuple[float, float]]
Values = np.ndarray[Any, Any]


def shipped(data: bytes) -> dict[str, tuple[float, float]] | None:
    """The ranges that come with bgflow for a model's file, None where there are none."""
    for found in json.loads(SHIPPED.read_text("utf-8")).values():
        if found["size"] == len(data) and found["sha256"] == hashlib.sha256(data).hexdigest():
            return _pairs(found["ranges"])
    return None


def ranges(core: Any, model: Any, data: bytes, stem: str, samples: Samples) -> Ranges:
    """The lowest and highest value of each tensor that is to be quantised: shipped, kept on disk, or measured now.

    Raises:
        ModelError: they are to be measured, and there is no sample.
    """
    wanted = set(_points(model)[0])
    if (found := shipped(data)) and wanted <= set(found):
        return found

    def taken(text: bytes) -> Ranges | None:
        """What a file says, if it names the same tensors: OpenVINO may call them otherwise another time."""
        kept = _pairs(json.loads(text))
        return kept if wanted <= set(kept) else None

    key = {
        "model": hashlib.sha256(data).hexdigest(),
        "shape": list(model.inputs[0].shape),
        "samples": _first(samples),
    }
    return plans.kept(f"{stem}.ranges", key, lambda: json.dumps(measured(core, model, samples)).encode(), taken)


def origin(data: bytes, samples: Samples) -> str:
    """A digest of what the ranges of this model come from: the shipped ones, or the first of the samples."""
    if found := shipped(data):
        return hashlib.sha256(repr(found).encode()).hexdigest()
    return _first(samples)


def _first(samples: Samples) -> str:
    first = next(iter(samples()), np.zeros(0, np.float32))
    return hashlib.sha256(np.ascontiguousarray(first).tobytes()).hexdigest()


def measured(core: Any, model: Any, samples: Samples) -> dict[str, tuple[float, float]]:
    """The ranges on up to PICTURES samples, in fp32; a network's memory is empty for every picture."""
    import openvino

    points, _ = _points(model)
    watched = openvino.Model(list(points.values()), model.get_parameters())
    request = core.compile_model(watched, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    empty = {n: np.zeros(list(i.shape), np.float32) for n, i in enumerate(watched.inputs)}
    found: dict[str, tuple[float, float]] = {}
    for sample in itertools.islice(samples(), PICTURES):
        for name, values in zip(points, request.infer({**empty, 0: sample}).values(), strict=True):
            low, high = found.get(name, (0.0, 0.0))
            found[name] = min(low, float(values.min())), max(high, float(values.max()))
    if not found:
        raise ModelError("int8 needs pictures to choose its ranges by")
    return found


def quantise(model: Any, found: Ranges) -> Any:
    """The model with its convolutions in int8, changed in place."""
    points, group = _points(model)
    joint: dict[str, tuple[float, float]] = {}
    for name in points:
        low, high = joint.get(group[name], (0.0, LEAST))
        joint[group[name]] = min(low, found[name][0]), max(high, found[name][1])
    layers = list(_layers(model))
    for name, output in points.items():
        low, high = joint[group[name]]
        if low < 0:  # symmetric, and -128 is a level
            high = max(high, -low * 127 / 128)
            low = -high * 128 / 127
        readers = list(output.get_target_inputs())
        levels = _levels(output, low, high, 256)
        for reader in readers:
            reader.replace_source_output(levels)
    for node, top in layers:
        weights = node.input(1)
        weights.replace_source_output(_levels(weights.get_source_output(), -top, top, 255))
    model.validate_nodes_and_infer_types()
    return model


def _layers(model: Any) -> Iterator[tuple[Any, Values]]:
    """The convolutions that are quantised, and the greatest magnitudes of their output channels."""
    for node in model.get_ordered_ops():
        channels = CONVOLUTIONS.get(node.get_type_name())
        if channels is None or (constant := node.input_value(1).get_node()).get_type_name() != "Constant":
            continue
        weights = constant.get_data()
        if channels == 1 and weights.shape[1] < NARROW and weights[0, 0].size == 1:
            continue
        top = np.maximum(np.abs(weights).max(tuple(range(channels, weights.ndim)), keepdims=True), 1e-9)
        step = top / 127
        lost = np.abs(np.rint(weights / step) * step - weights).mean()
        if lost <= WORST * np.abs(weights).mean():
            yield node, top


def _points(model: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The outputs to quantise, by name, and for each the name of the group with which it shares its range."""
    points: dict[str, Any] = {}
    group: dict[str, str] = {}

    def made(output: Any) -> list[str]:
        """What the tensor consists of, before it is pooled and joined."""
        node = output.get_node()
        kind = node.get_type_name()
        if kind == "MaxPool":
            return made(node.input_value(0))
        if kind == "Concat":
            names = [name for n in range(node.get_input_size()) for name in made(node.input_value(n))]
            joined = {group[name] for name in names}
            group.update({name: group[names[0]] for name in group if group[name] in joined})
            return names
        name = f"{node.get_friendly_name()}:{output.get_index()}"
        points[name] = output
        group.setdefault(name, name)
        return [name]

    for node, _ in _layers(model):
        made(node.input_value(0))
    return points, group


def _levels(output: Any, low: Any, high: Any, count: int) -> Any:
    """The tensor on so many levels from low to high."""
    from openvino import opset13

    ends = [opset13.constant(np.asarray(end, np.float32)) for end in (low, high, low, high)]
    return opset13.fake_quantize(output, *ends, count).output(0)


def _pairs(found: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}
