"""Palms: against MediaPipe's own hands on photos, and at buttons."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from bgflow.controls import Controls
from bgflow.detector import compiled
from bgflow.errors import ModelError, UsageError
from bgflow.media.pictures import read
from bgflow.models import find
from bgflow.stage import Stage
from bgflow.stages.palm import Detect
from bgflow.stages.ui import Buttons
from bgflow.testing import Opened, TestContext, opened, run_stage
from tests.hands import held_up

# The middle between wrist and middle knuckle that mediapipe 0.10.21's Hands (model 0, static pictures) finds.
HANDS = {
    "105": [(0.333, 0.338)],
    "130": [(0.624, 0.603)],
    "143": [(0.538, 0.526), (0.437, 0.44)],
    "175": [(0.483, 0.652)],
    "188": [(0.613, 0.576)],
    "206": [(0.613, 0.394)],
    "225": [(0.608, 0.689), (0.395, 0.664)],
    "263": [(0.635, 0.832), (0.804, 0.828)],
    "52": [(0.278, 0.745)],
    "59": [(0.538, 0.716)],
    "84": [(0.704, 0.405)],
}
CLOSE = 0.03  # of the picture's longer side


@pytest.fixture(scope="module")
def model() -> None:
    try:
        find("palm")
    except ModelError as e:
        pytest.skip(str(e))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("name", HANDS)
def test_palms_are_where_mediapipes_hands_are(name: str, data: Path) -> None:
    image = read(data / "human40" / "images" / f"{name}.jpg")
    h, w = image.shape[:2]
    palms = run_stage(Detect(most=8), image=image)
    palms = palms[palms[:, 2] > 0]
    for x, y in HANDS[name]:
        distance = np.hypot((palms[:, 0] - x) * w, (palms[:, 1] - y) * h) / max(h, w)
        assert distance.min() < CLOSE


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(("h", "w"), [(360, 640), (640, 360), (480, 480), (359, 641)])
@pytest.mark.parametrize(("x", "y"), [(0.3, 0.4), (0.7, 0.6)])
def test_a_palm_is_found_at_its_place_in_pictures_of_any_shape(h: int, w: int, x: float, y: float) -> None:
    palms = run_stage(Detect(), image=held_up(h, w, x, y, 150))
    assert palms[0, 2] > 0.6
    assert np.hypot((palms[0, 0] - x) * w, (palms[0, 1] - y) * h) < 0.06 * max(h, w)


@pytest.mark.usefixtures("model")
def test_rows_without_a_palm_are_zero_and_nothing_of_the_frame_before_stays() -> None:
    with opened(Detect(most=3)) as it:
        assert it(image=held_up(360, 640, 0.5, 0.5, 140))[0, 2] > 0
        empty = it(image=np.full((360, 640, 3), (90, 110, 130), np.uint8))
    np.testing.assert_array_equal(empty, np.zeros((3, 3), np.float32))


@pytest.mark.usefixtures("model")
def test_a_process_loads_a_model_once() -> None:
    compiled.cache_clear()
    for _ in range(2):
        with opened(Detect(threads=1)):
            pass
    assert (compiled.cache_info().misses, compiled.cache_info().hits) == (1, 1)


H, W, FPS = 360, 640, 30
PLACES = ((0.85, 0.2), (0.85, 0.7), (0.15, 0.45))
WALL = held_up(H, W, 5, 5, 60)


class Beside:
    """A palm.detect that looks at the buttons of a ui.buttons, and that."""

    def __init__(self, **params: Any):
        buttons = [{"label": "A", "at": at, "do": {"toggle": "buttons.mirror"}} for at in PLACES]
        self.stages: dict[str, Stage] = {"palm": Detect(near="buttons"), "buttons": Buttons(buttons=buttons, **params)}
        controls = Controls(self.stages)
        contexts = [TestContext(stage) for stage in self.stages.values()]
        for ctx, name in zip(contexts, self.stages, strict=True):
            ctx.name, ctx.controls, ctx._shared = name, controls, contexts[0]._shared
        self.palm, self.buttons = (Opened(it, ctx) for it, ctx in zip(self.stages.values(), contexts, strict=True))
        self.frame = 0

    def __enter__(self) -> Self:
        for it in (self.palm, self.buttons):
            it.stage.open(it.ctx)
        return self

    def __exit__(self, *_: object) -> None:
        for it in (self.palm, self.buttons):
            it.stage.close()

    def __call__(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """One frame; the palms that were found in it."""
        palms: np.ndarray[Any, Any] = self.palm(pts=self.frame, time_base=Fraction(1, FPS), image=image)
        self.buttons(pts=self.frame, time_base=Fraction(1, FPS), image=image, palms=palms)
        self.buttons.ctx.controls.apply("buttons")
        self.frame += 1
        return palms

    def after(self, frames: int, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The palms after so many frames of the same picture."""
        for _ in range(frames):
            palms = self(image)
        return palms

    @property
    def looks(self) -> int:
        return int(self.palm.ctx.facts.get("looks", 0))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [36, 60, 90, 120])
