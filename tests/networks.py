"""Networks for the tests: one so small that its answer is known, and the real U²-Netp from the store."""

from __future__ import annotations

import os
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


def tiny(path: Path, h: int = 32, w: int = 64) -> Path:
    """Write a network of two outputs to `path`: the mean and the maximum over the channels of a 1x3xhxw picture."""
    nodes = _node("ReduceMean", "picture", "mean") + _node("ReduceMax", "picture", "peak")
    outputs = _value(12, "mean", 1, 1, h, w) + _value(12, "peak", 1, 1, h, w)
    graph = nodes + _text(2, "tiny") + _value(11, "picture", 1, 3, h, w) + outputs
    path.write_bytes(_number(1, 8) + _message(7, graph) + _message(8, _number(2, 13)))  # IR version 8, opset 13
    return path


def _node(kind: str, source: str, target: str) -> bytes:
    axes = _message(5, _text(1, "axes") + _number(8, 1) + _number(20, 7))  # a list of integers
    keep = _message(5, _text(1, "keepdims") + _number(3, 1) + _number(20, 2))  # an integer
    return _message(1, _text(1, source) + _text(2, target) + _text(4, kind) + axes + keep)


def _value(field: int, name: str, *shape: int) -> bytes:
    dims = b"".join(_message(1, _number(1, n)) for n in shape)
    return _message(field, _text(1, name) + _message(2, _message(1, _number(1, 1) + _message(2, dims))))


def _message(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _varint(value >> 7)
