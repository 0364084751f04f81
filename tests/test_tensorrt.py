"""The TensorRT engine's plans on disk and its calls, and that every call of it exists in NVIDIA's bindings.

TensorRT itself was not run: tests/faketensorrt.py stands for it and computes by ONNX Runtime. What is shown is when a
plan is built, kept, made anew and refused, which addresses are set, and that the names, arguments and defaults that are
used are those of the bindings of version 11. What TensorRT makes of a network is for `make gpu-test`.
"""

from __future__ import annotations

import enum
import inspect
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.devices import device, to_host
from bgflow.engines import tensorrt as engine
from bgflow.errors import DeviceError, ModelError
from bgflow.frame import Pool
from bgflow.models import build, nodes, plans
from bgflow.models.nodes import Graph, Node
from bgflow.models.onnx import FLOAT, Tensor
from tests import faketensorrt, tensorrtapi
from tests.faketensorrt import Builder
from tests.networks import pulled, tiny

SHAPE = (1, 3, 32, 64)


@pytest.fixture(autouse=True)
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(plans, "folder", lambda: tmp_path / "engines")  # kernels stay compiled where they are
    monkeypatch.setattr(Builder, "builds", 0)
    yield from faketensorrt.installed()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tiny(tmp_path / "tiny.onnx")


def entered(file: Path, shape: tuple[int, ...] = SHAPE, **how: Any) -> Any:
    """The engine, entered and left again: its plan is there now."""
    with engine.Engine(file, shape, device("fake"), **{"precision": "fp32", **how}) as net:
        return net


def kept() -> list[Path]:
    return sorted(plans.folder().glob("*.plan"))


def array(shape: tuple[int, ...] = SHAPE) -> Any:
    made = Pool(device("fake"), shape, np.float32).take()
    made.fill(0.5)
    return made


def test_the_second_time_the_plan_comes_from_disk(file):
    entered(file)
    entered(file)
    assert (Builder.builds, len(kept())) == (1, 1)


def change_driver(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "card", lambda where: engine.Card("Pretended GPU", "9.0", "590"))


def change_card(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "card", lambda where: engine.Card("Another GPU", "9.0", "580"))


def change_compute(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "card", lambda where: engine.Card("Pretended GPU", "8.6", "580"))


def change_version(patch: pytest.MonkeyPatch) -> None:
    import tensorrt

    patch.setattr(tensorrt, "__version__", "11.5.0")


def change_workspace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(build, "WORKSPACE", 1 << 20)


@pytest.mark.parametrize("change", [change_driver, change_card, change_compute, change_version, change_workspace])
def test_another_machine_or_setting_has_a_plan_of_its_own(file, monkeypatch, change):
    entered(file)
    change(monkeypatch)
    entered(file)
    assert (Builder.builds, len(kept())) == (2, 2)


def test_another_size_precision_output_or_network_has_a_plan_of_its_own(file, tmp_path):
    from bgflow.models.ends import Ends

    entered(file)
    entered(file, (1, 3, 64, 64))
    entered(file, precision="fp16")
    entered(file, ends=Ends(output=1))
    entered(tiny(tmp_path / "tiny2.onnx", 64, 64))
    assert (Builder.builds, len(kept())) == (5, 5)


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b[:20], lambda b: b"", lambda b: b[:-1] + b"!"])
def test_a_damaged_plan_is_built_anew(file, damage):
    entered(file)
    whole = kept()[0].read_bytes()
    kept()[0].write_bytes(damage(whole))
    entered(file)
    assert (Builder.builds, kept()[0].read_bytes()) == (2, whole)


def test_a_plan_that_the_runtime_refuses_is_built_anew(file, caplog):
    entered(file)
    plan = kept()[0]
    line = plan.read_bytes().partition(b"\n")[0]
    stale = faketensorrt.MAGIC + b"10.0\nan older plan"
    plan.write_bytes(line + b"\n" + plans._digest(stale).encode() + b"\n" + stale)
    with caplog.at_level(logging.INFO, "bgflow"):
        entered(file)
    assert Builder.builds == 2
    assert f"{plan.name} does not fit here any more; it is made anew" in caplog.messages


