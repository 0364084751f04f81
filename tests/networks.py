"""Networks for the tests: some so small that their answer is known, and the real ones from the store."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from bgflow import models
from bgflow.errors import ModelError
from bgflow.models import fetch


def pulled() -> models.Model:
    """U²-Netp, pulled if need be; without it the test is skipped unless BGFLOW_REQUIRE_MODEL is set."""
    model = models.get("u2netp")
    try:
        fetch.pull(model, progress=lambda done, total: None, note=lambda text: None)
    except ModelError as e:
        if os.environ.get("BGFLOW_REQUIRE_MODEL"):
            raise
        pytest.skip(str(e))
    return model


def stored(name: str) -> models.Model:
    """A model whose file is in the store; the test is skipped where it is not."""
    if not models.get(name).path.is_file():
        pytest.skip(f"needs {name}: bgflow models pull {name}")
    return models.find(name)


def tiny(path: Path, h: int = 32, w: int = 64) -> Path:
    """Write a network of two outputs to `path`: the mean and the maximum over the channels of a 1x3xhxw picture."""
    nodes = _over_channels("ReduceMean", "picture", "mean") + _over_channels("ReduceMax", "picture", "peak")
    outputs = _value(12, "mean", 1, 1, h, w) + _value(12, "peak", 1, 1, h, w)
    return _write(path, nodes + _value(11, "picture", 1, 3, h, w) + outputs)


def pixels(path: Path, h: int = 32, w: int = 64) -> Path:
    """Write a network from a 1xhxwx3 picture to itself, three channels of logits."""
    ends = _value(11, "picture", 1, h, w, 3) + _value(12, "logits", 1, h, w, 3)
    return _write(path, _node("Identity", ["picture"], "logits") + ends)


def adding(path: Path, h: int = 32, w: int = 64, free: bool = True) -> Path:
    """Write a network with a memory: sum = mean of the picture's channels * gain + the last sum.

    The memory has free dims, so that one of 1x1x1x1 will do for the first time.
    """
    nodes = _over_channels("ReduceMean", "picture", "mean") + _node("Mul", ["mean", "gain"], "more")
    nodes += _node("Add", ["more", "before"], "sum") + _node("Identity", ["sum"], "after")
    dims: tuple[int | None, ...] = (None, None, None, None) if free else (1, 1, h, w)
    inputs = _value(11, "picture", 1, 3, h, w) + _value(11, "before", *dims) + _value(11, "gain", 1)
    return _write(path, nodes + inputs + _value(12, "sum", 1, 1, h, w) + _value(12, "after", *dims))


def offset(path: Path, h: int = 32, w: int = 64) -> Path:
    """Write a network that takes 256 off the mean of its picture's channels: bf16 rounds what it is then told away.

    With `mean: [-256, -256, -256], std: [1, 1, 1]` the picture is 256..257, where bf16 has steps of 2.
    """
    nodes = _node("Conv", ["picture", "weight", "bias"], "mask")
    values = _constant("weight", [1 / 3] * 3, 1, 3, 1, 1) + _constant("bias", [-256], 1)
    return _write(path, nodes + values + _value(11, "picture", 1, 3, h, w) + _value(12, "mask", 1, 1, h, w))


def _constant(name: str, values: list[float], *shape: int) -> bytes:
    dims = b"".join(_number(1, n) for n in shape)
    return _message(5, dims + _number(2, 1) + _text(8, name) + _message(9, struct.pack(f"<{len(values)}f", *values)))


def _write(path: Path, graph: bytes) -> Path:
    path.write_bytes(_number(1, 8) + _message(7, graph + _text(2, "test")) + _message(8, _number(2, 13)))
    return path  # IR version 8, opset 13


def _node(kind: str, sources: list[str], target: str, attributes: bytes = b"") -> bytes:
    return _message(1, b"".join(_text(1, s) for s in sources) + _text(2, target) + _text(4, kind) + attributes)


def _over_channels(kind: str, source: str, target: str) -> bytes:
    axes = _message(5, _text(1, "axes") + _number(8, 1) + _number(20, 7))  # a list of integers
    keep = _message(5, _text(1, "keepdims") + _number(3, 1) + _number(20, 2))  # an integer
    return _node(kind, [source], target, axes + keep)


def _value(field: int, name: str, *shape: int | None) -> bytes:
    dims = b"".join(_message(1, b"" if n is None else _number(1, n)) for n in shape)
    return _message(field, _text(1, name) + _message(2, _message(1, _number(1, 1) + _message(2, dims))))


def _message(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _varint(value >> 7)
