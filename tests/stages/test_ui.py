"""Buttons in the picture: what holds them, when they trigger, and what they look like."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.action import action
from bgflow.dwell import Dwell
from bgflow.errors import UsageError
from bgflow.stages.ui import GREEN, OPACITY, Buttons, Places
from bgflow.testing import Opened, opened

H, W, FPS = 90, 160, 30
GREY = 90
BASE = Fraction(1, 1000)
AT = (0.5, 0.5)


class Counted(Buttons, use="toy.counted"):
    """Counts how often its button was pressed."""

    count = 0

    @action
    def press(self) -> str:
        """Count."""
        self.count += 1
        return f"pressed {self.count}"


def one(**params: Any) -> Counted:
    return Counted(buttons=[{"label": "A", "at": AT, "do": "counted.press", "colour": "#0000ff"}], **params)


def grey() -> np.ndarray[Any, Any]:
    return np.full((H, W, 3), GREY, np.uint8)


def palm(x: float, y: float = 0.5, score: float = 0.9) -> np.ndarray[Any, Any]:
    return np.array([[x, y, score], [0, 0, 0]], np.float32)


def step(it: Opened, ms: int, **inputs: Any) -> np.ndarray[Any, Any]:
    """One frame at that time, with what was asked for before it."""
    it.ctx.controls.apply("counted")
    out: np.ndarray[Any, Any] = it(pts=ms, time_base=BASE, image=grey(), **inputs)
    it.ctx.controls.apply("counted")
    return out


def stays(path: Iterable[tuple[int, bool]], gap: int) -> list[tuple[int, int]]:
    """The definition: (first, last) of the times at which it was touched, joined over gaps of up to `gap`."""
    out: list[tuple[int, int]] = []
    for ms, touched in path:
        if touched and out and ms - out[-1][1] <= gap:
            out[-1] = out[-1][0], ms
        elif touched:
            out.append((ms, ms))
    return out


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(5, 120), st.booleans()), min_size=1, max_size=60), st.integers(0, 900))
def test_each_stay_as_long_as_the_dwell_triggers_once_and_no_other_does(
    steps: list[tuple[int, bool]], seconds: int
) -> None:
    now, path = 0, []
    for passed, touched in steps:
        now += passed
        path.append((now, touched))
    dwell, fired = Dwell(), 0
    for ms, touched in path:
        fired += dwell.advance(ms / 1000, touched, seconds / 1000, 0.15)
    assert fired == sum(last - first >= seconds for first, last in stays(path, 150))


@settings(max_examples=40)
@given(speed=st.floats(0.25, 3.0), y=st.floats(0.2, 0.8), start=st.floats(-0.2, 0.2), lost=st.sets(st.integers(0, 120)))
def test_a_hand_that_passes_by_triggers_nothing(speed: float, y: float, start: float, lost: set[int]) -> None:
    """Faster than the button's width in 0.6 s, wherever it crosses, with frames in which it is not found."""
    with opened(one()) as it:
        for n in range(120):
            x = start + speed * n / FPS
            step(it, n * 1000 // FPS, palms=palm(x, y, 0.0 if n in lost else 0.9))
        assert it.stage.count == 0  # type: ignore[attr-defined]


def test_a_palm_that_rests_triggers_exactly_at_the_dwell_and_not_again_before_it_has_left() -> None:
    with opened(one()) as it:
        counts = []
        for ms in range(0, 3000, 100):
            step(it, ms, palms=palm(0.9 if 2000 <= ms < 2200 else 0.5))
            counts.append(it.stage.count)  # type: ignore[attr-defined]
    assert counts[5] == 0
    assert counts[6:26] == [1] * 20
    assert counts[28:] == [2, 2]


def test_short_drop_outs_do_not_start_the_dwell_again() -> None:
    with opened(one()) as it:
        for ms in range(0, 700, 50):
            step(it, ms, palms=palm(0.5, score=0.0 if ms in (200, 250, 450) else 0.9))
        assert it.stage.count == 1  # type: ignore[attr-defined]


def test_a_click_triggers_at_once_and_only_inside() -> None:
    with opened(one()) as it:
        step(it, 0)
        for x, y, count in ((0.9, 0.5, 0), (0.5, 0.5, 1), (0.5 + 0.059, 0.5, 2), (0.5, 0.5 + 0.12, 2)):
            it.ctx.controls.act("counted.point", {"x": x, "y": y})
            step(it, 100)
            it.ctx.controls.act("counted.point", {"x": x, "y": y, "down": False})
            step(it, 200)
            assert it.stage.count == count, (x, y)  # type: ignore[attr-defined]


def test_a_click_on_a_page_that_turns_the_picture_is_turned_back() -> None:
    stage = Counted(buttons=[{"label": "A", "at": (0.2, 0.5), "do": "counted.press"}])
    with opened(stage) as it:
        step(it, 0)
        it.ctx.controls.act("counted.point", {"x": 0.8, "y": 0.5, "mirrored": True})
        step(it, 100)
        assert stage.count == 1


def matte(left: float, right: float) -> np.ndarray[Any, Any]:
    alpha = np.zeros((H, W), np.float32)
    alpha[:, round(left * W) : round(right * W)] = 1
    return alpha


@pytest.mark.parametrize("mirror", [False, True])
def test_a_subject_that_covers_the_button_holds_it(mirror: bool) -> None:
    stage = Counted(buttons=[{"label": "A", "at": (0.2, 0.5), "do": "counted.press"}], mirror=mirror)
    reached = matte(0.7, 1) if mirror else matte(0, 0.3)
    with opened(stage) as it:
        for ms in range(0, 1000, 50):
            step(it, ms, alpha=reached if ms >= 200 else matte(0, 0))
            assert stage.count == (ms >= 800)


def test_somebody_who_stands_in_a_button_from_the_start_presses_nothing_and_lets_it_go() -> None:
    with opened(one()) as it:
        for ms in range(0, 3000, 50):
            step(it, ms, alpha=matte(0.3, 0.7))
        assert it.stage.count == 0  # type: ignore[attr-defined]


def test_somebody_who_comes_to_stand_in_a_button_presses_it_once_and_holds_it_for_seconds_only() -> None:
    with opened(one()) as it:
        step(it, 0, alpha=matte(0, 0))
        for ms in range(50, 10_000, 50):
            out = step(it, ms, alpha=matte(0.3, 0.7))
        assert it.stage.count == 1  # type: ignore[attr-defined]
        assert out[H // 2 - 6, W // 2 - 6, 2] > GREY + 50  # blue again, not green


def test_a_button_is_blended_and_turns_green_when_held() -> None:
    with opened(one()) as it:
        idle = step(it, 0)[H // 2 - 6, W // 2 - 6]
        held = step(it, 100, palms=palm(0.5, 0.4))[H // 2 - 6, W // 2 - 6]
    np.testing.assert_allclose(idle, GREY + (np.array((0, 0, 255)) - GREY) * OPACITY, atol=1)
    np.testing.assert_allclose(held, GREY + (np.array(GREEN) - GREY) * OPACITY, atol=1)


def test_the_ring_shows_how_much_of_the_dwell_has_passed() -> None:
    r = 0.06 * W
    with opened(one()) as it:
        for ms in (0, 100, 200, 300):
            out = step(it, ms, palms=palm(0.5))
    white = []
    for turn in (0.25, 0.75):
        y, x = H / 2 - 0.9 * r * math.cos(2 * math.pi * turn), W / 2 + 0.9 * r * math.sin(2 * math.pi * turn)
        white.append(out[round(y), round(x)].min() > 200)
    assert white == [True, False]


def test_nothing_is_drawn_far_from_buttons_and_the_input_stays_as_it_is() -> None:
    image = np.random.default_rng(1).integers(0, 256, (H, W, 3), np.uint8)
    before = image.copy()
    with opened(one()) as it:
        out = it(image=image)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(out[:, : W // 3], image[:, : W // 3])


def test_a_mirror_turns_the_picture_and_not_the_buttons() -> None:
    image = np.zeros((H, W, 3), np.uint8)
    image[:, : W // 4] = 200
    buttons = [{"label": "A", "at": (0.8, 0.5), "do": "counted.press", "colour": "#0000ff"}]
    with opened(Counted(buttons=buttons, mirror=True)) as it:
        out = it(image=image)
    assert out[5, W - 5].tolist() == [200, 200, 200]
    assert out[5, 5].tolist() == [0, 0, 0]
    assert out[H // 2 - 6, round(0.8 * W) - 6].tolist() == [120, 120, 222]


def test_what_a_stage_tells_is_shown_for_its_time_and_refusals_in_their_colour() -> None:
    with opened(one(radius=0.02)) as it:
        plain = step(it, 0)
        it.ctx.tell("hello", 0.5)
        shown = [np.abs(step(it, ms).astype(int) - plain)[-30:].max() > 60 for ms in (100, 500, 590, 610)]
        assert shown == [True, True, True, False]
        it.ctx.tell("no", 1, kind="refused")
        amber = step(it, 700)[-30:].reshape(-1, 3)
    assert (np.abs(amber.astype(int) - (255, 190, 60)).max(1) < 30).any()


def test_a_button_may_set_and_toggle_parameters() -> None:
    buttons = [
        {"label": "A", "at": (0.2, 0.5), "do": {"set": {"counted.gap": 0.5}}},
        {"label": "B", "at": (0.8, 0.5), "do": {"toggle": "counted.mirror"}},
    ]
    with opened(Counted(buttons=buttons)) as it:
        step(it, 0)
        seen = []
        for x in (0.2, 0.8, 0.8):
            it.ctx.controls.act("counted.point", {"x": x, "y": 0.5})
            step(it, 100)
            step(it, 110)
            seen.append((it.stage.gap, it.stage.mirror))  # type: ignore[attr-defined]
    assert seen == [(0.5, False), (0.5, True), (0.5, False)]


def test_a_value_that_a_button_cannot_set_is_told() -> None:
    with opened(Counted(buttons=[{"label": "A", "at": AT, "do": {"set": {"counted.gap": 99}}}])) as it:
        step(it, 0)
        it.ctx.controls.act("counted.point", {"x": 0.5, "y": 0.5})
        step(it, 100)
        [notice] = it.ctx.controls.news.after(0)
    assert notice.text == "counted.gap: input should be less than or equal to 2, not 99"


def test_a_button_that_does_what_there_is_not_is_refused_before_the_first_frame() -> None:
    stage = Buttons(buttons=[{"label": "Ext", "at": AT, "do": "run.stopp"}])
    said = r"^buttons: Ext does run.stopp, which there is not; did you mean 'run.stop'\?$"
    with pytest.raises(UsageError, match=said), opened(stage):
        pass


def test_a_button_with_no_sense_is_refused_by_check() -> None:
    stage = Buttons(buttons=[{"label": "A", "at": AT, "do": "stop"}, {"label": "B", "at": AT, "do": {"set": 3}}])
    wrong = list(stage.problems())
    assert [param for param, _ in wrong] == ["buttons", "buttons"]
    assert wrong[0][1].startswith("A does 'stop'; wanted stage.action, ")


def test_other_stages_see_where_the_buttons_are_in_the_cameras_picture() -> None:
    buttons = [{"label": "A", "at": (0.2, 0.5), "do": "counted.press"}]
    with opened(Counted(buttons=buttons, radius=0.1)) as it:
        places = it.ctx.shared(("buttons", "counted"), Places)
        assert places.now == ((0.2, 0.5, 0.1),)
        it.ctx.controls.update({"counted.mirror": True, "counted.radius": 0.2})
        step(it, 0)
        assert places.now == ((0.8, 0.5, 0.2),)


def test_after_the_first_frames_no_memory_is_taken() -> None:
    with opened(one()) as it:
        step(it, 0, palms=palm(0.5), alpha=matte(0, 0))
        it.ctx.tell("hello")
        step(it, 100, palms=palm(0.5), alpha=matte(0, 0))
        before = {name: id(array) for name, array in it.ctx._scratch.items()}
        for ms in range(200, 2000, 100):
            if ms % 500 == 0:
                it.ctx.tell(f"line {ms}")
            step(it, ms, palms=palm(0.5), alpha=matte(0.3, 0.7))
        assert {name: id(array) for name, array in it.ctx._scratch.items()} == before


def test_on_another_device_the_picture_is_the_same() -> None:
    image = np.random.default_rng(2).integers(0, 256, (H, W, 3), np.uint8)
    out = []
    for on in ("cpu", "fake"):
        with opened(one(mirror=True), on) as it:
            it.ctx.tell("hello")
            out.append(it(image=image, palms=palm(0.5), alpha=matte(0.2, 0.4)))
    np.testing.assert_array_equal(*out)
