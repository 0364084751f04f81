"""A kernel checks what it is given, and then runs it where it lives, from any thread."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from bgflow import numbajit
from bgflow.devices import device, to_host
from bgflow.errors import KernelError
from bgflow.frame import Pool
from bgflow.kernel import Kernel, function, kernel


@function
def twice(v):  # type: ignore[no-untyped-def]
    return v + v


@kernel(image="u8[h,w,3]", gain="f32", out="f32[h,w] out")
def brightness(y, x, image, gain, out):  # type: ignore[no-untyped-def]
    """The green channel, twice, times the gain."""
    out[y, x] = twice(np.float32(image[y, x, 1])) * gain


@kernel(over="rows,n", data="f32[m,n] inout", rows="i32")
def count_up(y, x, data, rows):  # type: ignore[no-untyped-def]
    """Add one."""
    data[y, x] += np.float32(1)


def image(h: int = 4, w: int = 6) -> Any:
    return np.arange(h * w * 3, dtype=np.uint8).reshape(h, w, 3)


def out(h: int = 4, w: int = 6) -> Any:
    return np.zeros((h, w), np.float32)


def on_fake(array: Any) -> Any:
    put = Pool(device("fake"), array.shape, array.dtype).take()
    device("fake").upload(array, put)
    return put


def test_a_kernel_runs_over_its_extent() -> None:
    result = out()
    brightness(image(), 1.5, result)
    np.testing.assert_array_equal(result, image()[..., 1] * np.float32(3))


def test_a_scalar_argument_can_be_the_extent() -> None:
    data = out()
    count_up(data, 2)
    assert data[:2].all()
    assert not data[2:].any()


def test_an_empty_extent_does_nothing() -> None:
    brightness(image(0, 6), 1, out(0, 6))
    data = out()
    count_up(data, 0)
    assert not data.any()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda: (image(), 1, out().astype(np.uint8)), "brightness: out is uint8[4x6], but wants f32[h,w]"),
        (lambda: (image()[..., 0], 1, out()), "brightness: image is uint8[4x6], but wants u8[h,w,3]"),
        (lambda: (image(), 1, out(4, 5)), "brightness: out has w=5, but w is 6"),
        (lambda: (image(), 1, out(3, 6)), "brightness: out has h=3, but h is 4"),
        (lambda: (np.zeros((4, 6, 4), np.uint8), 1, out()), "brightness: image is uint8[4x6x4], but wants u8[h,w,3]"),
        (lambda: (image(), out()), "brightness: takes 3 arguments, not 2"),
        (lambda: (image().tolist(), 1, out()), "brightness: image is list[], but wants u8[h,w,3]"),
        (lambda: (on_fake(image()), 1, out()), "brightness: out is on cpu, but its first array is on fake"),
        (lambda: (image(), 1, on_fake(out())), "brightness: out is on fake, but its first array is on cpu"),
    ],
    ids=["dtype", "dims", "width", "height", "fixed dim", "count", "no array", "host on device", "device on host"],
)
def test_a_wrong_argument_is_named_with_what_is_wanted(values: Any, message: str) -> None:
    with pytest.raises(KernelError) as e:
        brightness(*values())
    assert str(e.value) == message


def test_a_kernel_error_is_a_type_error() -> None:
    assert issubclass(KernelError, TypeError)


def test_a_read_only_output_is_refused_and_stays_as_it_is() -> None:
    result = out()
    result.flags.writeable = False
    with pytest.raises(KernelError) as e:
        brightness(image(), 1, result)
    assert str(e.value) == "brightness: out is read-only; a stage's input is never written"
    assert not result.any()


def test_a_read_only_input_is_taken() -> None:
    picture, result = image(), out()
    picture.flags.writeable = False
    brightness(picture, 0.5, result)
    np.testing.assert_array_equal(result, picture[..., 1])


def test_padded_rows_are_read_and_written_in_place() -> None:
    picture, whole = image(9, 11), np.full((9, 11), -1, np.float32)
    brightness(picture[2:6, 3:9], 0.5, whole[2:6, 3:9])
    np.testing.assert_array_equal(whole[2:6, 3:9], picture[2:6, 3:9, 1])
    whole[2:6, 3:9] = -1
    assert (whole == -1).all()


@pytest.mark.parametrize("mode", ["in", "out"])
def test_padded_rows_are_not_copied_and_compile_like_whole_ones(mode: str) -> None:
    crop = image(9, 11)[2:6, 3:9]
    seen = numbajit.contiguous(crop, mode)
    assert seen.ctypes.data == crop.ctypes.data
    assert seen.flags.c_contiguous
    assert seen.flags.writeable == (mode == "out")


def test_rows_padded_by_less_than_a_pixel_are_taken_too() -> None:
    rows = np.arange(4 * 20, dtype=np.uint8).reshape(4, 20)
    picture, result = rows[:, :18].reshape(4, 6, 3), out()
    assert picture.strides == (20, 3, 1)
    brightness(picture, 0.5, result)
    np.testing.assert_array_equal(result, picture[..., 1])


def test_the_fake_device_runs_the_same_kernel_and_counts_it() -> None:
    result, meter = on_fake(out()), device("fake").meter
    before = meter.read()
    brightness(on_fake(image()), 1.5, result)
    assert meter.read().minus(before).launches == 1
    np.testing.assert_array_equal(to_host(result), image()[..., 1] * np.float32(3))


def test_threads_may_launch_at_once() -> None:
    data = [out(64, 64) for _ in range(4)]
    begin = threading.Barrier(len(data))

    def work(mine: Any) -> None:
        begin.wait()
        for _ in range(50):
            count_up(mine, 64)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in data]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert all((mine == 50).all() for mine in data)


def test_parameters_that_differ_from_the_declaration_are_refused() -> None:
    with pytest.raises(KernelError) as e:

        @kernel(image="u8[h,w,3]", mask="u8[h,w] out")
        def wrong(y, x, mask, image):  # type: ignore[no-untyped-def]
            pass

    assert str(e.value) == (
        "wrong: its parameters after 2 indices are ['mask', 'image'], but ['image', 'mask'] are declared"
    )


@pytest.mark.parametrize(
    ("types", "over", "message"),
    [
        ({"a": "u8[h,w"}, "h,w", "a: 'u8[h,w' is not a kernel type; write for example 'u8[h,w,3] out' or 'f32'"),
        ({"a": "f64[h,w]"}, "h,w", "a: 'f64[h,w]' is not a kernel type; write for example 'u8[h,w,3] out' or 'f32'"),
        ({"a": "f32 out"}, "h,w", "a: 'f32 out' is not a kernel type; write for example 'u8[h,w,3] out' or 'f32'"),
        ({"a": "u8[h,w]"}, "h,v", "body: over names 'v', which no argument has"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_refused(types: dict[str, str], over: str, message: str) -> None:
    def body(y, x, a):  # type: ignore[no-untyped-def]
        pass

    with pytest.raises(KernelError) as e:
        kernel(over, **types)(body)
    assert str(e.value) == message


def test_importing_every_kernel_loads_no_compiler() -> None:
    code = (
        "import importlib, pkgutil, sys, bgflow.kernels as k\n"
        "for m in pkgutil.iter_modules(k.__path__): importlib.import_module('bgflow.kernels.' + m.name)\n"
        "print(sorted({'numba', 'cupy', 'llvmlite', 'av'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_compiled_code_is_kept_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGFLOW_CACHE", str(tmp_path))
    again = Kernel(brightness.body, brightness.args, brightness.over, brightness.cu)
    again(image(), 1, out())
    assert list((tmp_path / "kernels").rglob("brightness_*.nbi"))


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BGFLOW_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert numbajit.cache_folder() == tmp_path / "user" / "bgflow" / "kernels"


COMPILES = """
import logging, numpy as np
from bgflow.kernels import resize, over
logging.basicConfig(level=logging.INFO, format="%(message)s")
a, b = np.zeros((4, 4, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
over.fill((1, 2, 3), a)
resize.area(a, b)
"""


def test_the_first_compilation_on_a_machine_is_announced_once(tmp_path: Path) -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", COMPILES],
            env={**os.environ, "BGFLOW_CACHE": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        for _ in range(2)
    ]
    assert told == ["compiling kernels for this machine, which happens once and takes some seconds\n", ""]


def test_elements_with_gaps_are_refused_on_an_accelerator_and_taken_on_the_cpu() -> None:
    brightness(image(), 1, out(4, 12)[:, ::2])
    with pytest.raises(KernelError) as e:
        brightness(on_fake(image()), 1, on_fake(out(4, 12))[:, ::2])
    assert str(e.value) == "brightness: out has gaps between its elements; rows may be padded, elements may not"


def test_an_array_of_another_form_is_checked_though_one_before_was_right() -> None:
    brightness(image(), 1, out())
    with pytest.raises(KernelError, match="out has h=5, but h is 4"):
        brightness(image(), 1, out(5, 6))


def test_an_array_too_large_for_a_gpus_strides_is_refused_there() -> None:
    @kernel(over="m", rows="u8[m,n]", out="u8[m] out")
    def starts(y, rows, out):  # type: ignore[no-untyped-def]
        out[y] = rows[y, 0]

    def form(m: int) -> list[Any]:
        return [(np.dtype(np.uint8), (m, 2**20), (2**20, 1)), (np.dtype(np.uint8), (m,), (1,))]

    assert starts._extent(form(2047), packed=True) == (2047,)
    assert starts._extent(form(2048), packed=False) == (2048,)
    with pytest.raises(KernelError, match="starts: rows spans 2\\^31 elements or more; a GPU's kernel takes fewer"):
        starts._extent(form(2048), packed=True)


def test_compiling_keeps_no_frame_alive() -> None:
    @kernel(image="u8[h,w,3]", out="f32[h,w] out")
    def fresh(y, x, image, out):  # type: ignore[no-untyped-def]
        out[y, x] = np.float32(image[y, x, 0] + len("never compiled before"))

    gc.disable()
    try:
        pool = Pool(device("cpu"), (4, 6, 3), np.uint8, planned=1)
        for _ in range(4):
            picture = pool.take()
            picture[...] = 1
            fresh(picture, out())
            del picture
    finally:
        gc.enable()
    assert pool.late_allocations == 0


@pytest.mark.parametrize("cheap", [False, True])
def test_a_cheap_kernel_leaves_the_other_cores_alone(cheap: bool) -> None:
    most = numba.config.NUMBA_NUM_THREADS
    numbajit.use_threads(numbajit.SMALL, cheap)
    assert numba.get_num_threads() == (1 if cheap else most)
    numbajit.use_threads(numbajit.PLENTY, cheap)
    assert numba.get_num_threads() == most
