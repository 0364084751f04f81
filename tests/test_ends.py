"""What a network's file has is compared with what is declared before it is loaded, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgflow.errors import ModelError
from bgflow.models.ends import Ends, read
from tests.networks import adding, pixels, tiny

SHAPE = (1, 3, 32, 64)
INPUTS = "picture f32[1,3,32,64], before f32[?,?,?,?], gain f32[1]"


def test_the_tensors_are_found_by_name(tmp_path: Path) -> None:
    network = read(adding(tmp_path / "n.onnx"), SHAPE, Ends("picture", "sum", {"before": "after"}, {"gain": 0.5}))
    assert (network.picture.name, network.mask.name) == ("picture", "sum")
    assert [(a.name, b.name) for a, b in network.state] == [("before", "after")]
    assert [(name, values.tolist()) for name, values in network.constants] == [("gain", [0.5])]


def test_the_picture_needs_no_name_when_all_else_is_fed(tmp_path: Path) -> None:
    ends = Ends(state={"before": "after"}, constants={"gain": 1})
    assert read(adding(tmp_path / "n.onnx"), SHAPE, ends).picture.name == "picture"


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (Ends(), f"its inputs are {INPUTS}; wanted one f32[1,3,?,?]"),
        (Ends("image"), f"it has no input 'image'; its inputs are {INPUTS}"),
        (
            Ends("picture", constants={"gain": 1}),
            "nothing feeds its inputs before f32[?,?,?,?]; name them under state",
        ),
        (
            Ends("picture", "mask", {"before": "after"}, {"gain": 1}),
            "it has no output 'mask'; its outputs are sum f32[1,1,32,64], after f32[?,?,?,?]",
        ),
        (
            Ends("picture", 2, {"before": "after"}, {"gain": 1}),
            "it has 2 outputs; wanted output 2",
        ),
        (
            Ends("gain", state={"before": "after"}, constants={"picture": 1}),
            "its input is gain f32[1]; wanted f32[1,3,?,?]",
        ),
        (
            Ends("picture", state={"gain": "after", "before": "after"}),
            "its input gain f32[1] cannot take its output after f32[?,?,?,?]; a state has one shape in f32",
        ),
    ],
)
def test_what_is_not_there_is_told_with_what_is(tmp_path: Path, ends: Ends, told: str) -> None:
    file = adding(tmp_path / "n.onnx")
    with pytest.raises(ModelError) as e:
        read(file, SHAPE, ends)
    assert str(e.value) == f"{file}: {told}"


def test_the_layout_decides_where_the_channels_are_sought(tmp_path: Path) -> None:
    file = pixels(tmp_path / "n.onnx")
    assert read(file, (1, 8, 9, 3), Ends(layout="nhwc")).picture.name == "picture"
    with pytest.raises(ModelError, match=r"its input is picture f32\[1,32,64,3\]; wanted f32\[1,3,\?,\?\]$"):
        read(file, (1, 3, 8, 9), Ends())


@pytest.mark.parametrize(("name", "kind"), [("n.onnx", "an ONNX"), ("n.tflite", "a TFLite")])
def test_a_file_of_another_kind_is_told(tmp_path: Path, name: str, kind: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"hello world")
    with pytest.raises(ModelError) as e:
        read(file, SHAPE, Ends())
    assert str(e.value).startswith(f"{file}: not {kind} model: ")


def test_a_network_of_two_outputs_gives_the_first_unless_told(tmp_path: Path) -> None:
    file = tiny(tmp_path / "n.onnx")
    assert [read(file, SHAPE, Ends(output=o)).mask.name for o in (0, 1, "peak")] == ["mean", "peak", "peak"]
