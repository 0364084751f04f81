"""Turn: the eight ways of standing upright."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bgflow.media.turn import Turn

IMAGE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("matrix", "expected", "degrees"),
    [
        ((1, 0, 0, 1), IMAGE, 0),
        ((0, -1, 1, 0), np.rot90(IMAGE), 90),
        ((-1, 0, 0, -1), np.rot90(IMAGE, 2), 180),
        ((0, 1, -1, 0), np.rot90(IMAGE, 3), 270),
        ((-1, 0, 0, 1), IMAGE[:, ::-1], 0),
        ((1, 0, 0, -1), IMAGE[::-1], 180),
        ((0, 1, 1, 0), IMAGE.swapaxes(0, 1), 270),
    ],
)
def test_a_display_matrix_is_carried_out(matrix: tuple[int, int, int, int], expected: Any, degrees: int):
    a, b, c, d = matrix
    turn = Turn.told(np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], np.int32))
    out = np.empty((*turn.size(2, 4), 3), np.uint8)
    turn.apply(IMAGE, out)
    assert np.array_equal(out, expected)
    assert turn.degrees == degrees
