"""Dense optical flow: exact at rest, sub-pixel in motion, and the same between the twins."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import flow

Make = Callable[[np.random.Generator], list[Any]]
Plane = np.ndarray[Any, Any]
M, N = 33, 47
PADDED = flow.padded(M, N)
GRID = (9, 13)


def empty(*shape: int) -> Plane:
    return np.zeros(shape, np.float32)


def waves(h: int, w: int, dy: float = 0.0, dx: float = 0.0) -> Plane:
    """A picture of waves of all lengths in all directions, moved down and right."""
    y, x = np.mgrid[:h, :w]
    y, x = y - dy, x - dx
    rng = np.random.default_rng(3)
    grey = np.full((h, w), 128.0)
    for length in np.geomspace(12, 120, 24):
        turn, phase = rng.uniform(0, 2 * np.pi, 2)
        grey += 16 * np.sin((y * np.sin(turn) + x * np.cos(turn)) * 2 * np.pi / length + phase)
    return np.repeat(np.clip(grey, 0, 255)[..., None], 3, -1).round().astype(np.uint8)


def grey(image: Plane, k: int = 1) -> Plane:
    h, w = image.shape[:2]
    m, n = -(-h // k), -(-w // k)
    out = empty(*flow.padded(m, n))
    flow.grey(image, out, k, m, n, h, w)
    return out


def pair(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """A picture, and where it was; some of it is noise that no search can find."""
    now, past = grey(waves(M, N)), grey(waves(M, N, 1.4, -2.3))
    now[:, :20] = rng.random((PADDED[0], 20)) * 255
    return now, past


def near(rng: np.random.Generator, *shape: int) -> Plane:
    return rng.uniform(-3, 3, shape).astype(np.float32)


CASES: list[tuple[Kernel, Make]] = [
    (flow.grey, lambda rng: [rng.integers(0, 256, (M, N, 3), np.uint8), empty(*PADDED), 1, M, N, M, N]),
    (flow.grey, lambda rng: [
        rng.integers(0, 256, (M, N, 3), np.uint8), empty(*flow.padded(9, 12)), 4, 9, 12, M, N
    ]),
    (flow.halve, lambda rng: [pair(rng)[0], empty(*flow.padded(17, 24)), 17, 24]),
    (flow.rest, lambda rng: [near(rng, 2, 3, 4)]),
    (flow.search, lambda rng: [*pair(rng), near(rng, 2, 5, 7), empty(2, *GRID), 5, 7, *PADDED]),
    (flow.search, lambda rng: [*pair(rng), 50 * near(rng, 2, 5, 7), empty(2, *GRID), 5, 7, *PADDED]),
    (flow.spread, lambda rng: [*pair(rng), near(rng, 2, *GRID), empty(2, M, N), *GRID, *PADDED]),
    (flow.chain, lambda rng: [near(rng, 2, M, N), 20 * near(rng, 2, M, N), empty(2, M, N), M, N]),
]  # fmt: skip


class Memory:
    """Scratch memory as a stage's context gives it."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        if name not in self.arrays or self.arrays[name].shape != shape:
            self.arrays[name] = np.full(shape, 77, dtype)
        return self.arrays[name]


def found(now: Plane, past: Plane) -> Plane:
    """The flow between two pictures, in pixels."""
    out = empty(2, *now.shape[:2])
    flow.flow(grey(now), grey(past), out, Memory())
    return out


def test_the_margin_repeats_the_border_and_cells_are_means() -> None:
    image = waves(20, 30)
    got = grey(image, 4)
    inside = got[flow.PAD : -flow.PAD, flow.PAD : -flow.PAD]
    want = image[..., 0].astype(float)
    np.testing.assert_allclose(inside[:5, :7], want[:, :28].reshape(5, 4, 7, 4).mean((1, 3)), rtol=1e-6)
    np.testing.assert_allclose(inside[:, 7], want[:, 28:].reshape(5, 4, 2).mean((1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(got, np.pad(inside, flow.PAD, mode="edge"))


@settings(max_examples=25, deadline=None)
@given(h=st.integers(1, 60), w=st.integers(1, 60), seed=st.integers(0, 99))
def test_equal_pictures_have_no_flow_at_all(h: int, w: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)
    assert not found(image, image).any()


@settings(max_examples=25, deadline=None)
@given(dy=st.floats(-6, 6), dx=st.floats(-6, 6))
def test_a_shift_is_found_to_a_tenth_of_a_pixel(dy: float, dx: float) -> None:
    got = found(waves(120, 160, dy, dx), waves(120, 160))
    inside = got[:, 24:-24, 24:-24]  # far enough from what comes in over the border
    off = np.hypot(inside[0] + dy, inside[1] + dx)
    assert off.mean() < 0.1
    assert np.quantile(off, 0.99) < 0.3


def test_a_turn_is_found_to_a_third_of_a_pixel() -> None:
    y, x = np.mgrid[:120, :160].astype(np.float64)
    turn = np.deg2rad(2)
    v = np.cos(turn) * (y - 60) - np.sin(turn) * (x - 80) + 60 - y
    u = np.sin(turn) * (y - 60) + np.cos(turn) * (x - 80) + 80 - x
    got = found(waves(120, 160, -v, -u), waves(120, 160))
    assert np.hypot(got[0] - v, got[1] - u)[12:-12, 12:-12].mean() < 0.3


@pytest.mark.parametrize("gain", [0.7, 1.2])
def test_a_change_of_light_is_no_motion(gain: float) -> None:
    past = (waves(120, 160) * 0.6 + 20).astype(np.uint8)
    now = (waves(120, 160, 0, 2) * 0.6 + 20).astype(np.uint8)
    got = found(np.clip(now + 25 * (gain - 1), 0, 255).astype(np.uint8), past)
    assert np.hypot(got[0], got[1] + 2)[16:-16, 16:-16].mean() < 0.2


def test_a_thing_moves_and_what_is_behind_it_does_not() -> None:
    back = waves(120, 160)
    thing = waves(40, 40)[::-1, ::-1] // 2
    past, now = back.copy(), back.copy()
    past[40:80, 50:90] = thing
    now[40:80, 55:95] = thing
    got = found(now, past)
    assert np.hypot(got[0], got[1] + 5)[44:76, 60:90].mean() < 0.2
    still = np.hypot(got[0], got[1])
    still[28:92, 40:108] = 0
    assert still.max() < 0.1


def test_noise_moves_a_flat_wall_by_less_than_a_pixel() -> None:
    rng = np.random.default_rng(0)
    now, past = (np.clip(rng.normal(120, 3, (60, 80, 3)), 0, 255).astype(np.uint8) for _ in range(2))
    assert np.abs(found(now, past)).mean() < 1


def test_chained_flows_lead_as_far_as_one() -> None:
    first, then, both = empty(2, 20, 30), empty(2, 20, 30), empty(2, 20, 30)
    first[0], first[1], then[0], then[1] = 1.5, -2, 0.25, 4
    flow.chain(first, then, both, 20, 30)
    np.testing.assert_allclose(both, np.broadcast_to(np.array([1.75, 2])[:, None, None], (2, 20, 30)))
