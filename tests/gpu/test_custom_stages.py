"""The stages of docs/custom-stages.md on a GPU, with the real libraries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bgflow.devices import Device
from bgflow.testing import run_stage
from tests.test_custom_stages import ALPHA, IMAGE, stage

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def current(cuda: Device) -> Iterator[None]:
    """The device's stream is the current one, as in a run."""
    with cuda.active():
        yield


def test_the_cupy_stage_darkens_all_but_the_subject(cuda: Device) -> None:
    out = run_stage(stage("Night"), cuda.name, image=IMAGE, alpha=ALPHA)
    want = IMAGE * np.minimum(ALPHA + np.float32(0.25), 1)[..., None]
    np.testing.assert_array_equal(out, want.astype(np.uint8))


def test_the_numba_cuda_stage_inverts(cuda: Device) -> None:
    numba = pytest.importorskip("numba.cuda")
    if not numba.is_available():
        pytest.skip("numba.cuda finds no driver: pip install 'numba-cuda[cu13]'")
    np.testing.assert_array_equal(run_stage(stage("Invert"), cuda.name, image=IMAGE), 255 - IMAGE)


def test_the_torch_stage_blurs_in_the_memory_of_its_arrays(cuda: Device) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    on_host = run_stage(stage("Soften"), alpha=ALPHA)
    np.testing.assert_allclose(run_stage(stage("Soften"), cuda.name, alpha=ALPHA), on_host, atol=1e-6)


def test_the_stage_that_answers_launches_mirrors(cuda: Device) -> None:
    np.testing.assert_array_equal(run_stage(stage("Turned"), cuda.name, image=IMAGE), IMAGE[:, ::-1])
