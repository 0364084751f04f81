"""The engine contract, kept by every engine that is installed."""

from __future__ import annotations

import functools
import platform
import subprocess
import sys
import tracemalloc
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from bgflow import engines, models
from bgflow.devices import device
from bgflow.devices.fake import Fake
from bgflow.errors import DeviceError, ModelError, UsageError
from bgflow.models.ends import Ends
from tests.networks import adding, pulled, stored, tiny

SHAPE = (1, 3, 32, 64)
ENGINES = [n for n in engines.known() if find_spec(n) and "cpu" in engines.engine(n, device("cpu")).devices]


@pytest.fixture(scope="module")
def u2netp() -> models.Model:
    """The real network."""
    return pulled()


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest):
    """One engine's class, in fp32."""
    return functools.partial(engines.engine(request.param, device("cpu")), precision="fp32")


@pytest.fixture
def net_file(tmp_path: Path) -> Path:
    return tiny(tmp_path / "tiny.onnx")


def pictures(n: int, shape: tuple[int, ...] = SHAPE) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.random(shape, np.float32) for _ in range(n)]


def result(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.full((1, 1, *shape[2:]), -1, np.float32)


def test_there_are_two_engines_for_the_cpu():
    assert ENGINES == ["onnxruntime", "openvino"]


def test_the_networks_answer_lands_in_out(make, net_file):
    x, out = pictures(1)[0], result()
    with make(net_file, SHAPE) as net:
        net(x, out)
    np.testing.assert_allclose(out, x.mean(1, keepdims=True), rtol=1e-6)


def test_the_chosen_output_is_given(make, net_file):
    x, out = pictures(1)[0], result()
    with make(net_file, SHAPE, ends=Ends(output=1)) as net:
        net(x, out)
    np.testing.assert_array_equal(out, x.max(1, keepdims=True))


def test_new_values_in_the_same_memory_are_seen(make, net_file):
    (x, other), out = pictures(2), result()
    with make(net_file, SHAPE) as net:
        net(x, out)
        x[:] = other
        net(x, out)
    np.testing.assert_allclose(out, other.mean(1, keepdims=True), rtol=1e-6)


def test_other_arrays_are_bound_when_they_come(make, net_file):
    (x, other), out, second = pictures(2), result(), result()
    with make(net_file, SHAPE) as net:
        net(x, out)
        net(other, second)
    np.testing.assert_allclose(out, x.mean(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(second, other.mean(1, keepdims=True), rtol=1e-6)


def test_the_input_is_not_written(make, net_file):
    x, out = pictures(1)[0], result()
    before = x.copy()
    with make(net_file, SHAPE) as net:
        net(x, out)
    np.testing.assert_array_equal(x, before)


def test_a_call_allocates_no_python_memory_of_frame_size(make, tmp_path):
    shape = (1, 3, 320, 320)
    x, out = pictures(1, shape)[0], result(shape)
    with make(tiny(tmp_path / "big.onnx", 320, 320), shape) as net:
        net(x, out)
        tracemalloc.start()
        for _ in range(5):
            net(x, out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16_000 < out.nbytes


@pytest.mark.parametrize("size", [(64, 32), (96, 160)])
def test_a_fixed_network_takes_another_size(make, net_file, size):
    shape = (1, 3, *size)
    x, out = pictures(1, shape)[0], result(shape)
    with make(net_file, shape) as net:
        net(x, out)
    np.testing.assert_allclose(out, x.mean(1, keepdims=True), rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (np.zeros((1, 3, 32, 32), np.float32), "float32[1, 3, 32, 32]"),
        (np.zeros(SHAPE, np.float64), "float64[1, 3, 32, 64]"),
        (np.zeros((1, 3, 32, 128), np.float32)[..., ::2], "float32[1, 3, 32, 64] with gaps"),
    ],
)
def test_an_unfit_input_is_refused_with_both_shapes(make, net_file, x, told):
    with make(net_file, SHAPE) as net, pytest.raises(ModelError) as e:
        net(x, result())
    assert str(e.value) == f"tiny.onnx: input is {told}; wanted float32[1, 3, 32, 64]"


def test_an_unfit_output_is_refused_with_both_shapes(make, net_file):
    with make(net_file, SHAPE) as net, pytest.raises(ModelError) as e:
        net(pictures(1)[0], np.zeros((1, 1, 64, 32), np.float32))
    assert str(e.value) == "tiny.onnx: output is float32[1, 1, 64, 32]; wanted float32[1, 1, 32, 64]"


def test_a_network_for_other_pictures_is_refused(make, net_file):
    with pytest.raises(ModelError) as e, make(net_file, (1, 4, 32, 64)):
        pass
    assert str(e.value) == f"{net_file}: its input is picture f32[1,3,32,64]; wanted f32[1,4,?,?]"


def test_an_output_that_is_not_there_is_refused(make, net_file):
    with pytest.raises(ModelError) as e, make(net_file, SHAPE, ends=Ends(output=2)):
        pass
    assert str(e.value) == f"{net_file}: it has 2 outputs; wanted output 2"


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "flipped"])
def test_a_damaged_file_is_one_line(make, net_file, damage):
    whole = net_file.read_bytes()
    flipped = whole.replace(b"ReduceMean", b"ReduceMoan")
    net_file.write_bytes({"cut": whole[:60], "text": b"hello\n", "empty": b"", "flipped": flipped}[damage])
    with pytest.raises(ModelError) as e, make(net_file, SHAPE):
        pass
    assert str(e.value).startswith(f"{net_file}: ")
    assert "\n" not in str(e.value)


def test_a_missing_file_is_one_line(make, tmp_path):
    with pytest.raises(ModelError) as e, make(tmp_path / "none.onnx", SHAPE):
        pass
    assert str(e.value) == f"{tmp_path / 'none.onnx'}: No such file or directory"


def test_an_engine_tells_the_precision_it_uses(make, net_file):
    with make(net_file, SHAPE) as net:
        assert net.precision == "fp32"


def test_auto_precision_is_bf16_where_the_processor_has_it(net_file):
    flags = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not flags.exists():
        pytest.skip("reads the flags of an x86 processor under Linux")
    native = bool({"avx512_bf16", "amx_bf16"} & set(flags.read_text().split()))
    with engines.engine("openvino", device("cpu"))(net_file, SHAPE) as net:
        assert net.precision == ("bf16" if native else "fp32")


def test_onnxruntime_refuses_a_precision_it_would_ignore(net_file):
    make = engines.engine("onnxruntime", device("cpu"))
    with pytest.raises(DeviceError, match="^onnxruntime computes in fp32 on a cpu, not in bf16; openvino may$"):
        make(net_file, SHAPE, precision="bf16").__enter__()


def test_auto_is_openvino_on_the_cpu():
    assert engines.engine("auto", device("cpu")).package == "openvino"


def test_auto_falls_back_to_what_is_installed(monkeypatch):
    monkeypatch.setattr(engines.engine("openvino", device("cpu")), "package", "no_such_package")
    assert engines.engine("auto", device("cpu")).package == "onnxruntime"


def test_a_missing_library_names_its_pip_install(monkeypatch):
    monkeypatch.setattr(engines.engine("openvino", device("cpu")), "package", "no_such_package")
    with pytest.raises(DeviceError) as e:
        engines.engine("openvino", device("cpu"))
    assert str(e.value) == "no_such_package is not installed; run: pip install no_such_package"


RECURRENT = Ends("picture", "sum", {"before": "after"}, {"gain": 0.5})


@pytest.mark.parametrize("free", [True, False])
def test_a_network_with_a_memory_gets_what_it_gave(make, tmp_path, free):
    xs, outs = pictures(3), [result() for _ in range(3)]
    with make(adding(tmp_path / "adding.onnx", free=free), SHAPE, ends=RECURRENT) as net:
        for x, out in zip(xs, outs, strict=True):
            net(x, out)
    for n, out in enumerate(outs, 1):
        np.testing.assert_allclose(out, sum(x.mean(1, keepdims=True) for x in xs[:n]) * 0.5, atol=1e-6)


def test_a_network_that_was_reset_is_as_new(make, tmp_path):
    x, first, second, again = pictures(1)[0], result(), result(), result()
    with make(adding(tmp_path / "adding.onnx"), SHAPE, ends=RECURRENT) as net:
        net(x, first)
        net(x, second)
        net.reset()
        net(x, again)
    np.testing.assert_array_equal(again, first)
    assert not np.array_equal(second, first)


def test_a_memory_takes_no_python_memory_of_frame_size(make, tmp_path):
    shape = (1, 3, 320, 320)
    x, out = pictures(1, shape)[0], result(shape)
    with make(adding(tmp_path / "adding.onnx", 320, 320), shape, ends=RECURRENT) as net:
        net(x, out)
        net(x, out)
        tracemalloc.start()
        for _ in range(4):
            net(x, out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16_000 < out.nbytes


def test_the_shape_of_the_mask_is_known_once_entered(make, net_file):
    with make(net_file, SHAPE) as net:
        assert net.out_shape == (1, 1, 32, 64)


def test_openvino_tells_nobody_that_it_was_imported():
    script = "import sys, bgflow, openvino; print(sorted(m for m in sys.modules if 'telemetry.backend' in m))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_an_unknown_engine_is_answered_with_the_near_one():
    with pytest.raises(UsageError) as e:
        engines.engine("openvin", device("cpu"))
    assert str(e.value) == "there is no engine 'openvin'; did you mean 'openvino'?"


def test_another_device_costs_one_copy_each_way(make, net_file):
    fake = Fake()
    x, out = pictures(1)[0], result()
    with make(net_file, SHAPE) as net:
        engines.Staged(net, fake, x.shape, out.shape)(x, out)
    np.testing.assert_allclose(out, x.mean(1, keepdims=True), rtol=1e-6)
    assert (fake.downloads, fake.uploads) == (1, 1)


@pytest.mark.parametrize(("name", "size"), [("modnet", (96, 160)), ("selfie", (256, 256)), ("rvm", (96, 160))])
def test_the_engines_agree_on_other_networks_and_their_memory(name, size):
    model = stored(name)
    shape, ends = model.layout.shape(*size), model.layout.ends(*size)
    xs, outs = pictures(3, shape), [[result(shape) for _ in range(3)] for _ in ENGINES]
    for engine, out in zip(ENGINES, outs, strict=True):
        with engines.engine(engine, device("cpu"))(model.path, shape, ends=ends, precision="fp32") as net:
            for x, o in zip(xs, out, strict=True):
                net(x, o)
    np.testing.assert_allclose(outs[0], outs[1], atol=2e-4)


@pytest.mark.parametrize("size", [(160, 288), (320, 320)])
def test_the_engines_agree_on_the_real_network(u2netp: models.Model, size):
    shape = (1, 3, *size)
    x, outs = pictures(1, shape)[0], [result(shape) for _ in ENGINES]
    for name, out in zip(ENGINES, outs, strict=True):
        with engines.engine(name, device("cpu"))(u2netp.path, shape, precision="fp32") as net:
            net(x, out)
    np.testing.assert_allclose(outs[0], outs[1], atol=1e-4)
