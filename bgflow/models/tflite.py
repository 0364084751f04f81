"""TensorFlow Lite files as ONNX: the operators of MediaPipe's segmentation networks, its own one too.

A `.tflite` file is a FlatBuffer (https://flatbuffers.dev/internals): a table knows where its fields are, by number, as
TensorFlow's schema.fbs counts them. Pictures are NHWC there and NCHW in the ONNX that is made of it; everything else is
the same graph. Weights stored in halves become f32.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bgflow.models.onnx import FLOAT, declared
from bgflow.models.protobuf import integer, message, string

IR_VERSION, OPSET = 8, 14
ELEMENTS: dict[int, Any] = {0: np.float32, 1: np.float16, 2: np.int32}
SAME, VALID = 0, 1  # paddings
Weights = np.ndarray[Any, Any]


def to_onnx(data: bytes) -> bytes:
    """The network of a `.tflite` file as an ONNX model, its picture 1x3xHxW; ValueError where that cannot be."""
    try:
        if data[4:8] != b"TFL3":
            raise ValueError("it does not begin as one")
        return _Graph(Table(data, struct.unpack_from("<I", data, 0)[0])).model()
    except (struct.error, IndexError, KeyError) as e:
        raise ValueError("it is damaged") from e


@dataclass(frozen=True)
class Table:
    """One table of a FlatBuffer; an absent field has the value that the schema gives it."""

    data: bytes
    at: int

    def _place(self, field: int) -> int:
        table = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        if 4 + 2 * field >= struct.unpack_from("<H", self.data, table)[0]:
            return 0
        offset: int = struct.unpack_from("<H", self.data, table + 4 + 2 * field)[0]
        return self.at + offset if offset else 0

    def number(self, field: int, kind: str = "i", default: int = 0) -> int:
        """A number of that `struct` format."""
        place = self._place(field)
        found: int = struct.unpack_from(f"<{kind}", self.data, place)[0] if place else default
        return found

    def table(self, field: int) -> Table:
        """A table; one without fields when it is absent."""
        place = self._place(field)
        return Table(self.data, _follow(self.data, place)) if place else Table(b"\x04\0\0\0\x04\0\0\0", 4)

    def tables(self, field: int) -> list[Table]:
        """A vector of tables."""
        start, count = self._vector(field)
        return [Table(self.data, _follow(self.data, start + 4 * n)) for n in range(count)]

    def numbers(self, field: int) -> list[int]:
        """A vector of 32-bit integers."""
        start, count = self._vector(field)
        return list(struct.unpack_from(f"<{count}i", self.data, start))

    def bytes(self, field: int) -> bytes:
        """A vector of bytes, or a string."""
        start, count = self._vector(field)
        return self.data[start : start + count]

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._place(field)
        if not place:
            return 0, 0
        start = _follow(self.data, place)
        return start + 4, struct.unpack_from("<I", self.data, start)[0]


def _follow(data: bytes, at: int) -> int:
    there: int = at + struct.unpack_from("<I", data, at)[0]
    return there


class _Graph:
    """The network's first graph on its way to ONNX: nodes and weights as fields of a GraphProto."""

    def __init__(self, root: Table):
        self.codes = [(c.number(0, "b") or c.number(3), c.bytes(1).decode()) for c in root.tables(1)]
        graph = root.tables(2)[0]
        self.tensors, self.operators = graph.tables(0), graph.tables(3)
        self.ends = graph.numbers(1), graph.numbers(2)
        self.buffers = [b.bytes(0) for b in root.tables(4)]
        self.halves: dict[int, int] = {}  # a tensor that a DEQUANTIZE makes, and the weights that it makes it of
        self.parts: list[bytes] = []

    def model(self) -> bytes:
        for op in self.operators:
            code, custom = self.codes[op.number(0)]
            if code == 6:
                self.halves[op.numbers(2)[0]] = op.numbers(1)[0]
            elif convert := OPERATORS.get(custom or code):
                convert(self, op.numbers(1), op.numbers(2)[0], op)
            else:
                raise ValueError(f"its operator {custom or code} has no counterpart here")
        for field, ends in zip((11, 12), self.ends, strict=True):
            self.parts += [message(field, declared(self.name(t), FLOAT, self.shape(t))) for t in ends]
        graph = b"".join(self.parts) + string(2, "tflite")
        return integer(1, IR_VERSION) + message(7, graph) + message(8, integer(2, OPSET))

    def name(self, tensor: int) -> str:
        return self.tensors[tensor].bytes(3).decode()

    def shape(self, tensor: int) -> tuple[int, ...]:
        """A picture's shape as NCHW."""
        n, h, w, c = self.tensors[tensor].numbers(0)
        return n, c, h, w

    def values(self, tensor: int) -> Weights:
        """What the file holds of a tensor."""
        about = self.tensors[self.halves.get(tensor, tensor)]
        found = np.frombuffer(self.buffers[about.number(2, "I")], ELEMENTS[about.number(1, "b")])
        return found.reshape(about.numbers(0))

    def weights(self, name: str, values: Weights) -> str:
        """Add an initializer."""
        dims = b"".join(integer(1, n) for n in values.shape)
        raw = np.ascontiguousarray(values, np.float32).tobytes()
        self.parts.append(message(5, dims + integer(2, FLOAT) + string(8, name) + message(9, raw)))
        return name

    def node(self, kind: str, inputs: list[str], output: int, **attributes: str | int | list[int]) -> None:
        made = b"".join(string(1, n) for n in inputs) + string(2, self.name(output)) + string(4, kind)
        for name, value in attributes.items():
            if isinstance(value, str):
                typed = string(4, value) + integer(20, 3)
            elif isinstance(value, int):
                typed = integer(3, value) + integer(20, 2)
            else:
                typed = b"".join(integer(8, n) for n in value) + integer(20, 7)
            made += message(5, string(1, name) + typed)
        self.parts.append(message(1, made))


