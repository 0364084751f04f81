"""Tiles of 64 pixels."""

from __future__ import annotations

import numpy as np

from bgflow.kernels import tiles


def test_a_span_is_a_whole_tile_on_the_cpu() -> None:
    assert tiles.spans(np.zeros((2, 130, 3), np.uint8)) == (3, tiles.LANES)


def test_a_row_takes_as_many_tiles_as_hold_its_pixels() -> None:
    assert [tiles.tiles(w) for w in (1, 64, 65)] == [1, 1, 2]
