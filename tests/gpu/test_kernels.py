"""Every kernel leaves on a GPU what it leaves on the CPU."""

from __future__ import annotations

import pytest

from bgflow.bench.parity import difference
from bgflow.devices import Device
from bgflow.kernel import Kernel
from tests.kernels.test_parity import arguments, kernels

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("k", kernels())
def test_a_kernel_on_the_gpu_means_what_numba_means(cuda: Device, k: Kernel) -> None:
    for values in arguments(k):
        difference(cuda, k, values)
