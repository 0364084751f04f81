"""The pictures that int8 ranges are chosen on and precisions are compared on."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgflow.errors import MediaError
from bgflow.models import calibration
from bgflow.models.layout import Layout
from bgflow.stages.net import Mask
from bgflow.testing import opened
from tests.networks import pixels


def test_the_same_number_is_the_same_picture_whatever_came_before() -> None:
    few = [p.copy() for p in calibration.pictures(6)]
    assert all(np.array_equal(a, b) for a, b in zip(few, calibration.pictures(9), strict=False))
    assert np.array_equal(few[5], calibration.render(5))


def test_pictures_are_rgb_and_differ_in_size_and_light() -> None:
    made = list(calibration.pictures(12))
    assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 for p in made)
    assert len({p.shape for p in made}) == len(calibration.SIZES)
    means = [float(p.mean()) for p in made]
    assert max(means) > 2 * min(means)
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(made, 2))


def test_own_pictures_come_after_the_rendered_ones(tmp_path: Path) -> None:
    for name, level in (("b10.png", 10), ("b2.png", 2)):
        Image.new("RGB", (20, 10), (level, 0, 0)).save(tmp_path / name)
    made = list(calibration.pictures(1, tmp_path))
    assert np.array_equal(made[0], calibration.render(0))
    assert [int(p[0, 0, 0]) for p in made[1:]] == [2, 10]
    assert made[1].shape == (10, 20, 3)


def test_a_folder_without_pictures_is_refused_before_anything_is_rendered(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no picture"):
        calibration.pictures(64, tmp_path)


def test_inputs_are_what_the_stage_feeds_its_network(tmp_path: Path) -> None:
    """The network hands its picture back; the stage takes one channel of it."""
    layout = Layout(size=(32, 64), multiple=1, layout="nhwc", channel=1)
    model = {"path": str(pixels(tmp_path / "same.onnx")), **layout.model_dump(include={"size", "multiple", "layout"})}
    fed = next(calibration.inputs(layout, count=1))
    assert fed.shape == (1, 32, 64, 3)
    picture = calibration.render(0)
    with opened(Mask(model={**model, "channel": 1}, engine="onnxruntime")) as stage:
        stage(image=picture)
        x = stage.ctx.scratch("x", (1, 32, 64, 3), np.float32)
    assert np.array_equal(fed, x)


def test_inputs_follow_the_pictures_shape_where_the_layout_does() -> None:
    shapes = [x.shape for x in calibration.inputs(Layout(size=(64, 64), resize="short"), count=3)]
    assert shapes == [(1, 3, 64, 128), (1, 3, 64, 96), (1, 3, 96, 64)]
