"""Figures drawn from signed distances."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bgflow.kernel import Kernel
from bgflow.kernels import figure
from bgflow.scene import Scene

DEFAULT: dict[str, Any] = {
    "width": 47, "height": 33, "fps": Fraction(30), "seed": 0, "subjects": 2, "shape": "person", "size": 1.0,
    "edge": 0.0, "hair": 0.5, "speed": 1.0, "enter": 0, "leave": 0, "shake": 0.0,
}  # fmt: skip


def people(n: int = 20, **changes: Any) -> np.ndarray[Any, Any]:
    """The figures at frame n, f32[subjects, columns]."""
    return Scene(**{**DEFAULT, **changes}).figures(n)


def tiles(shape: str, size: float, soft: float) -> Callable[[np.random.Generator], list[Any]]:
    def make(rng: np.random.Generator) -> list[Any]:
        alpha = np.zeros((33, 47), np.float32)
        return [people(shape=shape, size=size), 1, alpha, 5, 6, 33, 47, -0.3, 0.2, soft]

    return make


def painted(shape: str, size: float) -> Callable[[np.random.Generator], list[Any]]:
    def make(rng: np.random.Generator) -> list[Any]:
        rows = people(shape=shape, size=size)
        layer = rng.random((33, 47), np.float32) * (rng.random((33, 47)) < 0.7)
        alpha = layer + rng.random((33, 47), np.float32) * (1 - layer)
        before = rng.integers(0, 255, (33, 47, 3), np.uint8)
        return [rows, 0, layer.astype(np.float32), alpha.astype(np.float32), before, 0.0, 0.0, 2.0, 1.3]

    return make


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (figure.silhouette_tile, tiles("person", 1.0, 1.0)),
    (figure.silhouette_tile, tiles("person", 0.35, 3.0)),
    (figure.silhouette_tile, tiles("ellipse", 1.0, 1.0)),
    (figure.paint, painted("person", 1.0)),
    (figure.paint, painted("person", 0.35)),
    (figure.paint, painted("disc", 1.0)),
]


def drawn(rows: Any, h: int = 96, w: int = 128, left: float = 0.0, top: float = 0.0, soft: float = 1.0) -> Any:
    alpha = np.empty((h, w), np.float32)
    figure.silhouette(rows, 0, alpha, left, top, soft)
    return alpha


@pytest.mark.parametrize("shape", ["person", "ellipse"])
@pytest.mark.parametrize("soft", [1.0, 9.0])
def test_a_pixel_is_the_same_whichever_tile_it_falls_into(shape: str, soft: float) -> None:
    rows = people(width=128, height=96, subjects=1, shape=shape)
    whole = drawn(rows, soft=soft)
    assert 0.1 < whole.mean() < 0.9
    for cut in (1, 3, 5):
        part = drawn(rows, 96 - cut, 128 - cut, left=cut, top=cut, soft=soft)
        np.testing.assert_allclose(part, whole[cut:, cut:], atol=1e-4)


def test_a_hard_disc_covers_its_area() -> None:
    row = people(width=128, height=96, subjects=1, shape="disc")
    radius = float(row[0, figure.UNIT])
    assert drawn(row).sum() == pytest.approx(np.pi * radius**2, rel=0.005)


def test_a_soft_edge_is_as_wide_as_it_was_asked_for() -> None:
    row = people(width=128, height=96, subjects=1, shape="disc")
    y = round(float(row[0, figure.Y]))
    between = drawn(row, soft=8.0)[y]
    left_edge = between[: round(float(row[0, figure.X]))]
    assert abs(int(((left_edge > 0) & (left_edge < 1)).sum()) - 8) <= 1


def test_hair_only_adds_to_a_person() -> None:
    bald = drawn(people(width=512, height=384, subjects=1, hair=0.0), 384, 512)
    hairy = drawn(people(width=512, height=384, subjects=1, hair=1.0), 384, 512)
    assert (hairy >= bald).all()
    assert (hairy > bald).sum() > 100
