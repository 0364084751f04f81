"""A pool's block goes home when the last view of it dies, and not before."""

from __future__ import annotations

import gc
from fractions import Fraction

import numpy as np
import pytest

from bgflow.devices import device, device_of, to_host
from bgflow.errors import OutOfMemory
from bgflow.frame import Frame, Pool


@pytest.fixture(params=["cpu", "fake"])
def pool(request: pytest.FixtureRequest) -> Pool:
    return Pool(device(request.param), (4, 6, 3), np.uint8, name="src.image", planned=1)


def test_a_dead_array_gives_its_block_to_the_next_one(pool: Pool) -> None:
    for _ in range(100):
        array = pool.take()
        array[...] = 1
        del array
    assert pool.allocations == 1


def test_a_slice_keeps_the_block_alive(pool: Pool) -> None:
    array = pool.take()
    array[...] = 7
    part = array[1:3, ::2].T
    del array
    gc.collect()
    other = pool.take()
    other[...] = 9
    assert (to_host(part) == 7).all()
    assert pool.allocations == 2


def test_a_block_is_the_same_memory_whatever_shape_is_asked_of_it(pool: Pool) -> None:
    block = pool.device.block(12)
    pool.device.upload(
        np.arange(12, dtype=np.uint8).reshape(2, 2, 3), pool.device.view(block, (2, 2, 3), np.uint8, None)
    )
    assert to_host(pool.device.view(block, (12,), np.uint8, None)).tolist() == list(range(12))
    assert to_host(pool.device.view(block, (2, 2, 3), np.uint8, None))[1, 1].tolist() == [9, 10, 11]


def test_arrays_are_aligned_and_live_on_the_pools_device(pool: Pool) -> None:
    array = pool.take()
    assert pool.device.address(array) % 64 == 0
    assert device_of(array) is pool.device
    assert (array.shape, array.dtype, array.flags.c_contiguous) == ((4, 6, 3), np.uint8, True)


def test_a_stage_that_hoards_frames_is_told_so_by_port(pool: Pool) -> None:
    hoard = []
    with pytest.raises(OutOfMemory, match="src.image: 20 frames of 72 bytes are still in use"):
        for _ in range(100):
            hoard.append(pool.take())


def test_time_is_exact() -> None:
    assert Frame(0, 1001, Fraction(1, 30000)).time * 30000 == 1001
