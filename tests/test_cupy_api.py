"""What bgflow and its simulated GPU say to CuPy exists in the real CuPy, which imports without a GPU."""

from __future__ import annotations

import ast
import ctypes
import inspect
import io
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.devices.cuda import Cuda
from bgflow.frame import Lease
from bgflow.kernel import Kernel
from bgflow.kernels import over
from bgflow.nvrtc import OPTIONS, Loaded
from tests import cudasim
from tests.kernels import hostcuda
from tests.kernels.test_parity import kernels

cupy = pytest.importorskip("cupy", reason="needs cupy-cuda13x, with or without a GPU")
ROOT = Path(__file__).resolve().parents[1]
FILES = [f for folder in ("bgflow", "stages", "kernels", "bench") for f in sorted((ROOT / folder).rglob("*.py"))]


def chain(node: ast.expr, known: dict[str, str]) -> str | None:
    """`cupy.cuda.Stream` for any way to write it: `self.cupy.cuda.Stream`, or a local name for a part of it."""
    if isinstance(node, ast.Name):
        return "cupy" if node.id in ("cupy", "_cupy") else known.get(node.id)
    if isinstance(node, ast.Attribute):
        if node.attr in ("cupy", "_cupy"):
            return "cupy"
        above = chain(node.value, known)
        return f"{above}.{node.attr}" if above else None
    return None


def said(file: Path) -> set[str]:
    """Every name under `cupy` that a file uses."""
    tree = ast.parse(file.read_text("utf-8"))
    used: set[str] = set()
    for scope in [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))]:
        known: dict[str, str] = {}
        for node in ast.walk(scope) if scope is not tree else []:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                known[node.targets[0].id] = chain(node.value, known) or ""
        used |= {it for node in ast.walk(scope) if isinstance(node, ast.Attribute) and (it := chain(node, known))}
    return used - {"cupy"}


def real(name: str) -> Any:
    """The thing that CuPy calls so."""
    found = cupy
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def test_every_name_under_cupy_exists() -> None:
    used = {name: file.name for file in FILES for name in said(file)}
    assert {"cupy.cuda.Stream", "cupy.cuda.runtime.getDeviceCount", "cupy.RawModule"} <= set(used)
    missing = []
    for name, file in used.items():
        try:
            real(name)
        except AttributeError:
            missing.append(f"{file}: {name}")
    assert missing == []


MADE_BY_CUPY = {"cupy.cuda.Graph", "cupy.cuda.function.Function"}  # bgflow calls their methods only


def simulated() -> Iterator[Any]:
    """Everything that the simulation offers, as pytest parameters: its name under `cupy`, and it."""

    def walk(name: str, space: Any) -> Iterator[tuple[str, Any]]:
        for key, value in vars(space).items():
            if key.startswith("_") or isinstance(value, property):
                continue
            yield f"{name}.{key}", value
            if isinstance(value, types.SimpleNamespace | type):
                yield from walk(f"{name}.{key}", value)

    for name, thing in walk("cupy", cudasim.cupy()):
        if callable(thing):
            yield pytest.param(name, thing, id=name)


def parameters(thing: Callable[..., Any]) -> list[str] | None:
    """The names of its parameters; Cython says them in the first line of the docstring."""
    try:
        found = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        found = None
    if found is not None and not any(p.kind == p.VAR_POSITIONAL for p in found.values()):
        return [n for n in found if n != "self"]
    line = next(iter((thing.__doc__ or "").strip().splitlines()), "")
    if not (inside := re.fullmatch(r"[\w.]+\((.*)\)(?: -> .*)?", line)):
        return None
    names = [re.sub(r"=.*", "", p).split()[-1].lstrip("*") for p in inside[1].split(",") if p.strip()]
    return [n for n in names if n not in ("self", "")]


@pytest.mark.parametrize(("name", "thing"), [*simulated()])
def test_the_simulation_offers_only_what_cupy_has(name: str, thing: Callable[..., Any]) -> None:
    its = real(name)
    assert callable(its)
    assert isinstance(its, type) == isinstance(thing, type)
    if name in MADE_BY_CUPY or (isinstance(thing, type) and issubclass(thing, Exception)):
        return
    have = parameters(its)
    wants = [n for n, p in inspect.signature(thing).parameters.items() if n != "self" and p.kind != p.VAR_KEYWORD]
    assert have is not None, f"CuPy does not say what {name} takes"
    assert wants == have[: len(wants)]


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("ndarray", ["data", "device", "dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides"]),
        ("cuda.MemoryPointer", ["device_id", "mem", "ptr"]),
        ("cuda.UnownedMemory", ["ptr", "size"]),
        ("cuda.PinnedMemoryPointer", ["ptr"]),
        ("cuda.Device", ["id", "mem_info"]),
        ("RawKernel", ["kernel"]),
        ("cuda.Event", ["done"]),
        ("cuda.function.CPointer", ["ptr"]),
    ],
)
def test_an_attribute_exists(name: str, attributes: list[str]) -> None:
    assert [a for a in attributes if not hasattr(real(f"cupy.{name}"), a)] == []


