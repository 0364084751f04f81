"""The engine contract, kept by every engine on every device that exists here.

TensorRT is represented by tests/faketensorrt.py where it is not installed: then that TensorRT is called as it should be
is shown, and not what it computes.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow import engines, models
from bgflow.devices import Device, device, to_host
from bgflow.devices.fake import Fake
from bgflow.errors import DeviceError, ModelError, UsageError
from bgflow.frame import Pool
from bgflow.models import plans
from bgflow.models.ends import Ends
from tests import faketensorrt
from tests.networks import adding, pulled, stored, tiny

SHAPE = (1, 3, 32, 64)
CASES = [
    *((name, on) for name in ("onnxruntime", "openvino", "torch") for on in ("cpu", "fake")),
    ("tensorrt", "fake"),
    *((name, "cuda:0") for name in ("onnxruntime", "tensorrt", "torch")),
]


@dataclass
class Kit:
    """One engine on one device."""

    make: type[engines.Engine]
    device: Device

    def __call__(self, path: Path, shape: tuple[int, ...] = SHAPE, ends: Ends | None = None, **how: Any) -> Any:
        return self.make(path, shape, self.device, ends=ends or Ends(), **{"precision": "fp32", **how})

    def put(self, host: np.ndarray) -> Any:
        array = Pool(self.device, host.shape, host.dtype).take()
        self.device.upload(host, array)
        return array

    def result(self, shape: tuple[int, ...] = SHAPE) -> Any:
        return self.put(np.full((1, 1, *shape[2:]), -1, np.float32))


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case))
def kit(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    name, on = request.param
    monkeypatch.setattr(plans, "folder", lambda: tmp_path / "engines")
    pretended = faketensorrt.installed() if (name, on) == ("tensorrt", "fake") else iter([None])
    next(pretended)
    try:
        where = device(on)
    except DeviceError as e:
        pytest.skip(str(e))
    made = engines._load(name)
    if why := made.lacks(where):
        pytest.skip(why)
    assert engines.native(made, where)
    yield Kit(made, where)
    next(pretended, None)


@pytest.fixture(scope="module")
def u2netp() -> models.Model:
    """The real network."""
    return pulled()


@pytest.fixture
def net_file(tmp_path: Path) -> Path:
    return tiny(tmp_path / "tiny.onnx")


def pictures(n: int, shape: tuple[int, ...] = SHAPE) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.random(shape, np.float32) for _ in range(n)]


def test_the_networks_answer_lands_in_out(kit, net_file):
    x, out = pictures(1)[0], kit.result()
    with kit(net_file) as net:
        net(kit.put(x), out)
    np.testing.assert_allclose(to_host(out), x.mean(1, keepdims=True), rtol=1e-6)


def test_the_chosen_output_is_given(kit, net_file):
    x, out = pictures(1)[0], kit.result()
    with kit(net_file, ends=Ends(output=1)) as net:
        net(kit.put(x), out)
    np.testing.assert_array_equal(to_host(out), x.max(1, keepdims=True))


def test_new_values_in_the_same_memory_are_seen(kit, net_file):
    (first, other), out = pictures(2), kit.result()
    with kit(net_file) as net:
        x = kit.put(first)
        net(x, out)
        kit.device.upload(other, x)
        net(x, out)
    np.testing.assert_allclose(to_host(out), other.mean(1, keepdims=True), rtol=1e-6)


def test_other_arrays_are_bound_when_they_come(kit, net_file):
    (x, other), out, second = pictures(2), kit.result(), kit.result()
    with kit(net_file) as net:
        net(kit.put(x), out)
        net(kit.put(other), second)
    np.testing.assert_allclose(to_host(out), x.mean(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(to_host(second), other.mean(1, keepdims=True), rtol=1e-6)


def test_the_input_is_not_written(kit, net_file):
    before = pictures(1)[0]
    x = kit.put(before)
    with kit(net_file) as net:
        net(x, kit.result())
    np.testing.assert_array_equal(to_host(x), before)


def test_a_call_copies_nothing(kit, net_file):
    x, out = kit.put(pictures(1)[0]), kit.result()
    with kit(net_file) as net:
        before = kit.device.meter.read()
        net(x, out)
        work = kit.device.meter.read().minus(before)
    assert (work.ups, work.downs) == (0, 0)


def test_a_call_allocates_no_python_memory_of_frame_size(kit, tmp_path):
    if kit.make.package == "tensorrt" and kit.device.name == "fake":
        pytest.skip("the pretended one computes in numpy")
    shape = (1, 3, 320, 320)
    x, out = kit.put(pictures(1, shape)[0]), kit.result(shape)
    with kit(tiny(tmp_path / "big.onnx", 320, 320), shape) as net:
        net(x, out)
        tracemalloc.start()
        for _ in range(5):
            net(x, out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16_000 < out.nbytes


@pytest.mark.parametrize("size", [(64, 32), (96, 160)])
def test_a_fixed_network_takes_another_size(kit, net_file, size):
    shape = (1, 3, *size)
    x, out = pictures(1, shape)[0], kit.result(shape)
    with kit(net_file, shape) as net:
        net(kit.put(x), out)
    np.testing.assert_allclose(to_host(out), x.mean(1, keepdims=True), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda kit: kit.put(np.zeros((1, 3, 32, 32), np.float32)), "float32[1, 3, 32, 32]"),
        (lambda kit: kit.put(np.zeros(SHAPE, np.float64)), "float64[1, 3, 32, 64]"),
        (lambda kit: kit.put(np.zeros((1, 3, 32, 128), np.float32))[..., ::2], "float32[1, 3, 32, 64] with gaps"),
    ],
)
def test_an_unfit_input_is_refused_with_both_shapes(kit, net_file, make, told):
    with kit(net_file) as net, pytest.raises(ModelError) as e:
        net(make(kit), kit.result())
    assert str(e.value) == f"tiny.onnx: input is {told}; wanted float32[1, 3, 32, 64]"


def test_an_unfit_output_is_refused_with_both_shapes(kit, net_file):
    with kit(net_file) as net, pytest.raises(ModelError) as e:
        net(kit.put(pictures(1)[0]), kit.put(np.zeros((1, 1, 64, 32), np.float32)))
    assert str(e.value) == "tiny.onnx: output is float32[1, 1, 64, 32]; wanted float32[1, 1, 32, 64]"


def test_a_network_for_other_pictures_is_refused(kit, net_file):
    with pytest.raises(ModelError) as e, kit(net_file, (1, 4, 32, 64)):
        pass
    assert str(e.value) == f"{net_file}: its input is picture f32[1,3,32,64]; wanted f32[1,4,?,?]"


def test_an_output_that_is_not_there_is_refused(kit, net_file):
    with pytest.raises(ModelError) as e, kit(net_file, ends=Ends(output=2)):
        pass
    assert str(e.value) == f"{net_file}: it has 2 outputs; wanted output 2"


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "flipped"])
def test_a_damaged_file_is_one_line(kit, net_file, damage):
    whole = net_file.read_bytes()
    flipped = whole.replace(b"ReduceMean", b"ReduceMoan")
    net_file.write_bytes({"cut": whole[:60], "text": b"hello\n", "empty": b"", "flipped": flipped}[damage])
    with pytest.raises(ModelError) as e, kit(net_file):
        pass
    assert str(e.value).startswith(f"{net_file}: ")
    assert "\n" not in str(e.value)


def test_a_missing_file_is_one_line(kit, tmp_path):
    with pytest.raises(ModelError) as e, kit(tmp_path / "none.onnx"):
        pass
    assert str(e.value) == f"{tmp_path / 'none.onnx'}: No such file or directory"


def test_an_engine_tells_the_precision_it_uses(kit, net_file):
    with kit(net_file) as net:
        assert net.precision == "fp32"


def test_the_shape_of_the_mask_is_known_once_entered(kit, net_file):
    with kit(net_file) as net:
        assert net.out_shape == (1, 1, 32, 64)


RECURRENT = Ends("picture", "sum", {"before": "after"}, {"gain": 0.5})


@pytest.mark.parametrize("free", [True, False])
def test_a_network_with_a_memory_gets_what_it_gave(kit, tmp_path, free):
    xs, outs = pictures(3), [kit.result() for _ in range(3)]
    with kit(adding(tmp_path / "adding.onnx", free=free), ends=RECURRENT) as net:
        for x, out in zip(xs, outs, strict=True):
            net(kit.put(x), out)
    for n, out in enumerate(outs, 1):
        np.testing.assert_allclose(to_host(out), sum(x.mean(1, keepdims=True) for x in xs[:n]) * 0.5, atol=1e-6)


def test_a_network_that_was_reset_is_as_new(kit, tmp_path):
    x, first, second, again = kit.put(pictures(1)[0]), kit.result(), kit.result(), kit.result()
    with kit(adding(tmp_path / "adding.onnx"), ends=RECURRENT) as net:
        net(x, first)
        net(x, second)
        net.reset()
        net(x, again)
    np.testing.assert_array_equal(to_host(again), to_host(first))
    assert not np.array_equal(to_host(second), to_host(first))


def test_a_memory_takes_no_python_memory_of_frame_size(kit, tmp_path):
    if kit.make.package == "tensorrt" and kit.device.name == "fake":
        pytest.skip("the pretended one computes in numpy")
    shape = (1, 3, 320, 320)
    x, out = kit.put(pictures(1, shape)[0]), kit.result(shape)
    with kit(adding(tmp_path / "adding.onnx", 320, 320), shape, ends=RECURRENT) as net:
        net(x, out)
        net(x, out)
        tracemalloc.start()
        for _ in range(4):
            net(x, out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16_000 < out.nbytes


def test_recorded_calls_go_on_with_the_memory_when_they_are_replayed(kit, tmp_path):
    x, out, sums = kit.put(pictures(1)[0]), kit.result(), list[float]()
    with kit(adding(tmp_path / "adding.onnx"), ends=RECURRENT) as net:
        if not net.capturable:
            pytest.skip("this engine cannot be captured here, and says so")
        recordings = {}
        net(x, out)
        for _ in range(4):
            if (turn := net.turn) in recordings:
                net.replayed()
            else:
                with kit.device.capture() as recordings[turn]:
                    net(x, out)
            recordings[turn].replay()
            sums.append(float(to_host(out).mean()))
    one = pictures(1)[0].mean() / 2
    assert sums == pytest.approx([one * n for n in (2, 3, 4, 5)], abs=1e-4)


def test_an_array_bound_since_does_not_change_a_recording(kit, net_file):
    (a, b), out, other = pictures(2), kit.result(), kit.result()
    x, y = kit.put(a), kit.put(b)
    with kit(net_file) as net:
        if not net.capturable:
            pytest.skip("this engine cannot be captured here, and says so")
        net(x, out)
        with kit.device.capture() as recording:
            net(x, out)
        net(y, other)
        kit.device.upload(np.zeros((1, 1, 32, 64), np.float32), out)
        recording.replay()
    np.testing.assert_allclose(to_host(out), a.mean(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(to_host(other), b.mean(1, keepdims=True), rtol=1e-6)


def test_nothing_on_a_cpu_is_capturable(kit, net_file):
    if kit.device.name != "cpu":
        pytest.skip("is about the CPU")
    with kit(net_file) as net:
        assert not net.capturable


def reference(path: Path, shape: tuple[int, ...], xs: list[np.ndarray], ends: Ends) -> list[np.ndarray]:
    """ONNX Runtime's answers in fp32 on the CPU."""
    kit = Kit(engines._load("onnxruntime"), device("cpu"))
    with kit(path, shape, ends) as net:
        outs = [np.empty(net.out_shape, np.float32) for _ in xs]
        for x, out in zip(xs, outs, strict=True):
            net(x, out)
    return outs