def test_a_palm_at_a_button_is_found_there_whatever_its_size(place: tuple[float, float], size: int) -> None:
    with Beside() as it:
        palms = it.after(6, held_up(H, W, *place, size))[0]
    assert palms[2] > 0.5
    assert np.hypot((palms[0] - place[0]) * W, (palms[1] - place[1]) * H) < 0.5 * 0.06 * W


@pytest.mark.usefixtures("model")
def test_a_palm_too_small_for_the_whole_picture_is_found_at_a_button() -> None:
    image = held_up(H, W, *PLACES[1], 36)
    assert not run_stage(Detect(), image=image).any()
    with Beside() as it:
        assert it.after(6, image).any()


@pytest.mark.usefixtures("model")
def test_at_a_scene_that_stands_still_each_button_is_looked_at_once_a_second() -> None:
    noise = np.random.default_rng(1)
    with Beside() as it:
        for _ in range(4 * FPS):
            it((WALL.astype(int) + noise.integers(-4, 5, (H, W, 1))).astype(np.uint8))
        assert it.looks == 3 * 4


@pytest.mark.usefixtures("model")
def test_however_much_moves_one_button_is_looked_at_in_a_frame_and_each_in_turn() -> None:
    noise = np.random.default_rng(1)
    with Beside() as it:
        for n in range(12):
            it(noise.integers(0, 256, (H // 10, W // 10, 3), np.uint8).repeat(10, 0).repeat(10, 1))
            assert it.looks == n + 1
        assert [spot.looked for spot in it.palm.stage._spots] == [10, 11, 12]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(("rests", "presses"), [(0.5, 0), (0.75, 1)])
def test_a_hand_presses_as_long_as_it_rests_whatever_is_looked_at(rests: float, presses: int) -> None:
    with Beside() as it:
        for image, seconds in ((WALL, 0.4), (held_up(H, W, *PLACES[0], 60), rests), (WALL, 0.6)):
            for _ in range(round(seconds * FPS)):
                palms = it(image)
        assert it.buttons.ctx.controls.value("buttons.mirror") == bool(presses)
    assert not palms.any()


@pytest.mark.usefixtures("model")
def test_buttons_of_a_mirror_are_looked_at_where_the_camera_has_them() -> None:
    image = held_up(H, W, 1 - PLACES[2][0], PLACES[2][1], 60)
    with Beside(mirror=True) as it:
        palms = it.after(6, image)
        assert palms[0, 0] == pytest.approx(1 - PLACES[2][0], abs=0.02)
        it.buttons.ctx.controls.set("buttons.mirror", False)
        it.buttons.ctx.controls.apply("buttons")
        assert not it.after(30, image).any()


def test_a_stage_without_buttons_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^near: no stage 'button' has buttons; there is no ui.buttons in this graph$"
    ):
        run_stage(Detect(near="button"), image=WALL)