def test_streams_have_an_address() -> None:
    assert "Stream.ptr" in cupy.cuda.Stream.__doc__


def test_a_compiled_kernel_takes_a_stream() -> None:
    kind = cupy.cuda.function.Function
    function, address = kind.__new__(kind), cupy.cuda.function.CPointer(0)
    with pytest.raises(AttributeError, match="ptr"):  # of the stream: it was taken, and looked at
        function((1,), (1,), (address,), stream=object())
    with pytest.raises(TypeError, match="unexpected keyword"):
        function((1,), (1,), (address,), queue=object())


# -- arrays of the real CuPy, over memory that is never touched -------------------------------------------------------


@pytest.fixture
def gpu() -> Cuda:
    """The device as far as it needs no driver."""
    made = Cuda.__new__(Cuda)
    made.cupy, made._index, made._fences = cupy, 0, {}
    return made


def test_a_view_is_an_array_over_the_block_that_keeps_its_owner(gpu: Cuda) -> None:
    given: list[Any] = []
    block = types.SimpleNamespace(ptr=4096)
    array = gpu.view(block, (4, 8, 3), np.uint8, Lease(types.SimpleNamespace(give=given.append), block))  # type: ignore[arg-type]
    assert (array.shape, array.strides, array.dtype, array.nbytes) == ((4, 8, 3), (24, 3, 1), np.uint8, 96)
    part = array[1:, 2:]
    del array
    assert not given
    assert gpu.address(part) == 4096 + 24 + 6
    assert (part.data.mem.ptr, part.data.mem.size) == (4096, 96)
    assert not part.flags.c_contiguous
    assert gpu.owns(part)
    del part
    assert given == [block]


def test_arguments_are_packed_as_the_kernel_reads_them(gpu: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Any] = []

    def function(grid: Any, block: Any, args: Any, stream: Any) -> None:
        launched.append((grid, block, [a.ptr for a in args], stream))

    raw = types.SimpleNamespace(kernel=function)
    module = types.SimpleNamespace(get_function=lambda name: raw)
    monkeypatch.setattr(cupy, "RawModule", lambda **kw: module)
    loaded = Loaded(cupy, over.over_picture, gpu.address)
    shapes = [((9, 40, 3), np.uint8), ((9, 33), np.float32), ((9, 33, 3), np.uint8), ((9, 33, 3), np.uint8)]
    front, alpha, back, out = (
        gpu.view(types.SimpleNamespace(ptr=n << 20), shape, dtype, None)
        for n, (shape, dtype) in enumerate(shapes, start=1)
    )
    loaded.launch((9, 33), (front[:, 7:], alpha, back, out), "stream")
    grid, block, places, stream = launched[0]
    assert (grid, block, stream) == ((2, 2), (32, 8), "stream")
    kinds = [ctypes.c_int] * 2 + [ctypes.c_longlong] * len(over.over_picture.parameters())
    values = [kind.from_address(place).value for kind, place in zip(kinds, places, strict=True)]
    assert values == [9, 33, (1 << 20) + 21, 120, 3, 2 << 20, 33, 3 << 20, 99, 3, 4 << 20, 99, 3]


# -- the compiler -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(hostcuda.nvrtc() is None, reason="needs the nvidia-cuda-nvrtc wheel")
@pytest.mark.parametrize("k", kernels())
def test_cupys_own_way_to_compile_takes_the_kernel_without_a_word(k: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, log = cupy.cuda.compiler, io.StringIO()
    # it would ask a driver which GPU there is; the flag is the one that CuPy adds to everybody's
    monkeypatch.setattr(compiler, "_get_arch_for_options_for_nvrtc", lambda arch: (f"-arch=sm_{arch}", "cubin"))
    cubin, _ = compiler.compile_using_nvrtc(k.source(), (*OPTIONS, "-ftz=true"), arch="90", log_stream=log)
    assert log.getvalue().strip("\0\n ") == ""
    assert k.name.encode() in cubin
