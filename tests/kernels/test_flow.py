"""Dense optical flow: exact at rest, sub-pixel in motion, and the same between the twins."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import flow, pyramid

Make = Callable[[np.random.Generator], list[Any]]
Plane = np.ndarray[Any, Any]
M, N = 33, 47
PADDED = pyramid.padded(M, N)


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


def grey(image: Plane) -> Plane:
    """A grey picture with its margin."""
    out = np.zeros(pyramid.padded(*image.shape[:2]), np.uint16)
    pyramid.grey(image, out, 1, np.zeros((image.shape[0], 3 * image.shape[1]), np.uint16))
    return out


def levels(image: Plane) -> list[Plane]:
    """A pyramid of a picture, whose border is repeated up to whole cells."""
    (h, w), cell = image.shape[:2], flow.CELL
    made = [
        np.zeros(pyramid.padded(*size), np.uint16) for size in flow.sizes(-(-h // cell) * cell, -(-w // cell) * cell)
    ]
    pyramid.grey(image, made[0], 1, np.zeros((pyramid.inner(made[0])[0], 3 * w), np.uint16))
    pyramid.build(made)
    return made


def pair(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """A picture, and where it was; some of it is noise that no search can find."""
    now, past = grey(waves(M, N)), grey(waves(M, N, 1.4, -2.3))
    now[:, :20] = rng.integers(0, 4081, (PADDED[0], 20))
    return now, past


def near(rng: np.random.Generator, *shape: int) -> Plane:
    return rng.uniform(-3, 3, shape).astype(np.float32)


CASES: list[tuple[Kernel, Make]] = [
    (flow.spread, lambda rng: [*pair(rng), near(rng, 2, 5, 6), empty(2, 32, 40), empty(32, 40), 4, 5, *PADDED]),
    (flow.spread, lambda rng: [*pair(rng), 0 * near(rng, 2, 5, 6), empty(2, 32, 40), empty(32, 40), 4, 5, *PADDED]),
    (flow.spread, lambda rng: [*pair(rng), 50 * near(rng, 2, 5, 6), empty(2, 32, 40), empty(32, 40), 4, 5, *PADDED]),
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


def both(now: Plane, past: Plane) -> tuple[Plane, Plane]:
    """The flow between two pictures in pixels, and how much they differ along it in levels."""
    (h, w), here = now.shape[:2], levels(now)
    m, n = pyramid.inner(here[0])
    out, difference = empty(2, m, n), empty(m, n)
    flow.flow(here, levels(past), out, difference, empty(2, 1, 1), Memory())
    return out[:, :h, :w], difference[:h, :w]


def found(now: Plane, past: Plane) -> Plane:
    """The flow between two pictures, in pixels."""
    return both(now, past)[0]


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
    assert np.hypot(got[0], got[1] + 5)[48:72, 63:87].mean() < 0.2
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


def test_noise_is_no_motion() -> None:
    rng = np.random.default_rng(0)
    scene = waves(96, 128).astype(float)
    now, past = (np.clip(scene + rng.normal(0, 0.6, scene.shape), 0, 255).round().astype(np.uint8) for _ in range(2))
    assert not found(now, past).any()


def test_the_difference_is_what_the_flow_leaves_unexplained() -> None:
    past, now = waves(120, 160), waves(120, 160, 0, 3)
    now[50:60, 70:80] = 255 - now[50:60, 70:80] // 2
    difference = both(now, past)[1]
    assert difference[50:60, 70:80].mean() > 20
    difference[40:70, 60:90] = 0
    assert np.quantile(difference[16:-16, 16:-16], 0.99) < 4
