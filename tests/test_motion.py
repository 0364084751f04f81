"""The camera's movement, found in pictures whose movement is known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.motion import Finder, Motion
from bgflow.stages.edge import Refine
from bgflow.stages.synth import Source
from bgflow.testing import TestContext, opened
from tests.textures import movement, texture

Picture = np.ndarray[Any, Any]


def finder(on: str = "cpu") -> Finder:
    return Finder(TestContext(Refine(), on))


def seen(h: int, w: int, **how: float) -> tuple[Picture, Picture, Picture]:
    """A picture, its reference, and the movement between them."""
    moved = movement(h, w, **how)
    return texture(np.linalg.inv(moved), h, w), texture(np.eye(3), h, w), moved


def error(found: Motion, true: Picture, h: int, w: int) -> float:
    """How far off the worst corner is, in pixels."""
    return Motion(found.map - true + np.eye(3)).reach(h, w)


@pytest.mark.parametrize(("h", "w"), [(135, 240), (480, 270), (720, 1280)])
@pytest.mark.parametrize("shift", [(0.3, -0.2), (5, -3.5), (-12.3, 9)])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(h: int, w: int, shift: tuple[float, float]) -> None:
    image, reference, moved = seen(h, w, dx=shift[0], dy=shift[1])
    assert error(finder().find(image, reference, None), moved, h, w) < 0.1


@pytest.mark.parametrize(
    "how", [{"degrees": 0.3}, {"degrees": -2.0}, {"zoom": 1.01}, {"zoom": 0.98, "degrees": 0.5}, {"shear": 0.01}]
)
def test_turn_zoom_and_shear_are_found_to_a_fifth_of_a_pixel_in_the_corners(how: dict[str, float]) -> None:
    image, reference, moved = seen(270, 480, dx=-3, dy=2, **how)
    assert error(finder().find(image, reference, None), moved, 270, 480) < 0.2


@settings(max_examples=15)
@given(dx=st.floats(-40, 40), dy=st.floats(-22, 22), gain=st.floats(0.7, 1.4), offset=st.floats(-15, 15))
def test_the_shift_is_found_in_any_light(dx: float, dy: float, gain: float, offset: float) -> None:
    h, w = 180, 320
    image, reference, moved = seen(h, w, dx=dx, dy=dy)
    image = np.clip(image * gain + offset, 0, 255).astype(np.uint8)
    found = finder().find(image, reference, None)
    assert error(found, moved, h, w) < 0.1
    assert found.gain == pytest.approx(gain, rel=0.1)


@pytest.mark.parametrize("told", [False, True])
def test_a_subject_over_two_fifths_of_the_picture_does_not_pull_it_along(told: bool) -> None:
    h, w = 270, 480
    subject = np.zeros((h, w), np.uint8)
    subject[40:, 130:340] = 255
    assert subject.mean() > 0.37 * 255
    finds = finder()
    for n in range(6):
        image, reference, moved = seen(h, w, dx=2.5 - n, dy=1.2)
        walker = texture(movement(h, w, dx=6.0 * n), h, w, seed=5)
        image[subject > 0] = walker[subject > 0]
        found = finds.find(image, reference, subject if told else None)
        assert error(found, moved, h, w) < 0.1


@pytest.mark.parametrize("background", ["room", "textured"])
@pytest.mark.parametrize("scene", [{}, {"noise": 8.0}, {"size": 1.6}, {"exposure": 0.8}, {"shadow": 0.45}])
def test_the_synthetic_camera_is_followed(background: str, scene: dict[str, Any]) -> None:
    params: dict[str, Any] = {"width": 480, "height": 270, "enter": 1, "seed": 7, "background": background, **scene}
    with opened(Source(**params), wired={"image"}) as still:
        reference = still.stage.render(0)["image"].copy()  # type: ignore[attr-defined]
    finds = finder()
    with opened(Source(**params, shake=5.0), wired={"image"}) as shaking:
        camera = shaking.stage.scene.camera  # type: ignore[attr-defined]
        for n in range(30, 50):
            image = shaking.stage.render(n)["image"]  # type: ignore[attr-defined]
            dx, dy = camera(n)
            middle = finds.find(image, reference, None).map @ [240, 135, 1] - [240, 135, 1]
            assert np.hypot(middle[0] - dx, middle[1] - dy) < 0.2


@pytest.mark.parametrize("told", [None, 255])
def test_where_all_is_called_subject_the_movement_is_found_all_the_same(told: int | None) -> None:
    image, reference, moved = seen(180, 320, dx=4, dy=-3)
    label = None if told is None else np.full((180, 320), told, np.uint8)
    assert error(finder().find(image, reference, label), moved, 180, 320) < 0.1


def test_a_plain_wall_does_not_move_whatever_its_noise() -> None:
    rng = np.random.default_rng(0)
    wall = np.full((270, 480, 3), 120.0)
    for _ in range(3):
        image, reference = (np.clip(wall + rng.normal(0, 5, wall.shape), 0, 255).astype(np.uint8) for _ in range(2))
        assert finder().find(image, reference, None).reach(270, 480) == 0


def test_another_place_does_not_fit() -> None:
    image, reference = texture(np.eye(3), 180, 320), texture(np.eye(3), 180, 320, seed=1)
    assert finder().find(image, reference, None).fits < 0.3


@given(h=st.integers(1, 40), w=st.integers(1, 40), seed=st.integers(0, 99))
def test_pictures_of_any_size_have_a_movement(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, reference = rng.integers(0, 256, (2, h, w, 3), np.uint8)
    subject = rng.random((h, w), np.float32)
    found = finder().find(image, reference, subject)
    assert np.isfinite(found.map).all()
    assert abs(np.linalg.det(found.map)) > 1e-3


def test_it_is_the_same_on_another_device() -> None:
    image, reference, moved = seen(135, 240, dx=3, dy=1)
    finds = finder("fake")
    pictures = [finds.ctx.scratch(f"picture {n}", image.shape, np.uint8) for n in range(2)]
    for host, there in zip((image, reference), pictures, strict=True):
        finds.ctx.device.upload(host, there)
    assert error(finds.find(pictures[0], pictures[1], None), moved, 135, 240) < 0.1
