"""The stages of docs/custom-stages.md do what they say, without a GPU: tests/gpu has the same on one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow import Stage
from bgflow.devices import device
from bgflow.errors import DeviceError
from bgflow.interop import tensors
from bgflow.testing import opened, run_stage
from tests import cudasim
from tests.kernels import hostcuda

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/custom-stages.md").read_text()
BLOCKS = {m[2]: m[1] for m in re.finditer(r"```python\n((?:(?!```).)*?class (\w+)\(.*?)```", PAGE, re.S)}
IMAGE = np.random.default_rng(1).integers(0, 256, (9, 14, 3), np.uint8)
ALPHA = np.random.default_rng(2).random((9, 14), np.float32)


def stage(name: str, **modules: Any) -> Stage:
    """The stage of that name as the page has it, with other modules in place of those it imports."""
    space: dict[str, Any] = {"__name__": f"page_{name.lower()}"}
    before = {n: sys.modules.get(n) for n in modules}
    sys.modules.update(modules)
    try:
        exec(compile(BLOCKS[name], f"docs/custom-stages.md:{name}", "exec"), space)
    finally:
        for n, module in before.items():
            if module is None:
                del sys.modules[n]
            else:
                sys.modules[n] = module
    made: Stage = space[name]()
    return made


def test_the_page_has_a_stage_for_every_library() -> None:
    assert set(BLOCKS) == {"Posterise", "Mirror", "Night", "Invert", "Soften", "Pulse", "Turned"}


@pytest.mark.parametrize("name", ["Posterise", "Mirror", "Night", "Invert", "Soften"])
def test_a_stage_of_the_page_has_ten_lines_beside_its_imports_and_ports(name: str) -> None:
    body = BLOCKS[name].partition(f"class {name}")[2]
    lines = [line for line in body.splitlines() if line.strip() and " = In(" not in line and " = Out(" not in line]
    assert len(lines) <= 10, lines


def test_posterise_leaves_four_levels() -> None:
    out = run_stage(stage("Posterise"), image=IMAGE)
    np.testing.assert_array_equal(out, IMAGE // 64 * 85)
    assert set(np.unique(out)) == {0, 85, 170, 255}


def test_pulse_becomes_brighter_and_darker_every_40_ms() -> None:
    with opened(stage("Pulse")) as source:
        frames = [(pts, int(image.max())) for pts, image in source.frames(64)]
    assert [pts for pts, _ in frames] == [40_000_000 * n for n in range(64)]
    assert (frames[0][1], frames[32][1], frames[16][1]) == (128, 0, 64)


def test_mirror_mirrors() -> None:
    np.testing.assert_array_equal(run_stage(stage("Mirror"), image=IMAGE), IMAGE[:, ::-1])


def test_the_words_of_the_cupy_stage_darken_all_but_the_subject_when_numpy_speaks_them() -> None:
    out = run_stage(stage("Night", cupy=np), image=IMAGE, alpha=ALPHA)
    want = IMAGE * np.minimum(ALPHA + np.float32(0.25), 1)[..., None]
    np.testing.assert_array_equal(out, want.astype(np.uint8))


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_the_torch_stage_works_in_the_memory_of_its_arrays(on: str) -> None:
    pytest.importorskip("torch")
    soft = run_stage(stage("Soften"), on, alpha=ALPHA)
    padded = np.pad(ALPHA, 2, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    np.testing.assert_allclose(soft, np.nanmean(around, (2, 3)), atol=1e-6)


def test_a_torch_stage_that_is_captured_is_told_to_leave_launches_alone() -> None:
    pytest.importorskip("torch")
    made, fake = stage("Soften"), device("fake")
    with fake.capture(), pytest.raises(DeviceError) as told:
        run_on(made, fake)
    assert str(told.value) == "what torch does cannot be captured; a stage that uses it leaves launches() alone"


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
def test_a_torch_without_cuda_is_told_on_a_gpu() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this PyTorch has CUDA")
    with cudasim.simulated(), pytest.raises(DeviceError) as told, tensors(device("cuda:0")):
        pass
    assert str(told.value) == "this PyTorch has no CUDA, but the stage is on cuda:0; see pytorch.org"


def run_on(made: Stage, where: Any) -> None:
    """`process` on an array that needs no upload."""
    from bgflow.frame import Pool
    from bgflow.testing import TestContext

    context = TestContext(made, where.name)
    context.size = {"h": 9, "w": 14}
    made.open(context)
    made.process(Pool(where, (9, 14), np.float32).take())


SIMULATED = """
import sys
import numpy as np
from numba import cuda
from bgflow.interop import tensors
from bgflow.testing import opened, run_stage
from tests import cudasim
from tests.kernels import hostcuda

cuda.external_stream = lambda address: address  # the simulator has no streams, and its arrays are numpy's
cuda.as_cuda_array = lambda array, sync: array
space = {"__name__": "page_invert"}
exec(sys.stdin.read(), space)
image = np.arange(9 * 40 * 3, dtype=np.uint8).reshape(9, 40, 3)
assert (run_stage(space["Invert"](), image=image) == 255 - image).all()
print("inverted")
"""


def test_the_numba_cuda_stage_inverts_in_numbas_simulator() -> None:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SIMULATED)],
        input=BLOCKS["Invert"], text=True, capture_output=True, env=environment, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "inverted", done.stderr


def test_a_stage_that_answers_launches_is_still_the_stage_that_it_was() -> None:
    out = run_stage(stage("Turned"), image=IMAGE)
    np.testing.assert_array_equal(out, IMAGE[:, ::-1])
