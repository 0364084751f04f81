"""A picture known at every point, so that it can be seen from any place exactly: waves of many lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

Picture = np.ndarray[Any, Any]
Matrix = np.ndarray[Any, Any]


def texture(matrix: Matrix, h: int, w: int, seed: int = 0, contrast: float = 8) -> Picture:
    """The picture u8[h,w,3] that shows at pixel p what the texture has at `matrix` p."""
    rng = np.random.default_rng(seed)
    length, angle = np.exp(rng.uniform(np.log(8), np.log(150), 60)), rng.uniform(0, 2 * np.pi, 60)
    phase, size = rng.uniform(0, 2 * np.pi, (3, 60)), rng.uniform(0.5, 1.5, 60)
    waves = 2 * np.pi / length * np.stack([np.cos(angle), np.sin(angle)])  # radians per pixel, [2,60]
    across, down, start = waves.T @ matrix[:2, 0], waves.T @ matrix[:2, 1], waves.T @ matrix[:2, 2]
    rows = np.exp(1j * ((np.arange(h) + 0.5)[:, None] * down + start + phase[:, None])) * size
    columns = np.exp(1j * (np.arange(w) + 0.5) * across[:, None])
    made = 120 + contrast * np.moveaxis((rows @ columns).imag, 0, -1)
    return np.clip(made, 0, 255).astype(np.uint8)


def movement(
    h: int, w: int, dx: float = 0, dy: float = 0, degrees: float = 0, zoom: float = 1, shear: float = 0
) -> Matrix:
    """A map about the middle of a picture, f64[3,3]."""
    sin, cos = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    made = np.eye(3)
    made[:2, :2] = zoom * np.array([[cos, shear - sin], [sin, cos]])
    middle = np.array([w / 2, h / 2])
    made[:2, 2] = middle + np.array([dx, dy]) - made[:2, :2] @ middle
    return made
