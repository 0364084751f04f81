"""Networks made fit for a GPU: read and written back, settled, cast to halves, quantised."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.errors import ModelError
from bgflow.models import calibration, cast, nodes, onnx, quantise
from bgflow.models.ends import Ends
from bgflow.models.nodes import BFLOAT, FLOAT, HALF, Graph, Node, Weight
from bgflow.models.onnx import Tensor
from bgflow.models.settle import Settled, session, settled
from tests.networks import adding, pulled, stored, tiny

MEMORY = Ends("picture", "sum", {"before": "after"}, {"gain": 0.5})


def run(data: bytes, **inputs: Any) -> dict[str, Any]:
    net = session(data)
    names = [t.name for t in net.get_outputs()]
    return dict(zip(names, net.run(names, inputs), strict=True))


def real(name: str, size: tuple[int, int]) -> tuple[Settled, Any]:
    """One of bgflow's networks, and a picture for it."""
    model = stored(name)
    picture = next(itertools.islice(calibration.inputs(model.layout, *size, count=3), 2, 3)).copy()
    return settled(model.path, model.layout.shape(*size), model.layout.ends(*size)), picture


def answer(data: bytes, net: Settled, picture: Any) -> Any:
    empty = {before.name: np.zeros([n or 1 for n in before.shape], np.float32) for before, _ in net.state}
    return run(data, **{net.picture.name: picture}, **empty)[net.mask.name]


@pytest.mark.parametrize(("name", "size"), [("u2netp", (96, 160)), ("modnet", (96, 160)), ("rvm", (96, 160))])
def test_a_real_network_read_and_written_back_gives_the_same(name: str, size: tuple[int, int]) -> None:
    net, picture = real(name, size)
    again = nodes.decoded(net.data).encoded()
    np.testing.assert_array_equal(answer(again, net, picture), answer(net.data, net, picture))


@given(
    value=st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(width=32, allow_nan=False),
        st.binary(),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
        st.lists(st.floats(width=32, allow_nan=False), min_size=1),
    )
)
@settings(deadline=None)
def test_attributes_come_back_as_they_were(value: Any) -> None:
    ends = [Tensor("x", FLOAT, (1, 1, 2, 2))], [Tensor("y", FLOAT, (None,))]
    graph = nodes.decoded(Graph([Node("Odd", ["x"], ["y"], {"a": value})], {}, *ends, 13).encoded())
    assert graph.nodes == [Node("Odd", ["x"], ["y"], {"a": value})]


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.int32, np.int64, np.float64, np.bool_])
def test_weights_come_back_as_they_were(dtype: Any) -> None:
    values = np.arange(6).reshape(2, 3).astype(dtype)
    ends = [Tensor("x", FLOAT, (1, 1, 2, 2))], [Tensor("y", FLOAT, (None,))]
    graph = nodes.decoded(Graph([], {"w": Weight.of(values)}, *ends, 13).encoded())
    np.testing.assert_array_equal(graph.weights["w"].values, values)
    assert graph.weights["w"].values.dtype == dtype


def test_a_settled_network_has_one_picture_one_mask_and_known_shapes(tmp_path: Path) -> None:
    net = settled(tiny(tmp_path / "tiny.onnx"), (1, 3, 64, 96), Ends(output=1))
    assert [[str(t) for t in ends] for ends in onnx.signature(net.data)] == [
        ["picture f32[1,3,64,96]"],
        ["peak f32[1,1,64,96]"],
    ]


@pytest.mark.parametrize("free", [True, False])
def test_constants_are_written_in_and_the_memory_has_the_size_it_grows_to(tmp_path: Path, free: bool) -> None:
    net = settled(adding(tmp_path / "adding.onnx", free=free), (1, 3, 32, 64), MEMORY)
    assert {t.name for t in onnx.signature(net.data)[0]} == {"picture", "before"}
    assert (net.mask_shape, net.state_shapes) == ((1, 1, 32, 64), [(1, 1, 32, 64)])
    x = np.full((1, 3, 32, 64), 0.5, np.float32)
    np.testing.assert_allclose(run(net.data, picture=x, before=x[:, :1])["sum"], 0.75)


def test_what_is_computed_from_shapes_is_gone() -> None:
    model = pulled()
    net = settled(model.path, (1, 3, 96, 160), Ends())
    kinds = {n.op for n in nodes.decoded(net.data).nodes}
    assert kinds == {"Conv", "Relu", "MaxPool", "Concat", "Resize", "Add", "Sigmoid"}


