"""Instructions that kernels execute a pixel, counted by valgrind's callgrind: the same on every run and machine.

`python -m bgflow.bench.counted LIBRARY ONLY` is what runs under valgrind: one thread, code for a Haswell, one dump for
each counted call. Every case is counted on two pictures, and the difference over the difference in pixels is what is
kept: what Python does around a kernel costs the same on both.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bgflow import Stage
from bgflow.bench.crowd import crowd
from bgflow.bench.pictures import Size, pictures
from bgflow.errors import BgflowError, UsageError
from bgflow.kernels import blur, box, guided, over, resize, tensor, yuv
from bgflow.stages.mog import Mask, Running
from bgflow.testing import opened

SIZES = (Size(256, 192), Size(512, 384))
COUNTS = 3  # calls that are counted; the least of them counts
FRAMES = 6  # of a scene that a background model has seen before it is counted
WARM_UP = 2
RADIUS, EPS, SHRINK, SIGMA, SIDE = 6, 1e-4, 2, 8.0, 128
MODELS: dict[str, type[Stage]] = {"mog.mask": Mask, "mog.running": Running}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# An AVX2 machine without more: valgrind knows no AVX-512, and the count must not depend on where it is made.
MACHINE = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
REQUESTS = """
#include <valgrind/callgrind.h>
extern "C" void begin() { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
extern "C" void end(const char *name) { CALLGRIND_DUMP_STATS_AT(name); CALLGRIND_STOP_INSTRUMENTATION; }
"""
MOST_SECONDS = 900
DUMP = re.compile(r"^desc: Trigger: Client Request: ([^\n]+) (\d+)x(\d+)$.*?^totals: (\d+)", re.M | re.S)

Array = np.ndarray[Any, Any]
Call = Callable[[], object]


def per_pixel(only: str = "") -> dict[str, float]:
    """Instructions a pixel of every case in whose name `only` is.

    Raises:
        UsageError: valgrind or a compiler is missing.
        BgflowError: the counted process failed.
    """
    for tool in ("valgrind", "g++"):
        if shutil.which(tool) is None:
            raise UsageError(f"{tool} is not installed; apt-get install {tool}")
    with tempfile.TemporaryDirectory(prefix="bgflow-counted-") as folder:
        library = Path(folder) / "requests.so"
        _ran(["g++", "-shared", "-fPIC", "-O1", "-x", "c++", "-", "-o", str(library)], REQUESTS)
        child = [sys.executable, "-m", "bgflow.bench.counted", str(library), only]
        _ran(child)  # compiles the kernels, which would take long under valgrind
        out = f"--callgrind-out-file={folder}/out.%p"
        _ran(["valgrind", "--tool=callgrind", "--instr-atstart=no", out, *child])
        texts = [file.read_text("utf-8", "replace") for file in Path(folder).glob("out.*")]
    return slopes([count for text in texts for count in counts(text)])


def counts(text: str) -> list[tuple[str, int, int]]:
    """(Name, pixels, instructions) of each marked call in what callgrind wrote."""
    return [(m[1], int(m[2]) * int(m[3]), int(m[4])) for m in DUMP.finditer(text)]


def slopes(calls: list[tuple[str, int, int]]) -> dict[str, float]:
    """Instructions a pixel by name, from (name, pixels, instructions): the least of each size, and their difference."""
    least: dict[str, dict[int, int]] = {}
    for name, pixels, count in calls:
        of = least.setdefault(name, {})
        of[pixels] = min(count, of.get(pixels, count))
    out = {}
    for name, of in sorted(least.items()):
        small, large = min(of), max(of)
        out[name] = round((of[large] - of[small]) / (large - small), 2)
    return out


def cases(size: Size, only: str = "") -> Iterator[tuple[str, Call]]:
    """What is counted, and no background model but those in whose name `only` is: they have to learn first."""
    shot, memory = pictures(size)[0], _scratch()
    w, h = size
    image, alpha, out = shot.image, shot.alpha, np.empty_like(shot.image)
    planes, i420 = yuv.nv12_planes(shot.nv12, h, w), np.empty((h * 3 // 2, w), np.uint8)
    u, v = i420[h:].reshape(2, h // 2, w // 2)
    smaller = np.empty((h // 2, w // 2, 3), np.uint8)
    blob = np.empty((1, 3, SIDE, SIDE), np.float32)
    plane, mean, between = alpha[None], np.empty_like(alpha[None]), np.empty_like(alpha[None])
    fitted, behind = np.empty_like(alpha), shot.plate
    yield "nv12 to rgb", lambda: yuv.nv12_to_rgb(*planes, out, "bt601")
    yield "rgb to i420", lambda: yuv.rgb_to_i420(image, i420[:h], u, v, "bt601")
    yield "resize.linear", lambda: resize.linear(image, smaller)
    yield "resize.area", lambda: resize.area(image, smaller)
    yield "resize + normalise", lambda: tensor.fill(image, blob, MEAN, STD, "nchw", memory)
    yield "box mean", lambda: box.mean(plane, mean, RADIUS, between)
    yield "Gaussian blur", lambda: blur.picture(image, out, SIGMA, memory)
    yield "guided filter", lambda: guided.refine(image, alpha, fitted, RADIUS, EPS, SHRINK, memory)
    yield "composite", lambda: over.replace(image, alpha, behind, out)
    for name, kind in MODELS.items():
        if only in name:
            with opened(kind(light=False), wired={"label"}) as model:
                images = crowd(size, 1, FRAMES)
                for seen in images * 2:
                    model(image=seen)
                yield name, functools.partial(model, image=images[0])


def _count(library: str, only: str) -> None:
    """Make the calls, and mark those that count."""
    requests = ctypes.CDLL(library)
    for size in SIZES:
        for name, call in cases(size, only):
            if only not in name:
                continue
            for _ in range(WARM_UP):
                call()
            for _ in range(COUNTS):
                requests.begin()
                call()
                requests.end(f"{name} {size}".encode())


def _ran(command: list[str], text: str = "") -> None:
    environment = {**os.environ, **MACHINE}
    done = subprocess.run(
        command, input=text, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BgflowError(f"{' '.join(command[:4])} ended with {done.returncode}: {last}")


def _scratch() -> Callable[[str, tuple[int, ...], Any], Array]:
    kept: dict[tuple[str, tuple[int, ...]], Array] = {}
    return lambda name, shape, dtype: kept.setdefault((name, shape), np.empty(shape, dtype))


if __name__ == "__main__":
    _count(*sys.argv[1:])
