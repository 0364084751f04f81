"""Write a network in half precision: weights, and everything between picture and mask, in fp16 or bf16.

TensorRT computes in the types that the ONNX names, and since version 11 in no others. The picture, the mask and the
memory stay f32 outside, and so does what an operator wants in f32 by the standard: the scales of Resize.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bgflow.models import nodes
from bgflow.models.nodes import BFLOAT, FLOAT, HALF, Graph, Node, Values, Weight

ELEMENTS = {"fp16": HALF, "bf16": BFLOAT}
SINGLE = {"Resize": (1, 2), "QuantizeLinear": (1,), "DequantizeLinear": (1,)}
"""Inputs that stay f32, by operator."""
LARGEST = 65504.0  # of fp16


def to(data: bytes, precision: str) -> bytes:
    """The same network, settled, computing in `fp16` or `bf16`; its inputs and outputs stay f32."""
    graph = nodes.decoded(data)
    element = ELEMENTS[precision]
    single = _single(graph)
    for name, weight in graph.weights.items():
        if weight.element == FLOAT and name not in single:
            graph.weights[name] = Weight(_rounded(weight.values, element), element)
    ends = {t.name for t in graph.inputs if t.element == FLOAT and t.name not in single}
    results = {t.name for t in graph.outputs if t.element == FLOAT and t.name not in single}
    graph.nodes = [
        *(Node("Cast", [name], [_inside(name)], {"to": element}, f"{name}_in") for name in sorted(ends)),
        *_inner(graph, ends | results, element, single),
        *(Node("Cast", [_inside(name)], [name], {"to": FLOAT}, f"{name}_out") for name in sorted(results - ends)),
    ]
    return graph.encoded()


def _inner(graph: Graph, renamed: set[str], element: int, single: set[str]) -> Iterator[Node]:
    for node in graph.nodes:
        attributes = node.attributes
        keeps = single.issuperset(node.outputs)
        if node.op == "Cast" and attributes.get("to") == FLOAT and not keeps:
            attributes = {**attributes, "to": element}
        if node.op == "Constant" and not keeps and isinstance(attributes.get("value"), Weight):
            value = attributes["value"]
            if value.element == FLOAT:
                attributes = {**attributes, "value": Weight(_rounded(value.values, element), element)}
        inputs = [_inside(name) if name in renamed else name for name in node.inputs]
        outputs = [_inside(name) if name in renamed else name for name in node.outputs]
        yield Node(node.op, inputs, outputs, attributes, node.name, node.domain)


def _single(graph: Graph) -> set[str]:
    """The values that only inputs of SINGLE, or what leads to them, want."""
    wanted: set[str] = set()
    for node in reversed(graph.nodes):
        for place, name in enumerate(node.inputs):
            if place in SINGLE.get(node.op, ()) or wanted.intersection(node.outputs):
                wanted.add(name)
    return wanted


def _inside(name: str) -> str:
    return f"{name}_low"


def _rounded(values: Values, element: int) -> Values:
    """To the nearest, ties to even; what fp16 cannot hold becomes its largest."""
    if element == HALF:
        return np.clip(values, -LARGEST, LARGEST).astype(np.float16)
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    up = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.asarray(up, np.uint16).reshape(values.shape)
