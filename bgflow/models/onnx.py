"""Read the inputs and outputs of an ONNX file, and write it for another input shape, without the onnx package.

An ONNX file is one protobuf message; only the few fields below are looked at (onnx.proto3 of the ONNX standard):
ModelProto.graph 7; GraphProto.initializer 5, input 11, output 12, value_info 13; TensorProto.name 8;
ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; Tensor.elem_type 1, shape 2; TensorShapeProto.dim 1;
Dimension.dim_value 1. https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bgflow.errors import ModelError

GRAPH, INITIALIZER, INPUT, OUTPUT, VALUE_INFO = 7, 5, 11, 12, 13
FLOAT = 1


@dataclass(frozen=True)
class Tensor:
    """An input or output: its name, element type (1 is f32) and dims, None where a dim is free."""

    name: str
    element: int
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        element = "f32" if self.element == FLOAT else f"type {self.element}"
        return f"{self.name} {element}[{','.join('?' if n is None else str(n) for n in self.shape)}]"

    def fits(self, shape: tuple[int | None, ...]) -> bool:
        """Whether an f32 array of this shape may be bound here; free dims fit anything."""
        same = len(self.shape) == len(shape) and all(
            None in pair or pair[0] == pair[1] for pair in zip(self.shape, shape, strict=True)
        )
        return same and self.element == FLOAT


def read(path: Path, shape: tuple[int | None, ...], output: int) -> bytes:
    """The file's bytes, if it is a network from one picture of `shape` (None: any size) to at least `output` + 1 masks.

    Raises:
        ModelError: it cannot be read, or is another kind of network.
    """
    try:
        data = path.read_bytes()
        inputs, outputs = signature(data)
    except OSError as e:
        raise ModelError(f"{path}: {e.strerror}") from e
    except ValueError as e:
        raise ModelError(f"{path}: not an ONNX model: {e}") from e
    wanted = Tensor("", FLOAT, (*shape[:2], None, None))
    if len(inputs) != 1 or not inputs[0].fits(wanted.shape):
        raise ModelError(f"{path}: its inputs are {', '.join(map(str, inputs)) or 'none'}; wanted one{wanted}")
    if output >= len(outputs):
        raise ModelError(f"{path}: it has {len(outputs)} outputs; wanted output {output}")
    return data


def signature(data: bytes) -> tuple[list[Tensor], list[Tensor]]:
    """The inputs (weights left out) and the outputs of a model; raises ValueError when `data` is not an ONNX file."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    weights: set[str] = set()
    for number, _, value in _fields(_graph(memoryview(data))):
        if number == INITIALIZER:
            weights.add(_text(_field(value, 8)))
        elif number == INPUT:
            inputs.append(_tensor(value))
        elif number == OUTPUT:
            outputs.append(_tensor(value))
    return [t for t in inputs if t.name not in weights], outputs


def reshaped(data: bytes, shape: tuple[int, ...]) -> bytes:
    """The same model with its first input declared as `shape`; shapes that follow from it are left to be inferred."""
    first = signature(data)[0][0]
    if first.shape == shape:
        return data
    graph: list[bytes | memoryview] = []
    for number, whole, value in _fields(_graph(memoryview(data))):
        if number == INPUT and _text(_field(value, 1)) == first.name:
            graph.append(_message(INPUT, _declared(_tensor(value), shape)))
        elif number == OUTPUT:
            graph.append(_message(OUTPUT, _declared(_tensor(value), None)))
        elif number != VALUE_INFO:
            graph.append(whole)
    model = [_message(n, b"".join(graph)) if n == GRAPH else whole for n, whole, _ in _fields(memoryview(data))]
    return b"".join(model)


def _declared(tensor: Tensor, shape: tuple[int, ...] | None) -> bytes:
    """A ValueInfoProto."""
    kind = b"\x08" + _varint(tensor.element)
    if shape is not None:
        kind += _message(2, b"".join(_message(1, b"\x08" + _varint(n)) for n in shape))
    return _message(1, tensor.name.encode()) + _message(2, _message(1, kind))


def _tensor(value: memoryview) -> Tensor:
    kind = _field(_field(value, 2), 1)
    element = next((_number(v) for n, _, v in _fields(kind) if n == 1), 0)
    dims: list[int | None] = []
    for number, _, dim in _fields(_field(kind, 2)):
        if number == 1:
            dims.append(next((_number(v) for n, _, v in _fields(dim) if n == 1), None))
    return Tensor(_text(_field(value, 1)), element, tuple(dims))


def _graph(data: memoryview) -> memoryview:
    graph = _field(data, GRAPH)
    if not graph:
        raise ValueError("it holds no graph")
    return graph


def _field(message: memoryview, number: int) -> memoryview:
    """The value of the first field of that number, or nothing."""
    return next((value for n, _, value in _fields(message) if n == number), memoryview(b""))


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Every field: its number, all of its bytes, and its value (a varint stays encoded)."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read(message, at)
        match key & 7:
            case 0:
                begin, at = at, _read(message, at)[1]
            case 1:
                begin, at = at, at + 8
            case 2:
                size, begin = _read(message, at)
                at = begin + size
            case 5:
                begin, at = at, at + 4
            case _:
                raise ValueError(f"byte {start} starts no field")
        if at > len(message) or key < 8:
            raise ValueError(f"the field at byte {start} is broken")
        yield key >> 3, message[start:at], message[begin:at]


def _read(message: memoryview, at: int) -> tuple[int, int]:
    """A varint and where the next thing starts."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError(f"the number at byte {at} does not end")


def _number(value: memoryview) -> int:
    return _read(value, 0)[0]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", "replace")