def test_two_at_once_build_once(file):
    threads = [threading.Thread(target=entered, args=(file,)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (Builder.builds, len(kept())) == (1, 1)


def test_a_build_that_fails_leaves_nothing(file, monkeypatch):
    monkeypatch.setattr(Builder, "build_serialized_network", lambda self, network, config: None)
    with pytest.raises(ModelError, match=r"^tiny.onnx: tensorrt cannot build it: it does not say why$"):
        entered(file)
    assert not kept()
    assert not list(plans.folder().glob(".*.plan.*[!k]"))


def test_a_folder_that_cannot_be_written_is_one_line(file, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    monkeypatch.undo()
    monkeypatch.setenv("BGFLOW_CACHE", str(tmp_path / "taken"))
    with pytest.raises(DeviceError) as e:
        entered(file)
    assert str(e.value) == (
        f"{tmp_path / 'taken' / 'engines'}: cannot be written: Not a directory; BGFLOW_CACHE names another folder"
    )


def test_the_timing_cache_is_kept_and_a_foreign_one_replaced(file):
    entered(file)
    timings = next(plans.folder().glob("timing-*.cache"))
    first = timings.read_bytes()
    entered(file, precision="fp16")
    assert timings.read_bytes() == first + b"."
    timings.write_bytes(b"what is this")
    entered(file, shape=(1, 3, 64, 64))
    assert timings.read_bytes() == first


def test_an_operator_that_tensorrt_does_not_know_is_named_with_its_layer(tmp_path):
    path, shape = tmp_path / "odd.onnx", (1, 3, 32, 64)
    node = Node("Gelu", ["picture"], ["y"], {}, "blocks.3.act")
    reduce = Node("ReduceMean", ["y"], ["mask"], {"axes": [1], "keepdims": 1})
    ends = [Tensor("picture", FLOAT, shape)], [Tensor("mask", FLOAT, (1, 1, 32, 64))]
    odd = Graph([Node(faketensorrt.UNKNOWN, ["picture"], ["y"], {}, node.name), reduce], {}, *ends, 14)
    path.write_bytes(odd.encoded())
    with pytest.MonkeyPatch.context() as patch:  # ONNX Runtime would write it in simpler operators
        patch.setattr(engine, "settled", lambda path, shape, ends: type("Whole", (), {"data": path.read_bytes()}))
        with pytest.raises(ModelError) as e:
            entered(path)
    assert str(e.value) == (
        "odd.onnx: tensorrt does not take it: HardSwish 'blocks.3.act': there is no importer for this operator"
    )


def test_addresses_are_set_when_they_change_and_not_else(file):
    x, out, other = array(), array((1, 1, 32, 64)), array((1, 1, 32, 64))
    with engine.Engine(file, SHAPE, device("fake"), precision="fp32") as net:
        before = net._context._sets
        counts = []
        for y in (out, out, out, other, other):
            net(x, y)
            counts.append(net._context._sets - before)
    assert counts == [2, 2, 2, 3, 3]


def test_the_first_call_was_made_before_a_capture_can_come(file):
    with engine.Engine(file, SHAPE, device("fake"), precision="fp32") as net:
        assert net._context._at.keys() == {"picture", "mean"}


def test_fp16_is_the_default(file):
    assert entered(file, precision="auto").precision == "fp16"


def test_a_call_that_tensorrt_refuses_is_an_error(file, monkeypatch):
    with engine.Engine(file, SHAPE, device("fake"), precision="fp32") as net:
        monkeypatch.setattr(type(net._context), "execute_async_v3", lambda self, stream: False)
        with pytest.raises(DeviceError, match="could not enqueue the network"):
            net(array(), array((1, 1, 32, 64)))


@pytest.mark.parametrize("part", ["Builder", "Runtime"])
def test_a_machine_without_a_gpu_is_one_line(file, pretended, monkeypatch, part):
    def nothing(logger: Any) -> None:
        logger.log(faketensorrt.ILogger.Severity.ERROR, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    monkeypatch.setattr(pretended, part, nothing)
    with pytest.raises(DeviceError, match="^tensorrt cannot start: CUDA initialization failure with error: 35$"):
        entered(file)


def test_building_tells_how_far_it_is(file):
    told: list[tuple[str, int, int]] = []
    net = engine.Engine(file, SHAPE, device("fake"), precision="fp32")
    net.told = lambda *step: told.append(step)
    with net:
        assert told == [("Building", 0, 2), ("Building", 1, 2), ("Building", 2, 2), ("Building", 2, 2)]


def test_int8_without_pictures_is_one_line(tmp_path):
    model = pulled()
    with pytest.raises(ModelError, match="^int8 needs pictures to choose its ranges by$"):
        entered(model.path, (1, 3, 32, 32), precision="int8")


def test_int8_ranges_are_measured_once_and_stay_near(tmp_path):
    model, shape = pulled(), (1, 3, 64, 96)
    from bgflow.models import calibration

    asked = []

    def samples() -> Iterator[Any]:
        asked.append(1)
        return calibration.inputs(model.layout, 64, 96, 5)

    x, outs = array(shape), []
    device("fake").upload(next(calibration.inputs(model.layout, 64, 96, 1)), x)
    for precision in ("fp32", "int8"):
        with engine.Engine(model.path, shape, device("fake"), precision=precision, samples=samples) as net:
            outs.append(array((1, 1, 64, 96)))
            net(x, outs[-1])
    assert np.abs(to_host(outs[0]) - to_host(outs[1])).mean() < 0.02
    assert not np.array_equal(to_host(outs[0]), to_host(outs[1]))
    whole = len(asked)
    with engine.Engine(model.path, shape, device("fake"), precision="int8", samples=samples):
        pass
    assert (Builder.builds, len(asked) - whole) == (2, 1)  # the first picture, to tell pictures apart


def own(made: type) -> dict[str, Any]:
    """What a pretended class offers: its own public names, and how it is made."""
    names = {n: v for n, v in vars(made).items() if not n.startswith("_") and n not in ("builds",)}
    if "__init__" in vars(made) and made.__name__ in ("Builder", "OnnxParser", "Runtime"):
        names["__init__"] = vars(made)["__init__"]
    return names


def pretended_classes() -> list[tuple[str, type]]:
    return [(c.__name__, c) for c in faketensorrt.PRETENDED] + [("ILogger.Severity", faketensorrt.ILogger.Severity)]


@pytest.mark.skipif(bool(tensorrtapi.missing()), reason=tensorrtapi.missing())
def test_everything_pretended_is_in_nvidias_bindings_with_these_arguments(tmp_path):
    documented = tensorrtapi.documented([name for name, _ in pretended_classes()], tmp_path)
    wrong = []
    for cls, made in pretended_classes():
        if (real := documented[cls]) is None:
            wrong.append(f"there is no {cls}")
            continue
        for name, value in own(made).items():
            if name not in real:
                wrong.append(f"{cls} has no {name}")
            elif inspect.isfunction(value):
                mine = tuple(
                    (p.name, p.default is not p.empty) for p in list(inspect.signature(value).parameters.values())[1:]
                )
                if not any(_fits(mine, theirs) for theirs in real[name]):
                    wrong.append(f"{cls}.{name} takes {real[name]}, not {mine}")
            elif isinstance(value, enum.Enum | property | type) or value is None:
                continue
            else:
                wrong.append(f"{cls}.{name} is a {type(value).__name__}, which is not compared")
    assert not wrong
    assert "__version__" in (documented[""] or {})


def _fits(mine: tensorrtapi.Signature, theirs: tensorrtapi.Signature) -> bool:
    """Whether a call by these parameters is one of theirs: the same names in order, all others with defaults."""
    return mine == theirs[: len(mine)] and all(default for _, default in theirs[len(mine) :])


def test_the_head_of_a_docstring_is_read_with_overloads_and_brackets():
    doc = (
        "f(*args, **kwargs)\nOverloaded function.\n\n1. f(self: a.B, x: dict[str, int], y: a.E = <E.X: 0>) -> bool\n\n"
        "2. f(self: a.B) -> None\n"
    )
    assert tensorrtapi.signatures("f", doc) == [(("x", False), ("y", True)), ()]


def test_the_pretended_one_refuses_what_is_not_in_it(file):
    context = faketensorrt.Runtime(faketensorrt.ILogger())
    with pytest.raises(AttributeError, match="Runtime has no 'DLA_cores'"):
        context.DLA_cores = 1
    with pytest.raises(AttributeError):
        context.deserialize_engine(b"")  # type: ignore[attr-defined]


def test_the_network_that_is_built_says_its_precision_itself(file, monkeypatch):
    built: list[bytes] = []
    plan = build.plan
    monkeypatch.setattr(build, "plan", lambda trt, data, **how: built.append(data) or plan(trt, data, **how))
    for precision in ("fp32", "fp16", "bf16"):
        try:
            entered(file, precision=precision)
        except ModelError:
            assert precision == "bf16"
    casts = [{n.attributes["to"] for n in nodes.decoded(d).nodes if n.op == "Cast"} for d in built]
    assert casts == [set(), {nodes.HALF, nodes.FLOAT}, {nodes.BFLOAT, nodes.FLOAT}]


def build_command(*args: str) -> tuple[int, str]:
    """Run `bgflow models build`; its exit code and what it prints."""
    from click.testing import CliRunner

    from bgflow.cli import build as cli
    from bgflow.errors import BgflowError

    found = CliRunner().invoke(cli.command, [*args])
    if isinstance(found.exception, BgflowError):
        return found.exception.exit_code, str(found.exception)
    return found.exit_code, found.output


def test_models_build_builds_once_and_says_where(file):
    wanted = ("--device", "fake", "--size", "32x64", "--precision", "fp16")
    code, first = build_command(str(file), *wanted)
    assert (code, first[: first.index(" s, ")].rsplit(" ", 1)[0]) == (0, "tiny: fp16 at 32x64 on fake: built in")
    assert first.rstrip().endswith(str(kept()[0]))
    assert build_command(str(file), *wanted) == (0, "tiny: fp16 at 32x64 on fake: already built\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--precision", "fp61"), "--precision: there is no precision 'fp61'; did you mean 'fp16'?"),
        (("--size", "33x64"), "--size: 33 is not a multiple of 32; 32 or 64 would be"),
        (("--engine", "openvino"), "openvino keeps nothing on disk; it loads a network in a second or so, each time"),
        (("--device", "cpu"), "tensorrt works on cuda and fake, not on cpu"),
    ],
)
def test_models_build_refuses_in_one_line(file, args, told):
    assert build_command(str(file), "--device", "fake", *args) == (2, told)
