"""A stage is read from its class body: ports, parameters, and methods that must agree with them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow import In, Out, Param, Stage
from bgflow.port import Type
from bgflow.testing import opened, run_stage


class Tint(Stage, use="test.tint"):
    """Adds a colour."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,{channels}] {mode}")
    channels: Literal[3, 4] = 4
    mode: Literal["straight", "premultiplied"] = Param("straight", description="alpha mode")
    amount: float = Param(0.5, ge=0, le=1, hot=True, unit="share", description="1 is all of it")

    def process(self, image: Any) -> Any:
        out = self.ctx.empty(self.out)
        out[...] = self.amount * 255
        out[..., : image.shape[2]] = image
        return out


def test_ports_with_parameters_are_resolved_for_each_stage() -> None:
    assert Tint().outputs["out"].type == "u8[h,w,4] straight"
    assert Tint(mode="premultiplied", channels=3).outputs["out"].type == "u8[h,w,3] premultiplied"


@pytest.mark.parametrize("params", [{"amount": 1.1}, {"amount": -0.1}, {"mode": "both"}, {"colour": 1}])
def test_parameters_out_of_range_or_unknown_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Tint(**params)


def test_the_schema_carries_range_unit_description_and_hotness() -> None:
    about = Tint.Params.model_json_schema()["properties"]["amount"]
    assert (about["minimum"], about["maximum"], about["unit"], about["hot"]) == (0, 1, "share", True)


def test_process_must_take_the_declared_inputs() -> None:
    with pytest.raises(TypeError, match=r"Bad.process takes \['frame'\], but its In ports are \['image'\]"):

        class Bad(Stage, use="test.bad"):
            image = In("u8[h,w,3] rgb")

            def process(self, frame: Any) -> None: ...


def test_one_name_cannot_mean_two_stages() -> None:
    with pytest.raises(TypeError, match="stage 'test.tint' is defined twice"):

        class Other(Stage, use="test.tint"):
            image = In("u8[h,w,3] rgb")

            def process(self, image: Any) -> None: ...


@pytest.mark.parametrize("text", ["u9[h,w]", "u8[h,w] colour", "u8[h,w", "f64[h]"])
def test_a_port_type_that_cannot_be_read_fails_where_it_is_written(text: str) -> None:
    with pytest.raises((TypeError, RuntimeError)):

        class Bad(Stage):
            image = In(text)

            def process(self, image: Any) -> None: ...


def test_a_subclass_inherits_ports_and_parameters() -> None:
    class Darker(Tint, use="test.darker"):
        amount: float = Param(0.1, ge=0, le=1)

    assert list(Darker.inputs) == ["image"]
    assert Darker().amount == 0.1
    assert Tint().amount == 0.5


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_the_kit_runs_a_stage_on_every_device(on: str) -> None:
    image = np.full((3, 5, 3), 9, np.uint8)
    out = run_stage(Tint(amount=1), on, image=image)
    assert type(out) is np.ndarray
    assert (out[..., :3] == 9).all()
    assert (out[..., 3] == 255).all()


def test_the_kit_refuses_inputs_whose_sizes_contradict() -> None:
    class Two(Stage, use="test.two"):
        image = In("u8[h,w,3] rgb")
        alpha = In("f32[h,w] alpha")

        def process(self, image: Any, alpha: Any) -> None: ...

    with opened(Two()) as two, pytest.raises(Exception, match="contradicts h"):
        two(image=np.zeros((4, 5, 3), np.uint8), alpha=np.zeros((3, 5), np.float32))


@given(st.integers(1, 400), st.integers(1, 400))
def test_an_nv12_array_has_room_for_odd_sizes(h: int, w: int) -> None:
    shape = Type.parse("nv12[h,w]").shape({"h": h, "w": w})
    assert shape == (h + -(-h // 2), 2 * -(-w // 2))


@pytest.mark.parametrize(
    ("given", "wanted", "why"),
    [
        ("u8[h,w,3] rgb", "u8[h,w,3] rgb", None),
        ("u8[h,w,3]", "u8[h,w,3] rgb", None),
        ("u8[a,b,3] rgb", "u8[h,w,3] rgb", None),
        ("u8[h,w,4] straight", "u8[h,w,4] premultiplied", "meaning"),
        ("f32[h,w] confidence", "f32[h,w] alpha", "meaning"),
        ("u8[h,w] label", "f32[h,w] alpha", "type"),
        ("u8[h,w,4] straight", "u8[h,w,3] rgb", "type"),
        ("nv12[h,w]", "u8[h,w]", "type"),
        ("f32[h,w] alpha", "any", None),
    ],
)
def test_a_port_accepts_by_element_dims_and_meaning(given: str, wanted: str, why: str | None) -> None:
    assert Type.parse(wanted).accepts(Type.parse(given)) == why


def test_an_input_and_an_output_may_share_a_name() -> None:
    class Invert(Stage, use="test.invert"):
        alpha = In("f32[h,w] alpha")
        inverted = Out("f32[h,w] alpha", name="alpha")

        def process(self, alpha: Any) -> Any:
            out = self.ctx.empty(self.inverted)
            np.subtract(1, alpha, out=out)
            return out

    assert (list(Invert.inputs), list(Invert.outputs)) == (["alpha"], ["alpha"])
    assert (run_stage(Invert(), alpha=np.zeros((2, 2), np.float32)) == 1).all()
