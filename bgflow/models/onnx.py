"""Read the inputs and outputs of an ONNX file, and write it for another input shape, without the onnx package.

An ONNX file is one protobuf message; only the few fields below are looked at (onnx.proto3 of the ONNX standard):
ModelProto.graph 7; GraphProto.initializer 5, input 11, output 12, value_info 13; TensorProto.name 8;
ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; Tensor.elem_type 1, shape 2; TensorShapeProto.dim 1;
Dimension.dim_value 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bgflow.models.protobuf import field, fields, integer, message, number, string, text

GRAPH, INITIALIZER, INPUT, OUTPUT, VALUE_INFO = 7, 5, 11, 12, 13
FLOAT = 1

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Tensor:
    """An input or output: its name, element type (1 is f32) and dims, None where a dim is free."""

    name: str
    element: int
    shape: Shape

    def __str__(self) -> str:
        element = "f32" if self.element == FLOAT else f"type {self.element}"
        return f"{self.name} {element}[{','.join('?' if n is None else str(n) for n in self.shape)}]".lstrip()

    def fits(self, shape: Shape) -> bool:
        """Whether an f32 array of this shape may be bound here; free dims fit anything."""
        same = len(self.shape) == len(shape) and all(
            None in pair or pair[0] == pair[1] for pair in zip(self.shape, shape, strict=True)
        )
        return same and self.element == FLOAT


def signature(data: bytes) -> tuple[list[Tensor], list[Tensor]]:
    """The inputs (weights left out) and the outputs of a model; raises ValueError when `data` is not an ONNX file."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    weights: set[str] = set()
    for n, _, value in fields(_graph(memoryview(data))):
        if n == INITIALIZER:
            weights.add(text(field(value, 8)))
        elif n == INPUT:
            inputs.append(_tensor(value))
        elif n == OUTPUT:
            outputs.append(_tensor(value))
    return [t for t in inputs if t.name not in weights], outputs


def reshaped(data: bytes, shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """The same model with these inputs' shapes declared; shapes that follow from them are left to be inferred."""
    if all(shapes.get(t.name, t.shape) == t.shape for t in signature(data)[0]):
        return data
    graph: list[bytes | memoryview] = []
    for n, whole, value in fields(_graph(memoryview(data))):
        if n == INPUT and (name := text(field(value, 1))) in shapes:
            graph.append(message(INPUT, declared(name, _tensor(value).element, shapes[name])))
        elif n == OUTPUT:
            tensor = _tensor(value)
            graph.append(message(OUTPUT, declared(tensor.name, tensor.element, None)))
        elif n != VALUE_INFO:
            graph.append(whole)
    model = [message(n, b"".join(graph)) if n == GRAPH else whole for n, whole, _ in fields(memoryview(data))]
    return b"".join(model)


def declared(name: str, element: int, shape: tuple[int, ...] | None) -> bytes:
    """A ValueInfoProto."""
    kind = integer(1, element)
    if shape is not None:
        kind += message(2, b"".join(message(1, integer(1, n)) for n in shape))
    return string(1, name) + message(2, message(1, kind))


def _tensor(value: memoryview) -> Tensor:
    kind = field(field(value, 2), 1)
    element = next((number(v) for n, _, v in fields(kind) if n == 1), 0)
    dims: list[int | None] = []
    for n, _, dim in fields(field(kind, 2)):
        if n == 1:
            dims.append(next((number(v) for m, _, v in fields(dim) if m == 1), None))
    return Tensor(text(field(value, 1)), element, tuple(dims))


def _graph(data: memoryview) -> memoryview:
    graph = field(data, GRAPH)
    if not graph:
        raise ValueError("it holds no graph")
    return graph
