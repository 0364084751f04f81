"""Connected things of a grid by threads that do not wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import forest
from tests.kernels import hostcuda

Make = Callable[[np.random.Generator], list[Any]]
Grid = np.ndarray[Any, Any]
M, N = 13, 17


def places(planes: int, m: int, n: int) -> Grid:
    return np.full((planes, 1 + m * n), -7, np.int32)


def scene(rng: np.random.Generator, planes: int = 1, m: int = M, n: int = N, share: float = 0.45) -> Grid:
    """Some cells of 1, the others 0."""
    return (rng.random((planes, m, n)) < share).astype(np.float32)


def planted(member: Grid, rim: int = -1, run: Callable[[Kernel], hostcuda.Run] = hostcuda.python) -> tuple[Grid, Grid]:
    p, m, n = member.shape
    parent, total = places(p, m, n), places(p, m, n)
    run(forest.plant)(member, parent, total, 0.5, rim, m, n, p, p)
    return parent, total


def linked(member: Grid, rim: int = -1) -> tuple[Grid, Grid]:
    parent, total = planted(member, rim)
    hostcuda.python(forest.link)(parent, *member.shape[1:])
    return parent, total


CASES: list[tuple[Kernel, Make]] = [
    (forest.plant, lambda rng: [
        scene(rng, 2), places(2, M, N), places(2, M, N), 0.5, 1, M, N, 2, 2
    ]),
    (forest.plant, lambda rng: [
        scene(rng, 1), places(1, M, N), places(3, M, N), 0.5, -1, M, N, 3, 1
    ]),
    # in a single block of threads: which cells hang on which in the end depends on their order, the roots do not
    (forest.link, lambda rng: [planted(scene(rng, 2, 4, 8), 1)[0], 4, 8]),
    (forest.collect, lambda rng: [
        9 * rng.random((2, M, N), np.float32), *linked(scene(rng, 2), 1), 64.0, N, 2
    ]),
    (forest.collect, lambda rng: [
        9 * rng.random((2, M, N), np.float32), linked(scene(rng))[0], planted(scene(rng, 2))[1], 64.0, N, 1
    ]),
]  # fmt: skip


def sums_by(run: Callable[[Kernel], hostcuda.Run], member: Grid, mass: Grid, rim: int) -> tuple[Grid, Grid]:
    """For every cell its thing's root (0 the outside, -1 none), and the sum over that."""
    p, m, n = member.shape
    parent, total = planted(member, rim, run)
    run(forest.link)(parent, m, n)
    run(forest.collect)(mass, parent, total, 16.0, n, p)
    roots = parent[:, 1:].reshape(p, m, n)
    found = np.take_along_axis(total, np.maximum(parent[:, 1:], 0), 1).reshape(p, m, n) / 16
    return roots, np.where(roots >= 0, found, 0)


def sums_by_opencv(member: Grid, mass: Grid) -> Grid:
    out = np.zeros_like(mass)
    for p, plane in enumerate(member):
        _, labels = cv2.connectedComponents(plane.astype(np.uint8), connectivity=8)
        sums = np.bincount(labels.ravel(), mass[p].ravel())
        out[p] = np.where(plane > 0, sums[labels], 0)
    return out


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9999), m=st.integers(1, 12), n=st.integers(1, 12), share=st.floats(0.1, 0.9))
def test_each_cell_gets_the_sum_over_its_thing(seed: int, m: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    member, mass = scene(rng, 2, m, n, share), rng.integers(0, 99, (2, m, n)).astype(np.float32)
    roots, found = sums_by(lambda k: k, member, mass, -1)
    np.testing.assert_array_equal(found, sums_by_opencv(member, mass))
    np.testing.assert_array_equal(roots >= 0, member > 0)


def test_what_touches_the_border_belongs_to_the_outside() -> None:
    member = np.zeros((2, 9, 9), np.float32)
    member[:, :3, 4] = 1  # from the border inwards
    member[:, 5:7, 4] = 1  # an island
    roots, _ = sums_by(lambda k: k, member, np.ones_like(member), 1)
    assert (roots[0][member[0] > 0] > 0).all()
    assert (roots[1, :3, 4] == 0).all()
    assert (roots[1, 5:7, 4] > 0).all()


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@pytest.mark.parametrize("share", [0.35, 0.42, 0.6])
def test_threads_that_run_side_by_side_find_the_same_things(share: float) -> None:
    side_by_side = {k: hostcuda.host(k, threads=True) for k in (forest.plant, forest.link, forest.collect)}
    rng = np.random.default_rng(3)
    for _ in range(30):
        member, mass = scene(rng, 2, 90, 160, share), rng.integers(0, 99, (2, 90, 160)).astype(np.float32)
        roots, found = sums_by(side_by_side.__getitem__, member, mass, -1)
        np.testing.assert_array_equal(found, sums_by_opencv(member, mass))
        want, _ = sums_by(lambda k: k, member, mass, -1)
        np.testing.assert_array_equal(roots, want)


@given(most=st.floats(1, 1e8))
def test_the_unit_is_fine_but_a_sum_still_fits(most: float) -> None:
    assert forest.LARGEST / 2 <= forest.unit_of(most) * most * (1 + 1e-9)
    assert forest.unit_of(most) * most <= forest.LARGEST * (1 + 1e-9)
