"""Nothing is lost, pre-labels are offered and not taken, and the page suits everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.bench.browser import chromium, window
from tests.browser.axe import violations
from tests.browser.chromium import keep, needed, until
from tests.label.pointer import Pointer
from tests.label.sets import H, W, disc, live, picture_set, read
from tests.label.test_drawing import CONTROL, ENTER, HOUSE, inside, same

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WINDOWS = [
    ("phone-light", 390, 844, False),
    ("phone-dark", 390, 844, True),
    ("desktop-light", 1440, 900, False),
    ("desktop-dark", 1440, 900, True),
]
CONTROLS = "[...document.querySelectorAll('button, select, input, canvas')].filter((it) => it.checkVisibility())"
TOO_SMALL = f"""
    return {CONTROLS}.filter((it) => it.getBoundingClientRect().height < 28).map((it) => it.outerHTML)
"""


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    needed()
    with chromium(Path("/dev/null"), 1280, 900) as made:
        yield made


@pytest.fixture
def folder(driver: Any, tmp_path: Path) -> Iterator[Path]:
    yield picture_set(tmp_path / "set3")
    driver.get("about:blank")


def test_a_reload_keeps_the_mask_and_the_points_of_an_open_polygon(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        page = Pointer(driver, url)
        page.click(*HOUSE)
        page.key(ENTER)
        page.kept()
        page.press("hole")
        page.click((50, 30), (72, 31), (70, 52))
        driver.refresh()
        page.ready()
        page.state("Draft kept")
        assert not (folder / "0_mask.png").exists()
        page.key(ENTER)  # closes the hole
        page.kept()
        page.press("save")
        page.state("Saved")
    house, hole = page.exactly(HOUSE), page.exactly([(50, 30), (72, 31), (70, 52)])
    assert same(read(folder / "0_mask.png") > 0, inside(house) & ~inside(hole), house, hole)


def test_what_is_drawn_while_the_server_is_away_is_kept_once_it_is_back(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        page = Pointer(driver, url)
    page.click(*HOUSE)
    page.key(ENTER)
    page.state("Not kept: the server does not answer")
    with live(folder, port=int(url.rstrip("/").rpartition(":")[2])):
        page.kept()
        assert (folder / ".drafts" / "0.png.png").is_file()


def test_of_two_windows_the_later_is_asked_before_it_overwrites(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        first = driver.current_window_handle
        page = Pointer(driver, url)
        driver.switch_to.new_window("tab")
        other = Pointer(driver, url)
        other.click(*HOUSE)
        other.key(ENTER)
        other.kept()
        other.press("save")
        other.state("Saved")
        house = other.exactly(HOUSE)
        driver.close()
        driver.switch_to.window(first)
        page.press("nobody")
        until(lambda: driver.find_element("id", "conflict").is_displayed(), "the question")
        assert page.text("conflict-text") == "0_mask.png was changed meanwhile, in another window or by another program"
        assert read(folder / "0_mask.png").any()
        driver.find_element("id", "theirs").click()
        page.state("Saved")
        assert same(read(folder / "0_mask.png") > 0, inside(house), house)
        page.press("clear")
        page.kept()
        page.press("save")
        page.state("Saved: background only")
        assert not read(folder / "0_mask.png").any()


def test_a_pre_label_is_the_start_of_a_mask_and_saved_only_when_it_is_accepted(driver: Any, folder: Path) -> None:
    with live(folder, "plate") as url:
        page = Pointer(driver, url)
        page.state("Pre-labelled")
        assert [p.name for p in folder.glob("*_mask.png")] == []
        page.key(ENTER)
        until(lambda: page.text("name") == "1.png", "the next picture")
    found, truth = read(folder / "0_mask.png") > 0, disc() > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    assert [p.name for p in folder.glob("*_mask.png")] == ["0_mask.png"]


def test_undoing_everything_gives_the_pre_label_back_and_leaves_no_draft(driver: Any, folder: Path) -> None:
    with live(folder, "plate") as url:
        page = Pointer(driver, url)
        page.state("Pre-labelled")
        page.press("clear")
        page.kept()
        page.key(CONTROL, "z")
        page.state("Pre-labelled")
        until(lambda: not (folder / ".drafts").exists(), "no draft")


def test_zooming_keeps_what_is_under_the_pointer_there(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        page = Pointer(driver, url)
        page.press("brush")
        at = page.screen((30, 20))
        for _ in range(4):
            driver.execute_script(
                "document.getElementById('canvas').dispatchEvent(new WheelEvent('wheel', "
                "{deltaY: -300, clientX: arguments[0], clientY: arguments[1], cancelable: true}))",
                *at,
            )
        page.click((30, 20))
        page.kept()
        page.press("save")
        page.state("Saved")
    y, x = np.nonzero(read(folder / "0_mask.png"))
    (wanted,) = page.exactly([(30, 20)])
    assert abs(x.mean() + 0.5 - wanted[0]) < 0.5
    assert abs(y.mean() + 0.5 - wanted[1]) < 0.5


def test_two_fingers_zoom_and_draw_nothing(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        page = Pointer(driver, url)
        (ax, ay), (bx, by) = page.screen((40, 40)), page.screen((70, 50))
        touches: Any = [[(ax, ay)], [(ax, ay), (bx, by)], [(ax - 60, ay), (bx + 60, by)]]
        for kind, points in [("touchStart", touches[0]), ("touchStart", touches[1]), ("touchMove", touches[2])]:
            spots = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
            driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert page.text("state") == "Unlabelled"
        assert driver.execute_script("return localStorage.length") == 0


def test_every_window_and_view_fits_and_axe_finds_nothing_wrong(driver: Any, folder: Path) -> None:
    driver.get_log("browser")  # what earlier tests provoked
    with live(folder, "plate") as url:
        page = Pointer(driver, url)
        page.state("Pre-labelled")
        page.key(ENTER)
        until(lambda: page.text("name") == "1.png", "the next picture")
        for name, width, height, dark in WINDOWS:
            window(driver, width, height, dark)
            driver.execute_script("return new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
            keep(driver, f"label-{name}")
            assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), name
            assert driver.execute_script(TOO_SMALL) == [], name
            assert violations(driver) == [], name
        for view in ("mask", "cutout", "difference"):
            page.press(view)
            driver.execute_script("return new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
            keep(driver, f"label-{view}")
        page.press("help")
        keep(driver, "label-help")
        assert violations(driver) == []
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE"] == []
    window(driver, 1280, 900, False)
    assert (H, W) == read(folder / "0_mask.png").shape


def test_space_and_drag_pans_and_draws_nothing(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        page = Pointer(driver, url)
        page.press("brush")
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(driver).key_down(" ").perform()
        page.drag((30, 20), (60, 50))
        ActionChains(driver).key_up(" ").perform()
        assert page.text("state") == "Unlabelled"
        page.click((60, 50))  # where (30, 20) is now
        page.kept()
        page.press("save")
        page.state("Saved")
    y, x = np.nonzero(read(folder / "0_mask.png"))
    assert abs(x.mean() - 30) < 1
    assert abs(y.mean() - 20) < 1


def test_arrows_and_page_keys_go_from_picture_to_picture(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        page = Pointer(driver, url)
        for key, name in [("\ue014", "1.png"), ("\ue00f", "2.png"), ("\ue00e", "1.png"), ("\ue012", "0.png")]:
            page.key(key)
            until(lambda wanted=name: page.text("name") == wanted, name)  # type: ignore[misc]
        assert list(folder.glob("*_mask.png")) == []


def test_a_picture_that_comes_while_the_page_is_open_appears(driver: Any, folder: Path) -> None:
    with live(folder) as url:
        page = Pointer(driver, url)
        picture_set(folder, "3.png")
        until(lambda: len(driver.find_elements("css selector", "#strip button")) == 4, "the fourth picture")
        assert page.text("done") == "0 of 4 done"
