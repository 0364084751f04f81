"""Write a network in int8, explicitly: QuantizeLinear and DequantizeLinear around what convolutions take.

It is what TensorRT asks for since version 11, and what ONNX Runtime and OpenVINO run as well. Weights have one step for
each output channel, pictures one for each tensor, by the greatest magnitude that calibration pictures cause there.
Everything is symmetric, as TensorRT wants it (zero points of 0).

A layer whose weights int8 cannot hold stays f32: two of U²-Netp's 119 have channels in which a few weights are so large
that the others vanish (mean error 21 % in the worst; 0.5 to 5 % elsewhere), and that one alone ruins the mask.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bgflow.errors import ModelError
from bgflow.models import nodes, settle
from bgflow.models.nodes import FLOAT, Graph, Node, Values, Weight
from bgflow.models.onnx import Tensor

QUANTISED = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1, "Gemm": 0}
"""Operators whose two inputs are quantised, and the axis of their weights' output channels."""
MOVED = {"Split": ("split",), "Squeeze": ("axes",), "Unsqueeze": ("axes",), "ReduceSum": ("axes",)}
"""Attributes that opset 13 made inputs."""
WORST = 0.1
"""The mean error of a layer's weights, against their mean magnitude, above which it stays f32."""

Scales = Mapping[str, float]


def scales(data: bytes, picture: str, samples: Iterable[Values]) -> dict[str, float]:
    """The value of one step of int8 for each tensor that is to be quantised, measured in fp32 on the CPU.

    `data` is settled; `samples` are for its input `picture`, f32. A network's memory is empty for every picture.

    Raises:
        ModelError: there is no sample.
    """
    graph = nodes.decoded(data)
    wanted = sorted({node.inputs[0] for node in graph.nodes if _fits(node, graph)})
    watched = Graph(graph.nodes, graph.weights, graph.inputs, [Tensor(n, FLOAT, (None,)) for n in wanted], graph.opset)
    inputs = {t.name for t in graph.inputs}
    watched.outputs = [t for t in watched.outputs if t.name not in inputs] or graph.outputs
    run = settle.session(watched.encoded())
    feed: dict[str, Any] = {t.name: np.zeros([n or 1 for n in t.shape], np.float32) for t in graph.inputs}
    found: dict[str, float] = {}
    for sample in samples:
        feed[picture] = sample
        values = {**feed, **dict(zip((t.name for t in watched.outputs), run.run(None, feed), strict=True))}
        for name in wanted:
            found[name] = max(found.get(name, 0.0), float(np.abs(values[name]).max()))
    if len(found) < len(wanted):
        raise ModelError("int8 needs pictures to choose its ranges by")
    return {name: max(top, 1e-6) / 127 for name, top in found.items()}


def to(data: bytes, steps: Scales) -> bytes:
    """The same network, settled, with its convolutions and products in int8; the rest stays f32."""
    graph = nodes.decoded(data)
    made: list[Node] = []
    done: dict[str, str] = {}
    for node in graph.nodes:
        if _fits(node, graph) and node.inputs[0] in steps:
            x, w = node.inputs[:2]
            if x not in done:
                done[x] = _pair(graph, made, x, np.float32(steps[x]))
            if w not in done:
                done[w] = _weight(graph, made, w, node)
            node = Node(node.op, [done[x], done[w], *node.inputs[2:]], node.outputs, node.attributes, node.name)
        made.append(node)
    graph.nodes = made
    used = {name for node in made for name in node.inputs}
    graph.weights = {name: weight for name, weight in graph.weights.items() if name in used}
    _renew(graph)
    return graph.encoded()


def _renew(graph: Graph) -> None:
    """Write the graph in opset 13, since which a scale may belong to a channel and lists of axes are inputs."""
    if graph.opset >= 13:
        return
    for node in graph.nodes:
        moved = next((a for a in MOVED.get(node.op, ()) if a in node.attributes), "")
        if node.op == "Softmax" or graph.opset < 11:
            raise ModelError(f"int8 needs a network of ONNX opset 13 or newer; this one has {graph.opset}")
        if moved:
            name = f"{node.outputs[0]}_{moved}"
            graph.weights[name] = Weight.of(np.array(node.attributes.pop(moved), np.int64))
            node.inputs = [*node.inputs, name]
    graph.opset = 13


def encoded(steps: Scales) -> bytes:
    """As a file."""
    return json.dumps(dict(sorted(steps.items())), indent=0).encode()


def decoded(data: bytes) -> dict[str, float]:
    """From a file; raises ValueError where it is none."""
    return {str(name): float(step) for name, step in json.loads(data).items()}


def _fits(node: Node, graph: Graph) -> bool:
    if node.op not in QUANTISED or len(node.inputs) < 2 or node.inputs[1] not in graph.weights:
        return False
    weights, step, _ = _held(graph.weights[node.inputs[1]].values, node)
    values = graph.weights[node.inputs[1]].values
    return bool(np.abs(weights * step - values).mean() <= WORST * np.abs(values).mean())


def _held(values: Values, node: Node) -> tuple[Values, Values, int]:
    """Weights as int8 values, their steps with the dims of the weights, and the axis of the channels they belong to."""
    axis = QUANTISED[node.op] % values.ndim
    if node.op == "Gemm" and not node.attributes.get("transB", 0):
        axis = 1
    if node.op == "ConvTranspose" and node.attributes.get("group", 1) != 1:
        axis = 0  # there the channels of a group share a scale of the input's
    others = tuple(n for n in range(values.ndim) if n != axis)
    step = np.maximum(np.abs(values).max(others, keepdims=True), 1e-9).astype(np.float32) / np.float32(127)
    return np.clip(np.rint(values / step), -127, 127), step, axis


def _pair(graph: Graph, made: list[Node], name: str, step: Any) -> str:
    """Quantise a tensor and take it back; what TensorRT fuses into the operator behind it."""
    graph.weights[f"{name}_step"] = Weight.of(np.asarray(step, np.float32))
    graph.weights[f"{name}_zero"] = Weight.of(np.zeros(np.shape(step), np.int8))
    given = [f"{name}_step", f"{name}_zero"]
    made.append(Node("QuantizeLinear", [name, *given], [f"{name}_q"], {}, f"{name}_q"))
    made.append(Node("DequantizeLinear", [f"{name}_q", *given], [f"{name}_dq"], {}, f"{name}_dq"))
    return f"{name}_dq"


def _weight(graph: Graph, made: list[Node], name: str, node: Node) -> str:
    """The weights as int8 with a step for each output channel, taken back where they are used."""
    values, step, axis = _held(graph.weights[name].values, node)
    graph.weights[f"{name}_q"] = Weight.of(values.astype(np.int8))
    graph.weights[f"{name}_step"] = Weight.of(step.reshape(-1))
    graph.weights[f"{name}_zero"] = Weight.of(np.zeros(step.size, np.int8))
    given = [f"{name}_q", f"{name}_step", f"{name}_zero"]
    made.append(Node("DequantizeLinear", given, [f"{name}_dq"], {"axis": axis}, f"{name}_dq"))
    return f"{name}_dq"
