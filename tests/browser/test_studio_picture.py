"""The picture of the studio's page: before and after, any stage's output, and the graph that is drawn below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bgflow.media.background import render
from tests.browser.chromium import until
from tests.browser.studio import DOWN, END, ENTER, GREEN, HOME, LEFT, RIGHT, H, Studio, W, studio

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NEAR = 24  # levels of 255 that lossy encodings of camera and look may make
LAYOUTS = """
const [seed, done] = arguments;
let state = seed;
const random = (n) => ((state = (state * 48271) % 2147483647) % n); // minimal standard generator
import("/layout.js").then(({ layout, BOX }) => {
    const wrong = [];
    for (let trial = 0; trial < 100; trial++) {
        const stages = [], links = [];
        for (let n = 0; n < 2 + random(12); n++) {
            const from = [...Array(n ? 1 + random(3) : 0)].map(() => stages[random(n)]);
            for (const it of from) links.push({ from: `${it.name}.out`, to: `s${n}.in` });
            stages.push({ name: `s${n}`, level: Math.max(0, ...from.map((it) => it.level + 1)) });
        }
        const { width, height, boxes, lines } = layout({ stages, links });
        const apart = (a, b) => Math.abs(a.x - b.x) >= BOX.width || Math.abs(a.y - b.y) >= BOX.height;
        if (!boxes.every((a) => boxes.every((b) => a === b || apart(a, b)))) wrong.push("two stages overlap");
        if (!boxes.every(({ x, y }) => x >= 0 && y >= 0 && x + BOX.width <= width && y + BOX.height <= height)) {
            wrong.push("a stage is outside");
        }
        for (const { points } of lines) {
            for (let n = 1; n < points.length - 1; n += 2) {
                const [[x, y]] = [points[n]];
                if (boxes.some((it) => it.x === x && y > it.y && y < it.y + BOX.height)) wrong.push("a link is behind");
            }
        }
    }
    done(wrong);
});
"""
CORNER = (slice(0, 24), slice(0, 24)), (slice(0, 24), slice(-24, None))  # nobody is there


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("studio")) as made:
        yield made


def corners(page: Studio) -> tuple[Any, Any]:
    """The mean colours at the upper left and the upper right."""
    picture = page.pane()
    left, right = (np.array([picture[place].mean((0, 1))])[0] for place in CORNER)
    return left, right


def is_green(colour: Any) -> bool:
    return bool(np.abs(colour - GREEN).max() < NEAR)


def is_dusk(colour: Any, side: int) -> bool:
    wanted = render("dusk", H, W)[CORNER[side]].astype(int).mean((0, 1))
    return bool(np.abs(colour - wanted).max() < NEAR)


def wipe(page: Studio) -> None:
    page.view("wipe")
    until(lambda: page.caption().strip().startswith("frame"), "a look")


def test_the_wipe_shows_before_left_of_its_line_and_after_right_of_it(page: Studio) -> None:
    wipe(page)
    left, right = corners(page)
    assert is_green(left), left
    assert is_dusk(right, 1), right


def test_the_wipes_line_is_moved_by_keys(page: Studio) -> None:
    wipe(page)
    line = page.find("#wipe")
    assert line.aria_role == "slider"
    line.send_keys(HOME)
    until(lambda: is_dusk(corners(page)[0], 0), "after everywhere")
    line.send_keys(END)
    until(lambda: is_green(corners(page)[1]), "before everywhere")
    before = float(line.get_attribute("value"))
    line.send_keys(LEFT, LEFT, DOWN)
    assert float(line.get_attribute("value")) == before - 6
    line.send_keys(RIGHT)
    assert page.js("return document.getElementById('wipe').ariaValueText") == "96 % before"


def test_the_wipes_line_follows_a_pointer_that_drags_it(page: Studio) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    wipe(page)
    screen = page.find("#screen")
    page.find("#wipe").send_keys(HOME)
    page.js("document.getElementById('screen').scrollIntoView({block: 'center'})")
    width = screen.size["width"]
    drag = ActionChains(page.driver).move_to_element_with_offset(screen, -width // 2 + 3, 20).click_and_hold()
    drag.move_by_offset(width // 4, 0).move_by_offset(width // 2, 10).release().perform()
    assert abs(float(page.find("#wipe").get_attribute("value")) - 75) < 1.5
    until(lambda: is_green(corners(page)[0]) and is_dusk(corners(page)[1], 1), "the line at three quarters")


def test_every_output_that_can_be_drawn_is_in_the_drop_down_and_is_shown(page: Studio) -> None:
    page.view("output")
    offered = [it.get_attribute("value") for it in page.all("#output option")]
    assert [*offered[:1], "key.alpha" in offered, "knobs.out" in offered] == ["camera.image", True, True]
    groups = [it.get_attribute("label") for it in page.all("#output optgroup")]
    assert groups == ["camera", "key", "knobs", "replace", "beside"]
    for key in offered:
        page.output(key)
        until(lambda key=key: page.caption().startswith(f"{key} ") or key == "beside.out", f"{key}: {page.caption()}")  # type: ignore[misc]
        until(lambda: "frame" in page.caption() or "nothing yet" in page.caption(), "its picture")


def test_alpha_is_white_where_the_subject_is_and_black_elsewhere(page: Studio) -> None:
    page.output("key.alpha")
    until(lambda: page.caption().startswith("key.alpha") and "frame" in page.caption(), "the look")
    picture = page.pane()
    h, w, _ = picture.shape
    assert picture[:20, :20].max() < 40
    assert picture[h - 20 :, w // 2 - 10 : w // 2 + 10].min() > 215


def test_beside_the_result_both_pictures_are_of_one_frame(page: Studio) -> None:
    page.output("key.alpha")
    page.click("#beside")
    until(lambda: page.caption(0).startswith("Result") and "frame" in page.caption(1), "both pictures")
    for _ in range(20):
        shown = page.js("return [...document.querySelectorAll('.pane figcaption')].map((it) => it.textContent)")
        first, second = (text.partition("frame ")[2] for text in shown)
        assert first == second.partition(",")[0]
    page.click("#beside")
    until(lambda: not page.all(".pane")[1].is_displayed(), "one picture")


def test_a_button_beside_a_stages_output_shows_it(page: Studio) -> None:
    page.view("result")
    page.open_stage("key")
    page.click('[data-key="key.alpha"]')
    until(lambda: page.caption().startswith("key.alpha"), "the output")
    assert page.find('[data-key="key.alpha"]').get_attribute("aria-pressed") == "true"
    page.view("result")
    assert page.find('[data-key="key.alpha"]').get_attribute("aria-pressed") == "false"


def test_every_stage_is_drawn_and_its_figures_change(page: Studio) -> None:
    stages = [it.get_attribute("data-stage") for it in page.all("#drawing .stage")]
    assert sorted(stages) == ["beside", "camera", "key", "knobs", "out", "replace"]
    time = '#drawing [data-stage="key"] .time'
    until(lambda: page.text(time).endswith(" ms"), "a time")
    first = page.text(time)
    until(lambda: page.text(time) != first, "another time")
    until(lambda: page.text('#drawing [data-stage="key"] .rate').endswith("/s"), "a rate")


def test_queues_between_threads_are_drawn_with_their_level_and_their_drops(page: Studio) -> None:
    until(lambda: [it for it in page.all("#drawing .queues text") if "/" in it.text], "a queue's level")
    assert page.all("#drawing .crosses[data-to^='knobs.']")
    assert not page.all("#drawing .crosses[data-to^='out.']")


def test_no_stage_of_any_graph_covers_another_or_a_link(page: Studio) -> None:
    page.driver.set_script_timeout(20)
    assert page.driver.execute_async_script(LAYOUTS, 7) == []


def test_the_table_says_the_same_as_the_drawing(page: Studio) -> None:
    page.click("#figures-table summary")
    names = [it.text for it in page.all("#stages tbody th")]
    assert sorted(names) == ["beside", "camera", "key", "knobs", "out", "replace"]
    until(lambda: all(it.text not in ("", "–") for it in page.all("#stages tbody td:nth-child(5)")), "each p95")
    assert page.all("#queues tbody tr")
    page.click("#figures-table summary")


def test_a_click_on_a_stage_opens_its_settings(page: Studio) -> None:
    page.click('#drawing [data-stage="knobs"]')
    assert page.find('#groups [data-stage="knobs"]').get_attribute("open")
    assert page.find('#drawing [data-stage="knobs"]').get_attribute("aria-pressed") == "true"
    assert page.find(page.setting("knobs.amount")).is_displayed()


def test_enter_on_a_stage_brings_the_cursor_to_its_settings(page: Studio) -> None:
    page.find('#drawing [data-stage="key"]').send_keys(ENTER)
    focused = page.js("return document.activeElement.closest('.stage')?.dataset.stage")
    assert [focused, page.js("return document.activeElement.localName")] == ["key", "summary"]
