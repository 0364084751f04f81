"""int8 through OpenVINO: which tensors become bytes, how far the answer moves, and where the ranges come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow import engines, environment, models
from bgflow.devices import device
from bgflow.engines.openvino import core
from bgflow.errors import ModelError
from bgflow.models import calibration, fakequantise
from tests.networks import pulled

openvino = pytest.importorskip("openvino")
op = pytest.importorskip("openvino.opset13")
Rng = np.random.default_rng


def joined(worst: float = 1.0) -> Any:
    """Two convolutions with ReLU, of which one is pooled and upsampled, are joined and go through a third.

    `worst` is one weight of each channel of the third; beside one of 110 int8 cannot hold the others.
    """
    random = Rng(1)

    def layer(x: Any, count: int, name: str, top: float = 1.0) -> Any:
        weights = random.normal(0, 0.3, (4, count, 3, 3)).astype(np.float32)
        weights[:, 0, 0, 0] = top
        made = op.convolution(x, op.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1])
        made.set_friendly_name(name)
        out = op.relu(made)
        out.set_friendly_name(f"{name} relu")
        return out

    x = op.parameter([1, 3, 16, 16], np.float32)
    x.set_friendly_name("picture")
    a, b = layer(x, 3, "first"), layer(x, 3, "second")
    pooled = op.max_pool(a, [1, 1], [1, 1], [0, 0], [0, 0], [1, 1])
    return openvino.Model([layer(op.concat([pooled.output(0), b], 1), 8, "third", worst)], [x])


def samples() -> Iterator[np.ndarray]:
    random = Rng(2)
    return (random.normal(0, 1, (1, 3, 16, 16)).astype(np.float32) for _ in range(4))


def answer(model: Any, x: np.ndarray) -> np.ndarray:
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return np.array(core().compile_model(model, "CPU", options).create_infer_request().infer({0: x})[0])


def quantised(make: Callable[[], Any]) -> Any:
    return fakequantise.quantise(make(), fakequantise.measured(core(), make(), samples))


def levels(model: Any) -> dict[str, tuple[float, float]]:
    """The range of every tensor that is quantised but weights."""
    found = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize" and node.input_value(0).get_node().get_type_name() != "Constant":
            low, high = (float(node.input_value(n).get_node().get_data()) for n in (1, 2))
            found[node.input_value(0).get_node().get_friendly_name()] = low, high
    return found


def test_the_answer_stays_near() -> None:
    x = next(samples())
    wanted = answer(joined(), x)
    assert 0 < np.abs(answer(quantised(joined), x) - wanted).max() < 0.03 * wanted.max()


def test_tensors_that_are_joined_share_one_range_and_the_joint_itself_is_not_quantised_again() -> None:
    found = levels(quantised(joined))
    assert len(found) == 3  # the picture and both branches
    assert found["first relu"] == found["second relu"]


def test_what_is_never_negative_has_all_levels_above_zero() -> None:
    found = levels(quantised(joined))
    assert found["first relu"][0] == 0
    low, high = found["picture"]
    assert low == pytest.approx(-high * 128 / 127)


def test_a_layer_whose_weights_int8_cannot_hold_stays_f32() -> None:
    found = levels(quantised(lambda: joined(worst=110.0)))
    assert set(found) == {"picture"}


def test_ranges_need_pictures() -> None:
    with pytest.raises(ModelError, match="^int8 needs pictures to choose its ranges by$"):
        fakequantise.measured(core(), joined(), lambda: iter(()))


def test_measured_ranges_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGFLOW_CACHE", str(tmp_path))
    asked = []

    def given() -> Iterator[np.ndarray]:
        for sample in samples():
            asked.append(1)
            yield sample

    first = fakequantise.ranges(core(), joined(), b"net", "net", given)
    once = len(asked)
    again = fakequantise.ranges(core(), joined(), b"net", "net", given)
    assert first == again
    assert len(asked) == once + 1  # the first alone, to tell whether they are the same pictures


@pytest.fixture(scope="module")
def u2netp() -> models.Model:
    return pulled()


def test_shipped_ranges_belong_to_the_exact_file(u2netp: models.Model) -> None:
    data = u2netp.path.read_bytes()
    assert fakequantise.shipped(data)
    assert fakequantise.shipped(data[:-1] + b"x") is None


def test_auto_takes_int8_where_ranges_are_shipped_and_the_processor_is_quick_at_it(u2netp: models.Model) -> None:
    made = engines.engine("openvino", device("cpu"))
    layout = u2netp.layout
    units = set(environment.flags())
    with made(u2netp.path, layout.shape(64, 64), device("cpu"), ends=layout.ends(64, 64)) as net:
        wanted = "bf16" if {"avx512_bf16", "amx_bf16"} & units else "fp32"
        assert net.precision == ("int8" if {"avx512_vnni", "avx_vnni", "amx_int8"} & units else wanted)


def test_u2netp_in_int8_is_within_a_hundredth_of_fp32_on_pictures_its_ranges_do_not_come_from(
    u2netp: models.Model,
) -> None:
    made, layout = engines.engine("openvino", device("cpu")), u2netp.layout
    shape, ends = layout.shape(192, 192), layout.ends(192, 192)
    pictures = [x.copy() for x in calibration.inputs(layout, 192, 192, fakequantise.PICTURES + 4)]
    out = np.empty((2, 4, *shape[2:]), np.float32)
    for row, precision in zip(out, ("fp32", "int8"), strict=True):
        with made(u2netp.path, shape, device("cpu"), ends=ends, precision=precision) as net:
            found = np.empty(net.out_shape, np.float32)
            for n, x in enumerate(pictures[fakequantise.PICTURES :]):
                net(x, found)
                row[n] = found[0, 0]
    assert 0 < np.abs(out[1] - out[0]).mean() < 0.01