@pytest.mark.parametrize(
    ("name", "size", "far"), [("u2netp", (160, 288), 5e-3), ("modnet", (96, 160), 1e-3), ("selfie", (256, 256), 1e-3)]
)
def test_a_network_in_fp16_stays_near_and_is_half_as_large(name: str, size: tuple[int, int], far: float) -> None:
    net, picture = real(name, size)
    half = cast.to(net.data, "fp16")
    assert len(half) < 0.56 * len(net.data)
    assert np.abs(answer(half, net, picture) - answer(net.data, net, picture)).mean() < far


def test_a_cast_network_takes_and_gives_f32_and_has_its_weights_in_halves() -> None:
    net, _ = real("rvm", (96, 160))
    for precision in ("fp16", "bf16"):
        graph = nodes.decoded(cast.to(net.data, precision))
        assert {t.element for t in (*graph.inputs, *graph.outputs)} == {FLOAT}
        kept = {name for name, w in graph.weights.items() if w.element == FLOAT}
        scales = {name for n in graph.nodes if n.op == "Resize" for name in n.inputs[1:3]}
        assert kept <= scales


@given(st.lists(st.floats(-(2.0**120), 2.0**120, width=32)))
def test_bf16_is_the_nearest(values: list[float]) -> None:
    exact = np.array(values, np.float32)
    back = (cast._rounded(exact, BFLOAT).astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_allclose(back, exact, rtol=2**-8, atol=2**-126)


def test_fp16_does_not_overflow() -> None:
    values = cast._rounded(np.array([1e6, -1e6, 1.5], np.float32), HALF)
    assert values.tolist() == [65504, -65504, 1.5]


def convolution(weights: Any, opset: int = 13) -> bytes:
    """A network of one convolution from 2 channels to those of `weights`."""
    node = Node("Conv", ["x", "w"], ["y"], {"kernel_shape": [1, 1]})
    shape = (1, 2, 4, 4)
    ends = [Tensor("x", FLOAT, shape)], [Tensor("y", FLOAT, (1, len(weights), 4, 4))]
    return Graph([node], {"w": Weight.of(np.float32(weights).reshape(-1, 2, 1, 1))}, *ends, opset).encoded()


def test_each_channel_of_weights_has_a_step_of_its_own() -> None:
    data = quantise.to(convolution([[127, 1], [1.27, 0.01]]), {"x": 1 / 127})
    graph = nodes.decoded(data)
    np.testing.assert_allclose(graph.weights["w_step"].values, [1, 0.01])
    np.testing.assert_array_equal(graph.weights["w_q"].values.reshape(2, 2), [[127, 1], [127, 1]])


def test_a_quantised_convolution_is_as_near_as_its_steps() -> None:
    x = np.random.default_rng(1).uniform(-1, 1, (1, 2, 4, 4)).astype(np.float32)
    data = convolution([[1, 0.5], [-0.25, 0.1]])
    steps = quantise.scales(data, "x", [x])
    assert steps == pytest.approx({"x": np.abs(x).max() / 127})
    far = np.abs(run(quantise.to(data, steps), x=x)["y"] - run(data, x=x)["y"])
    assert 0 < far.max() < 3 / 127


def test_weights_that_int8_cannot_hold_stay_f32() -> None:
    weights = np.full((1, 2, 8, 8), 0.003, np.float32)
    weights[0, 0, 0, 0] = 1  # beside it the others are less than half a step
    node = Node("Conv", ["x", "w"], ["y"], {"kernel_shape": [8, 8]})
    ends = [Tensor("x", FLOAT, (1, 2, 8, 8))], [Tensor("y", FLOAT, (1, 1, 1, 1))]
    data = Graph([node], {"w": Weight.of(weights)}, *ends, 13).encoded()
    assert quantise.scales(data, "x", [np.ones((1, 2, 8, 8), np.float32)]) == {}
    assert [n.op for n in nodes.decoded(quantise.to(data, {"x": 0.1})).nodes] == ["Conv"]


def test_int8_of_an_old_opset_is_one_line() -> None:
    with pytest.raises(ModelError, match="^int8 needs a network of ONNX opset 13 or newer; this one has 9$"):
        quantise.to(convolution([[1, 1]], opset=9), {"x": 1.0})


@pytest.mark.slow
def test_u2netp_in_int8_stays_within_a_hundredth_of_fp32() -> None:
    model, size = pulled(), (160, 288)
    net = settled(model.path, model.layout.shape(*size), Ends())
    pictures = [x.copy() for x in calibration.inputs(model.layout, *size, count=10)]
    data = quantise.to(net.data, quantise.scales(net.data, net.picture.name, pictures[4:]))
    far = [np.abs(answer(data, net, x) - answer(net.data, net, x)).mean() for x in pictures[:4]]
    assert np.mean(far) < 0.01
