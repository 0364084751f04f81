"""Every kernel of bgflow.kernels means the same in plain Python, in numba and in CUDA.

A kernel in `kernels/x.py` is found by itself; its arguments come from `CASES` in `tests/kernels/test_x.py`, a list of
`(kernel, make)` where `make(rng)` returns the full argument list. Integers must be equal, floats within 1e-5.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

import bgflow.kernels
from bgflow.kernel import Kernel
from tests.kernels import hostcuda

ARCHS = ("sm_75", "sm_80", "sm_90", "sm_100")
ROOM = 64  # registers of a thread, with which 32 warps of an SM's 64 run at once and hide each other's loads
GUARD = 0x5A  # fills the memory around every array


def kernels() -> list[Any]:
    """Every kernel there is, as a pytest parameter called `stem.name`."""
    found = []
    for module in pkgutil.iter_modules(bgflow.kernels.__path__):
        space = vars(importlib.import_module(f"bgflow.kernels.{module.name}"))
        own = {id(k): k for k in space.values() if isinstance(k, Kernel) and k.cu.stem == module.name}
        found += [pytest.param(k, id=f"{module.name}.{k.name}") for k in own.values()]
    return found


def arguments(k: Kernel) -> list[list[Any]]:
    """The argument lists that the kernel's test file offers."""
    cases = importlib.import_module(f"tests.kernels.test_{k.cu.stem}").CASES
    made = [make(np.random.default_rng(7)) for kernel, make in cases if kernel is k]
    assert made, f"tests/kernels/test_{k.cu.stem}.py has no case for {k.name}"
    return made


def guarded(v: Any) -> tuple[Any, Any]:
    """A copy of `v` inside a larger array of guard bytes, and that array: rows are padded, and strays show."""
    if not isinstance(v, np.ndarray):
        return v, None
    around = np.empty([n + (2 if axis < 2 else 0) for axis, n in enumerate(v.shape)], v.dtype)
    around.view(np.uint8)[...] = GUARD
    inside = around[tuple(slice(1, n + 1) if axis < 2 else slice(None) for axis, n in enumerate(v.shape))]
    inside[...] = v
    return inside, around


def assert_same(k: Kernel, twin: hostcuda.Run, values: list[Any]) -> None:
    """`twin` and the definition leave the same arrays, and `twin` writes nowhere else."""
    want = [v.copy() if isinstance(v, np.ndarray) else v for v in values]
    hostcuda.python(k)(*want)
    got, around = zip(*map(guarded, values), strict=True)
    twin(*got)
    for arg, p, q, outside in zip(k.args, want, got, around, strict=True):
        if not arg.dims:
            continue
        tolerance = 1e-5 if arg.type == "f32" else 0
        np.testing.assert_allclose(q, p, rtol=tolerance, atol=tolerance, err_msg=f"{k.name}: {arg.name}")
        q[...] = np.frombuffer(bytes([GUARD] * q.itemsize), q.dtype)[0]
        assert (outside.view(np.uint8) == GUARD).all(), f"{k.name} writes outside {arg.name}"


@pytest.mark.parametrize("k", kernels())
def test_numba_means_what_python_means(k: Kernel) -> None:
    for values in arguments(k):
        assert_same(k, k, values)


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@pytest.mark.parametrize("k", kernels())
def test_the_cuda_text_means_what_python_means(k: Kernel) -> None:
    twin = hostcuda.host(k)
    for values in arguments(k):
        assert_same(k, twin, values)


@pytest.mark.skipif(hostcuda.nvrtc() is None, reason="needs the nvidia-cuda-nvrtc wheel")
@pytest.mark.parametrize("k", kernels())
def test_nvrtc_compiles_the_cuda_text_without_a_warning(k: Kernel) -> None:
    for arch in ARCHS:
        assert hostcuda.nvrtc_log(k.source(), arch) == ""


@pytest.mark.skipif(hostcuda.nvrtc() is None, reason="needs the nvidia-cuda-nvrtc wheel")
@pytest.mark.parametrize("k", kernels())
def test_a_thread_has_room_for_all_it_needs_in_its_registers(k: Kernel) -> None:
    needs = hostcuda.resources(k, "sm_90")
    assert (needs.stack, needs.spilled) == (0, 0)
    assert needs.registers <= ROOM


def test_there_are_kernels_to_compare() -> None:
    assert kernels()
