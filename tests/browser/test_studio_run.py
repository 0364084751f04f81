"""The studio's page by keyboard alone, without a camera, while the server goes and comes, and at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bgflow.bench.browser import chromium
from tests.browser.chromium import needed, received, until
from tests.browser.studio import DOWN, ENTER, GRAPH, RIGHT, SPACE, TAB, Studio, green_screen, studio
from tests.peers import running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOCUSED = "const it = document.activeElement; return [it.id, it.dataset?.stage ?? '', it.value ?? '']"
VISIBLE = """
    const it = document.activeElement;
    const inner = it.matches(".segments input, .tiles input, .swatches input[type=radio]") ? it.nextElementSibling : it;
    const box = it.matches("g") && it.querySelector(".box");
    const style = getComputedStyle(box || document.querySelector(".button:has(+ .hidden:focus-visible)") || inner);
    if (it === document.body || it.id === "wipe") return true; // the wipe's knob is no element
    return style.outlineStyle !== "none" || parseFloat(style.strokeWidth) > 2;
"""
RENDERED = """
graph: rendered
clock: live
stages:
  scene: {{use: synth.source, set: {{width: 320, height: 180, count: 0}}}}
  replace: {{use: compose.replace, in: {{image: scene.image, alpha: scene.alpha}}, set: {{background: '#3050d0'}}}}
  out: {{use: preview.sink, in: replace.out, set: {{port: {port}}}}}
"""
BUTTONS = """
graph: buttons
stages:
  camera: {{use: webrtc.source, set: {{port: {port}, ice_host: 127.0.0.1, width: 320, height: 180}}}}
  knobs: {{use: toy.knobs, in: camera.image}}
  buttons:
    use: ui.buttons
    in: {{image: knobs.out}}
    set: {{buttons: [{{label: Flash, at: [0.25, 0.5], do: knobs.flash}}]}}
  out: {{use: webrtc.sink, in: buttons.out, set: {{codec: VP8}}}}
"""


def keys(page: Studio, *pressed: str) -> None:
    """Press keys, wherever the cursor is."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page.driver).send_keys(*pressed).perform()


def tab_to(page: Studio, found: Any, what: str) -> None:
    """Press Tab until the cursor is there; each place on the way shows that it is there."""
    for _ in range(120):
        keys(page, TAB)
        assert page.js(VISIBLE), page.js("return document.activeElement.outerHTML")
        if found(*page.js(FOCUSED)):
            return
    raise AssertionError(f"Tab never came to {what}")


def test_everything_is_done_by_keyboard_alone(tmp_path: Path) -> None:
    with studio(tmp_path, camera=False) as page:
        tab_to(page, lambda id, *_: id == "start", "the button of the camera")
        keys(page, SPACE)
        until(lambda: received(page.driver) >= 5, "pictures")
        tab_to(page, lambda id, stage, value: value == "gallery:dusk", "the background")
        keys(page, RIGHT)
        until(lambda: page.value("replace.background") == "gallery:mist", "the next background")
        tab_to(page, lambda id, stage, _: stage == "knobs", "the stage in the graph")
        keys(page, ENTER)
        assert page.find('#groups [data-stage="knobs"]').get_attribute("open")
        tab_to(page, lambda id, *_: id == "set-knobs-amount", "the setting")
        keys(page, TAB, RIGHT, RIGHT)
        page.holds("knobs.amount", 2.7)
        tab_to(page, lambda id, *_: id == "set-knobs-light", "the switch")
        keys(page, SPACE)
        page.holds("knobs.light", False)
        tab_to(page, lambda id, *_: id == "set-knobs-fit-0", "the choice")
        keys(page, DOWN)
        page.holds("knobs.fit", "contain")
        tab_to(page, lambda id, stage, value: value == "result", "what the picture shows")
        keys(page, RIGHT)
        until(lambda: page.find("#wipe").is_displayed(), "before and after")
        tab_to(page, lambda id, *_: id == "wipe", "the line")
        keys(page, RIGHT)
        assert page.find("#wipe").get_attribute("value") == "52"


def test_a_graph_without_a_camera_shows_its_result_and_all_else(tmp_path: Path) -> None:
    with studio(tmp_path, RENDERED, camera=False) as page:
        until(lambda: page.caption().startswith("Result") and "frame" in page.caption(), "the result")
        first = page.caption()
        until(lambda: page.caption() != first, "another frame")
        corner = page.pane()[:20, :20].mean((0, 1))
        assert abs(corner - (0x30, 0x50, 0xD0)).max() < 16
        until(lambda: page.text("#state") == "Live", "the state")
        assert not page.find("#camera").is_displayed()
        assert not page.find("#latency").is_displayed()
        until(lambda: page.text("#size") == "320 × 180", "the size")
        page.open_stage("replace")
        page.enter("#set-replace-match", "0.5")
        page.holds("replace.match", 0.5)
        assert page.driver.get_log("browser") == []


def test_the_page_goes_on_by_itself_when_the_server_comes_back(tmp_path: Path) -> None:
    needed()
    clip = green_screen(tmp_path / "camera.y4m")
    with chromium(clip, 1440, 900) as driver:
        with running(tmp_path, GRAPH.format(port=0)) as (run, url):
            page = Studio(driver, run, url)
            page.open()
            page.start_camera()
            page.output("key.alpha")
            until(lambda: "frame" in page.caption(), "a look")
        until(lambda: page.text("#state").startswith("Server gone"), "the state")
        port = int(url.rstrip("/").rpartition(":")[2])
        with running(tmp_path, GRAPH.format(port=port)) as (run, _):
            page.run = run
            until(lambda: page.text("#state").startswith("Live"), "the state after", 60)
            before = page.caption()
            until(lambda: page.caption() != before and page.caption().startswith("key.alpha"), "looks again")
            page.open_stage("knobs")
            page.enter("#set-knobs-amount", "6")
            page.holds("knobs.amount", 6)
            until(lambda: page.text('#drawing [data-stage="key"] .time').endswith(" ms"), "figures again")
            seen = received(driver)
            until(lambda: received(driver) > seen + 5, "the result again")


def test_a_click_on_a_button_in_the_picture_presses_it(tmp_path: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    with studio(tmp_path, BUTTONS) as page:
        page.js("scrollTo(0, 0)")
        screen = page.find("#screen")
        point = ActionChains(page.driver).move_to_element_with_offset(screen, -screen.size["width"] // 4, 0)
        point.click().perform()
        until(lambda: page.text("#notices") == "flashed", "what the button does")
        page.view("wipe")
        point.click().perform()  # this is the wipe's now
        assert page.find("#wipe").is_displayed()
        assert page.all("#act-buttons-point") == []


def test_the_run_is_ended_from_the_page_once_that_is_confirmed(tmp_path: Path) -> None:
    with studio(tmp_path, RENDERED, camera=False) as page:
        page.click("#end")
        page.click('#ending button:not([value="end"])')
        assert any(thread.is_alive() for thread in page.run.threads)
        page.click("#end")
        page.click('#ending button[value="end"]')
        until(lambda: not any(thread.is_alive() for thread in page.run.threads), "the end of the run")
        until(lambda: page.text("#state").startswith("Server gone"), "the state")
