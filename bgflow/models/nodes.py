"""An ONNX graph as nodes and weights that can be changed and written back, without the onnx package.

Field numbers are those of onnx.proto3: ModelProto.ir_version 1, graph 7, opset_import 8; OperatorSetId.domain 1,
version 2; GraphProto.node 1, name 2, initializer 5, input 11, output 12; NodeProto.input 1, output 2, name 3,
op_type 4, attribute 5, domain 7; AttributeProto.name 1, f 2, i 3, s 4, t 5, floats 7, ints 8, type 20;
TensorProto.dims 1, data_type 2, float_data 4, int32_data 5, int64_data 7, name 8, raw_data 9, double_data 10.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bgflow.models import onnx
from bgflow.models.onnx import Tensor
from bgflow.models.protobuf import field as first
from bgflow.models.protobuf import fields, integer, message, number, string, text, varint

Values = np.ndarray[Any, Any]

IR_VERSION = 8
FLOAT, INT8, INT32, INT64, BOOL, HALF, BFLOAT = 1, 3, 6, 7, 9, 10, 16
DTYPES: dict[int, Any] = {
    FLOAT: np.float32, 2: np.uint8, INT8: np.int8, INT32: np.int32, INT64: np.int64, BOOL: np.bool_,
    HALF: np.float16, 11: np.float64, BFLOAT: np.uint16,
}  # fmt: skip
"""Elements of tensors; numpy has no bfloat16, so its bits are there as u16."""
FLOATS = {4: "<f4", 10: "<f8"}  # fields of fractions outside raw_data
NUMBER, INTEGER, STRING, TENSOR, NUMBERS, INTEGERS = 1, 2, 3, 4, 6, 7  # AttributeProto.type


@dataclass(frozen=True)
class Weight:
    """A constant tensor; `element` tells a bfloat16's bits from numbers of sixteen bits."""

    values: Values
    element: int

    @classmethod
    def of(cls, values: Values) -> Weight:
        """Of numpy's own type."""
        element = next(e for e, dtype in DTYPES.items() if dtype == values.dtype and e != BFLOAT)
        return cls(values, element)