@pytest.mark.parametrize(("name", "size"), [("modnet", (96, 160)), ("selfie", (256, 256)), ("rvm", (96, 160))])
def test_every_engine_agrees_on_other_networks_and_their_memory(kit, name, size):
    model = stored(name)
    shape, ends = model.layout.shape(*size), model.layout.ends(*size)
    xs = pictures(3, shape)
    with kit(model.path, shape, ends) as net:
        outs = [kit.put(np.empty(net.out_shape, np.float32)) for _ in xs]
        for x, out in zip(xs, outs, strict=True):
            net(kit.put(x), out)
    np.testing.assert_allclose([to_host(o) for o in outs], reference(model.path, shape, xs, ends), atol=3e-4)


@pytest.mark.parametrize("size", [(160, 288), (320, 320)])
def test_every_engine_agrees_on_the_real_network(kit, u2netp: models.Model, size):
    shape = (1, 3, *size)
    xs, out = pictures(1, shape), kit.result(shape)
    with kit(u2netp.path, shape) as net:
        net(kit.put(xs[0]), out)
    np.testing.assert_allclose(to_host(out), reference(u2netp.path, shape, xs, Ends())[0], atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_near_or_is_refused_in_one_line(kit, u2netp: models.Model, precision):
    shape = (1, 3, 160, 288)
    xs, out = pictures(1, shape), kit.result(shape)
    net = kit(u2netp.path, shape, precision=precision)
    try:
        net.__enter__()
    except (DeviceError, ModelError) as e:
        assert "\n" not in str(e)
        return
    net(kit.put(xs[0]), out)
    net.__exit__(None, None, None)
    assert net.precision == precision
    far = np.abs(to_host(out) - reference(u2netp.path, shape, xs, Ends())[0])
    assert far.mean() < (0.01 if precision == "bf16" else 0.001)


def test_auto_precision_is_bf16_where_the_processor_has_it(net_file):
    flags = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not flags.exists():
        pytest.skip("reads the flags of an x86 processor under Linux")
    native = bool({"avx512_bf16", "amx_bf16"} & set(flags.read_text().split()))
    with engines.engine("openvino", device("cpu"))(net_file, SHAPE, device("cpu")) as net:
        assert net.precision == ("bf16" if native else "fp32")


def test_onnxruntime_refuses_a_precision_it_would_ignore(net_file):
    make = engines.engine("onnxruntime", device("cpu"))
    with pytest.raises(DeviceError, match="^onnxruntime computes in fp32 on a cpu, not in bf16; openvino may$"):
        make(net_file, SHAPE, device("cpu"), precision="bf16").__enter__()


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_auto_is_openvino_where_no_gpu_is(on):
    assert engines.engine("auto", device(on)).package == "openvino"


def test_auto_falls_back_to_what_is_installed(monkeypatch):
    monkeypatch.setattr(engines.engine("openvino", device("cpu")), "package", "no_such_package")
    assert engines.engine("auto", device("cpu")).package == "onnxruntime"


def test_a_missing_library_names_its_pip_install(monkeypatch):
    monkeypatch.setattr(engines.engine("openvino", device("cpu")), "package", "no_such_package")
    with pytest.raises(DeviceError) as e:
        engines.engine("openvino", device("cpu"))
    assert str(e.value) == "no_such_package is not installed; run: pip install no_such_package"


def test_an_unknown_engine_is_answered_with_the_near_one():
    with pytest.raises(UsageError) as e:
        engines.engine("openvin", device("cpu"))
    assert str(e.value) == "there is no engine 'openvin'; did you mean 'openvino'?"


class Gpu(Fake):
    """The fake device under a GPU's name, which engines of the CPU do not serve."""

    name = "cuda:0"


def test_a_gpu_engine_on_a_cpu_says_where_it_works():
    with pytest.raises(DeviceError) as e:
        engines.engine("tensorrt", device("cpu"))
    assert str(e.value) == "tensorrt works on cuda, not on cpu"


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="tensorrt is installed")
def test_a_missing_tensorrt_names_its_pip_install():
    with pytest.raises(DeviceError) as e:
        engines.engine("tensorrt", Gpu())
    assert str(e.value) == "tensorrt is not installed; run: pip install tensorrt-cu13"


