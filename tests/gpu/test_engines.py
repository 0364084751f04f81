"""Engines on a GPU: as exact as their precision, on the arrays of the device, and captured."""

from __future__ import annotations

import numpy as np
import pytest

from bgflow import engines
from bgflow.bench.networks import alphas
from bgflow.bench.pictures import Size
from bgflow.devices import Device, device
from bgflow.errors import BgflowError

pytestmark = pytest.mark.gpu
SIZE = Size(640, 360)
APART = {"fp32": 0.002, "fp16": 0.015}  # mean difference of the alpha


@pytest.mark.parametrize("precision", APART)
@pytest.mark.parametrize("name", engines.known())
def test_an_engine_gives_the_alpha_of_fp32_on_the_cpu(cuda: Device, u2netp: str, name: str, precision: str) -> None:
    try:
        made = engines.engine(name, cuda)
    except BgflowError as why:
        pytest.skip(str(why))
    if not engines.native(made, cuda):
        pytest.skip(f"{name} takes no arrays of a GPU")
    try:
        found = alphas(cuda, u2netp, name, precision, SIZE)
    except BgflowError as why:
        pytest.skip(f"{name} in {precision}: {why}")
    wanted = alphas(device("cpu"), u2netp, "auto", "fp32", SIZE)
    assert np.mean(np.abs(found - wanted)) <= APART[precision]


def test_the_best_engine_of_the_gpu_works_on_its_own_arrays(cuda: Device) -> None:
    assert engines.native(engines.engine("auto", cuda), cuda)