def _plain(kind: str, activation: bool = False) -> Callable[[_Graph, list[int], int, Table], None]:
    """An operator that ONNX has under another name; `activation` where one might be fused behind it."""

    def convert(g: _Graph, inputs: list[int], output: int, op: Table) -> None:
        if activation:
            _refuse(op.table(4).number(0, "b"), f"{kind} with an activation")
        g.node(kind, [g.name(t) for t in inputs], output)

    return convert


def _refuse(wrong: object, what: str) -> None:
    if wrong:
        raise ValueError(f"it has a {what}, which has no counterpart here")


def _convolution(g: _Graph, inputs: list[int], output: int, op: Table) -> None:
    about, deep = op.table(4), g.codes[op.number(0)][0] == 4
    _refuse(about.number(4 if deep else 3, "b"), "convolution with an activation")
    values = g.values(inputs[1])  # OHWI, of a depthwise one 1HWO
    w = g.weights(f"{g.name(output)}/w", values.transpose((3, 0, 1, 2) if deep else (0, 3, 1, 2)))
    bias = g.weights(f"{g.name(output)}/b", g.values(inputs[2]))
    pad = "SAME_UPPER" if about.number(0, "b") == SAME else "VALID"
    group = values.shape[3] if deep else 1
    strides = [about.number(2), about.number(1)]
    g.node("Conv", [g.name(inputs[0]), w, bias], output, auto_pad=pad, strides=strides, group=group)


def _transposed(g: _Graph, inputs: list[int], output: int, op: Table) -> None:
    """MediaPipe's Convolution2DTransposeBias; its options are padding, step to the right and step down."""
    values = g.values(inputs[1])  # OHWI
    _, right, down = struct.unpack_from("<3i", op.bytes(5))
    _refuse((down, right) != values.shape[1:3], "transposed convolution whose windows overlap")
    w = g.weights(f"{g.name(output)}/w", values.transpose(3, 0, 1, 2))
    bias = g.weights(f"{g.name(output)}/b", g.values(inputs[2]))
    g.node("ConvTranspose", [g.name(inputs[0]), w, bias], output, strides=[down, right])


def _mean(g: _Graph, inputs: list[int], output: int, op: Table) -> None:
    _refuse(g.shape(output)[2:] != (1, 1), "mean over a part of the picture")
    g.node("GlobalAveragePool", [g.name(inputs[0])], output)


def _enlarged(g: _Graph, inputs: list[int], output: int, op: Table) -> None:
    _refuse(not op.table(4).number(3, "b"), "resize whose pixels are corners")
    factors = np.array(g.shape(output)) / np.array(g.shape(inputs[0]))
    scales = g.weights(f"{g.name(output)}/scales", factors)
    g.node(
        "Resize", [g.name(inputs[0]), "", scales], output, mode="linear", coordinate_transformation_mode="half_pixel"
    )


OPERATORS: dict[int | str, Callable[[_Graph, list[int], int, Table], None]] = {
    0: _plain("Add", True),
    1: _mean,
    3: _convolution,
    4: _convolution,
    14: _plain("Sigmoid"),
    18: _plain("Mul", True),
    19: _plain("Relu"),
    23: _enlarged,
    117: _plain("HardSwish"),
    "Convolution2DTransposeBias": _transposed,
}