def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU engine, whatever this machine has."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    for name in ("tensorrt", "torch"):
        monkeypatch.setattr(engines._load(name), "package", "no_such_package")


def test_an_onnxruntime_without_the_cuda_provider_says_what_to_install(monkeypatch):
    without_cuda(monkeypatch)
    with pytest.raises(DeviceError) as e:
        engines.engine("onnxruntime", Gpu())
    assert str(e.value) == (
        "the onnxruntime that is installed has no CUDA provider; "
        "run: pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]'"
    )


def test_a_gpu_without_an_engine_of_its_own_costs_one_copy_each_way(monkeypatch, net_file):
    without_cuda(monkeypatch)
    gpu = Gpu()
    kit = Kit(engines.engine("auto", gpu), gpu)
    assert kit.make.package == "openvino"
    x = pictures(1)[0]
    put, out = kit.put(x), kit.result()
    with engines.fitted(kit.make, net_file, SHAPE, gpu, precision="fp32") as net:
        before = gpu.meter.read()
        net(put, out)
        work = gpu.meter.read().minus(before)
    np.testing.assert_allclose(out._host, x.mean(1, keepdims=True), rtol=1e-6)
    assert (work.downs, work.ups, net.capturable) == (1, 1, False)


def test_importing_the_engines_imports_no_library():
    script = (
        "import sys\nfrom bgflow import engines\n[engines._load(n) for n in engines.known()]\n"
        "print([m for m in ('torch', 'openvino', 'onnxruntime', 'tensorrt', 'cupy') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_openvino_tells_nobody_that_it_was_imported():
    script = "import sys, bgflow, openvino; print(sorted(m for m in sys.modules if 'telemetry.backend' in m))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
