"""Enlargements of one channel as matrix products: the same answer, and what is left as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.engines.openvino import core
from bgflow.models import enlarge

openvino = pytest.importorskip("openvino")
op = pytest.importorskip("openvino.opset13")
side = st.integers(1, 9)


def enlarging(h: int, w: int, tall: int, wide: int, channels: int = 1, mode: str = "linear_onnx") -> Any:
    x = op.parameter([1, channels, h, w], np.float32)
    how = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "floor"}
    sizes, axes = (op.constant(np.array(two, np.int64)) for two in ((tall, wide), (2, 3)))
    made = op.interpolate(x, sizes, mode, "sizes", axes=axes, **how)
    made.set_friendly_name("larger")
    return openvino.Model([op.relu(made)], [x])


def kinds(model: Any) -> set[str]:
    return {node.get_type_name() for node in model.get_ordered_ops()}


def answer(model: Any, x: np.ndarray) -> np.ndarray:
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return np.array(core().compile_model(model, "CPU", options).create_infer_request().infer({0: x})[0])


@settings(max_examples=12, deadline=None)
@given(side, side, st.integers(1, 4), st.integers(0, 7))
def test_products_give_what_the_interpolation_gives(h: int, w: int, times: int, more: int) -> None:
    to = h * times + more, w * times
    x = np.random.default_rng(h * w).normal(0, 1, (1, 1, h, w)).astype(np.float32)
    changed = enlarge.by_products(enlarging(h, w, *to))
    assert "Interpolate" not in kinds(changed)
    assert np.abs(answer(changed, x) - answer(enlarging(h, w, *to), x)).max() < 1e-5


@pytest.mark.parametrize(
    "other", [{"channels": 2}, {"mode": "nearest"}, {"h": 16}], ids=["two channels", "nearest", "shrunk"]
)
def test_any_other_interpolation_stays(other: dict[str, Any]) -> None:
    changed = enlarge.by_products(enlarging(**{"h": 4, "w": 4, "tall": 8, "wide": 8, **other}))
    assert "Interpolate" in kinds(changed)


def test_products_keep_the_name_by_which_ranges_are_kept() -> None:
    changed = enlarge.by_products(enlarging(4, 4, 8, 8))
    assert "larger" in {node.get_friendly_name() for node in changed.get_ordered_ops()}
