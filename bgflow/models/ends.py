"""What of a network is the picture, the mask, its memory and a constant; found in its file before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bgflow.errors import ModelError
from bgflow.models import onnx, tflite
from bgflow.models.onnx import FLOAT, Shape, Tensor

Values = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ends:
    """The names: `input` is the picture, '' the only one that nothing else feeds; `output` the mask, a name or a place.

    An input among the keys of `state` gets what the output it names gave at the last call, at first zeros. One among
    `constants` always gets that number.
    """

    input: str = ""
    output: str | int = 0
    state: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    layout: Literal["nchw", "nhwc"] = "nchw"


@dataclass(frozen=True)
class Network:
    """A network's bytes, as ONNX, and the tensors behind its Ends; constants are there as arrays."""

    data: bytes
    picture: Tensor
    mask: Tensor
    state: tuple[tuple[Tensor, Tensor], ...]
    constants: tuple[tuple[str, Values], ...]


def read(path: Path, shape: Shape, ends: Ends) -> Network:
    """The network in an `.onnx` or `.tflite` file, if it has these ends and takes a picture of `shape` (None: any).

    Raises:
        ModelError: the file cannot be read, or has other tensors: names those that were found and the wanted ones.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".tflite":
            data = tflite.to_onnx(data)
        inputs, outputs = onnx.signature(data)
    except OSError as e:
        raise ModelError(f"{path}: {e.strerror}") from e
    except ValueError as e:
        raise ModelError(f"{path}: not {'a TFLite' if path.suffix == '.tflite' else 'an ONNX'} model: {e}") from e
    try:
        return _matched(data, inputs, outputs, shape, ends)
    except ModelError as e:
        raise ModelError(f"{path}: {e}") from None


def _matched(data: bytes, inputs: list[Tensor], outputs: list[Tensor], shape: Shape, ends: Ends) -> Network:
    state = tuple((_named(inputs, i, "input"), _named(outputs, o, "output")) for i, o in ends.state.items())
    constants = tuple((name, _full(_named(inputs, name, "input"), value)) for name, value in ends.constants.items())
    fed = {*ends.state, *ends.constants}
    left = [t for t in inputs if t.name not in fed]
    free = {2, 3} if ends.layout == "nchw" else {1, 2}  # any network may be tried with another size than its file's
    if shape[0] != 1:
        free.add(0)  # and with more pictures at once
    wanted = Tensor("", FLOAT, tuple(None if axis in free else n for axis, n in enumerate(shape)))
    if ends.input:
        picture = _named(inputs, ends.input, "input")
        if rest := [t for t in left if t != picture]:
            raise ModelError(f"nothing feeds its inputs {_list(rest)}; name them under state")
    elif len(left) == 1:
        picture = left[0]
    else:
        raise ModelError(f"its inputs are {_list(left) or 'none'}; wanted one {wanted}")
    if not picture.fits(wanted.shape):
        raise ModelError(f"its input is {picture}; wanted {wanted}")
    if isinstance(ends.output, str):
        mask = _named(outputs, ends.output, "output")
    elif ends.output < len(outputs):
        mask = outputs[ends.output]
    else:
        raise ModelError(f"it has {len(outputs)} outputs; wanted output {ends.output}")
    if mask.element != FLOAT or len(mask.shape) == 1 or len(mask.shape) > 4:
        raise ModelError(f"its output is {mask}; wanted a map, f32[1,?,?,?], f32[1,?,?] or f32[?,?]")
    for before, after in state:
        if before.element != FLOAT or after.element != FLOAT or not before.fits(after.shape):
            raise ModelError(f"its input {before} cannot take its output {after}; a state has one shape in f32")
    return Network(data, picture, mask, state, constants)


def _full(tensor: Tensor, value: float) -> Values:
    return np.full([n or 1 for n in tensor.shape], value, np.float32)


def _named(tensors: Sequence[Tensor], name: str, what: str) -> Tensor:
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    raise ModelError(f"it has no {what} {name!r}; its {what}s are {_list(tensors) or 'none'}")


def _list(tensors: Sequence[Tensor]) -> str:
    return ", ".join(map(str, tensors))