@dataclass
class Node:
    """One operator; an input called '' is left out. Attributes are numbers, bytes, lists of numbers and Weights."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    domain: str = ""

    def __str__(self) -> str:
        return f"{self.op} {self.name or self.outputs[0]!r}"


@dataclass
class Graph:
    """The nodes in an order in which they can be computed, the weights by name, and the ends."""

    nodes: list[Node]
    weights: dict[str, Weight]
    inputs: list[Tensor]
    outputs: list[Tensor]
    opset: int

    def encoded(self) -> bytes:
        """An ONNX file."""
        parts = [message(1, _node(n)) for n in self.nodes]
        parts += [string(2, "bgflow")]
        parts += [message(5, _tensor(w) + string(8, name)) for name, w in self.weights.items()]
        for place, tensors in ((11, self.inputs), (12, self.outputs)):
            for t in tensors:
                fixed = None if None in t.shape else tuple(n for n in t.shape if n is not None)
                parts.append(message(place, onnx.declared(t.name, t.element, fixed)))
        return integer(1, IR_VERSION) + message(7, b"".join(parts)) + message(8, integer(2, self.opset))


def decoded(data: bytes) -> Graph:
    """The graph of an ONNX file; raises ValueError when `data` is none, or has a part that is not understood."""
    inputs, outputs = onnx.signature(data)
    model = memoryview(data)
    graph = Graph([], {}, inputs, outputs, 1)
    for n, _, value in fields(model):
        if n == 8 and not bytes(first(value, 1)):
            graph.opset = number(first(value, 2))
    for n, _, value in fields(first(model, 7)):
        if n == 1:
            graph.nodes.append(_read_node(value))
        elif n == 5:
            graph.weights[text(first(value, 8))] = _read_tensor(value)
    return graph


def _read_node(value: memoryview) -> Node:
    node = Node("", [], [])
    for n, _, part in fields(value):
        match n:
            case 1:
                node.inputs.append(text(part))
            case 2:
                node.outputs.append(text(part))
            case 3:
                node.name = text(part)
            case 4:
                node.op = text(part)
            case 5:
                node.attributes[text(first(part, 1))] = _read_attribute(part)
            case 7:
                node.domain = text(part)
    return node


def _read_attribute(value: memoryview) -> Any:
    kind = number(first(value, 20))
    if kind == NUMBER:
        return struct.unpack("<f", first(value, 2) or bytes(4))[0]
    if kind == INTEGER:
        return _signed(first(value, 3))
    if kind == STRING:
        return bytes(first(value, 4))
    if kind == TENSOR:
        return _read_tensor(first(value, 5))
    if kind == NUMBERS:
        return np.frombuffer(b"".join(bytes(v) for n, _, v in fields(value) if n == 7), "<f4").tolist()
    if kind == INTEGERS:
        return [i for n, whole, v in fields(value) if n == 8 for i in _integers(whole, v)]
    raise ValueError(f"attribute {text(first(value, 1))!r} is of kind {kind}")


def _read_tensor(value: memoryview) -> Weight:
    dims = [i for n, whole, v in fields(value) if n == 1 for i in _integers(whole, v)]
    element = number(first(value, 2))
    if element not in DTYPES:
        raise ValueError(f"tensor {text(first(value, 8))!r} has elements of type {element}")
    if any(n == 14 and number(v) for n, _, v in fields(value)):
        raise ValueError(f"tensor {text(first(value, 8))!r} lies in another file")
    dtype = np.dtype(DTYPES[element])
    raw = bytes(first(value, 9))
    if raw:
        return Weight(np.frombuffer(raw, dtype.newbyteorder("<")).reshape(dims), element)
    for place, form in FLOATS.items():
        if found := b"".join(bytes(v) for n, _, v in fields(value) if n == place):
            return Weight(np.frombuffer(found, form).astype(dtype).reshape(dims), element)
    whole = np.array([i for n, w, v in fields(value) if n in (5, 7) for i in _integers(w, v)], np.int64)
    if not whole.size:
        return Weight(np.zeros(dims, dtype), element)
    bits = whole.astype(np.uint16).view(dtype) if element in (HALF, BFLOAT) else whole.astype(dtype)
    return Weight(bits.reshape(dims), element)


def _integers(whole: memoryview, value: memoryview) -> list[int]:
    """One number, or a packed list of them."""
    if whole[0] & 7 == 0:
        return [_signed(value)]
    out, at = [], 0
    while at < len(value):
        end = at
        while value[end] & 128:
            end += 1
        out.append(_signed(value[at : end + 1]))
        at = end + 1
    return out


def _signed(value: memoryview) -> int:
    n = number(value) if len(value) else 0
    return n - (1 << 64) if n >= 1 << 63 else n


def _node(node: Node) -> bytes:
    parts = [string(1, name) for name in node.inputs] + [string(2, name) for name in node.outputs]
    parts += [string(3, node.name), string(4, node.op)]
    parts += [message(5, _attribute(name, value)) for name, value in node.attributes.items()]
    return b"".join(parts) + (string(7, node.domain) if node.domain else b"")


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, float):
        return string(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + integer(20, NUMBER)
    if isinstance(value, int):
        return string(1, name) + _integer(3, value) + integer(20, INTEGER)
    if isinstance(value, bytes):
        return string(1, name) + message(4, value) + integer(20, STRING)
    if isinstance(value, Weight):
        return string(1, name) + message(5, _tensor(value)) + integer(20, TENSOR)
    if value and isinstance(value[0], float):
        return string(1, name) + message(7, struct.pack(f"<{len(value)}f", *value)) + integer(20, NUMBERS)
    return string(1, name) + b"".join(_integer(8, v) for v in value) + integer(20, INTEGERS)


def _integer(place: int, value: int) -> bytes:
    return integer(place, value + (1 << 64) if value < 0 else value)


def _tensor(weight: Weight) -> bytes:
    dims = b"".join(integer(1, n) for n in weight.values.shape)
    return dims + integer(2, weight.element) + message(9, np.ascontiguousarray(weight.values).tobytes())
