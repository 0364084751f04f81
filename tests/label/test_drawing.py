"""What is drawn in a real browser is what the mask file holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bgflow.bench.browser import chromium
from tests.browser.chromium import needed, until
from tests.label.pointer import Point, Pointer
from tests.label.sets import H, W, live, picture_set, read

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CONTROL, SHIFT, ALT, ENTER, BACKSPACE = "\ue009", "\ue008", "\ue00a", "\ue007", "\ue003"
SPACE, RIGHT = " ", "\ue014"
HOUSE: list[Point] = [(20, 80), (18, 40), (60, 12), (100, 38), (97, 82), (60, 60)]
WINDOW: list[Point] = [(50, 30), (72, 31), (70, 52), (51, 50)]
Mask = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    needed()
    with chromium(Path("/dev/null"), 1280, 900) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_set(tmp_path / "set3")


@pytest.fixture
def page(driver: Any, folder: Path) -> Iterator[Pointer]:
    with live(folder) as url:
        yield Pointer(driver, url)
        driver.get("about:blank")


def saved(page: Pointer, folder: Path, name: str = "0") -> Mask:
    """Save, and the mask file."""
    page.press("save")
    page.state("Saved")
    found = read(folder / f"{name}_mask.png")
    assert set(np.unique(found)) <= {0, 255}
    return found > 0


def inside(points: Sequence[Point]) -> Mask:
    """The pixels whose centre is inside, by counting how often the outline winds around them (Sunday, 2001)."""
    y, x = np.mgrid[:H, :W] + 0.5
    winding = np.zeros((H, W), int)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        left = (bx - ax) * (y - ay) - (x - ax) * (by - ay)
        winding += ((ay <= y) & (by > y) & (left > 0)).astype(int) - ((ay > y) & (by <= y) & (left < 0))
    return winding != 0


def capsules(points: Sequence[Point], size: float) -> Mask:
    """The pixels whose centre is within half of `size` of a line."""
    y, x = np.mgrid[:H, :W] + 0.5
    out = np.zeros((H, W), bool)
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        dx, dy = bx - ax, by - ay
        t = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        out |= (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2 <= (size / 2) ** 2
    return out


def same(mask: Mask, wanted: Mask, *outlines: Sequence[Point]) -> bool:
    """Whether two masks are equal, but for pixels whose very centre an outline goes through: rounding decides those."""
    told = np.ones((H, W), bool)
    for points in outlines:
        told &= ~capsules([*points, points[0]], 2e-6)
    return bool(told.mean() > 0.99 and np.array_equal(mask[told], wanted[told]))


def by_pillow(points: Sequence[Point]) -> tuple[Mask, Mask]:
    """Pillow's polygon, and the pixels on its outline: it paints every pixel that the outline touches."""
    filled, border = Image.new("1", (W, H)), Image.new("1", (W, H))
    ImageDraw.Draw(filled).polygon(points, fill=1)
    ImageDraw.Draw(border).line([*points, points[0]], fill=1, width=3)  # rounds points to pixels: one more to each side
    return np.array(filled), np.array(border)


def test_a_polygon_closed_near_its_first_point_is_pillows_but_for_its_outline(page: Pointer, folder: Path) -> None:
    page.click(*HOUSE)
    x, y = page.exactly(HOUSE)[0]
    page.click((x + 5 / page.scale, y - 6 / page.scale))  # 8 pixels off on the screen
    page.kept()
    mask = saved(page, folder)
    filled, border = by_pillow(page.exactly(HOUSE))
    assert np.array_equal(mask[~border], filled[~border])
    assert same(mask, inside(page.exactly(HOUSE)), page.exactly(HOUSE))


def test_a_double_click_and_enter_close_a_polygon(page: Pointer, folder: Path) -> None:
    page.click(*HOUSE[:-1])
    page.double_click(HOUSE[-1])
    page.kept()
    page.press("hole")
    page.click(*WINDOW)
    page.key(ENTER)
    page.kept()
    house, window = page.exactly(HOUSE), page.exactly(WINDOW)
    assert same(saved(page, folder), inside(house) & ~inside(window), house, window)


def test_a_polygon_drawn_with_alt_is_a_hole_and_there_may_be_several(page: Pointer, folder: Path) -> None:
    second: list[Point] = [(105, 5), (118, 6), (117, 30)]
    for points in (HOUSE, second):
        page.click(*points)
        page.key(ENTER)
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page.driver).key_down(ALT).perform()
    page.click(*WINDOW)
    ActionChains(page.driver).key_up(ALT).perform()
    page.key(ENTER)
    page.kept()
    house, shed, window = map(page.exactly, (HOUSE, second, WINDOW))
    assert same(saved(page, folder), (inside(house) | inside(shed)) & ~inside(window), house, shed, window)


def test_backspace_takes_the_last_point_back(page: Pointer, folder: Path) -> None:
    page.click(*HOUSE, (110, 85))
    page.key(BACKSPACE)
    page.key(ENTER)
    page.kept()
    assert same(saved(page, folder), inside(page.exactly(HOUSE)), page.exactly(HOUSE))


def test_a_point_of_a_polygon_can_be_dragged_afterwards_and_what_came_later_stays(page: Pointer, folder: Path) -> None:
    page.click(*HOUSE)
    page.key(ENTER)
    page.press("hole")
    page.click(*WINDOW)
    page.key(ENTER)
    page.drag(HOUSE[2], (70, 20), (75, 4))
    page.kept()
    house, window = page.exactly([*HOUSE[:2], (75.0, 4.0), *HOUSE[3:]]), page.exactly(WINDOW)
    assert same(saved(page, folder), inside(house) & ~inside(window), house, window)


def test_brush_and_eraser_paint_what_is_within_their_size(page: Pointer, folder: Path) -> None:
    page.press("brush")
    line: list[Point] = [(20, 20), (60, 25), (90, 70)]
    page.drag(*line)
    page.kept()
    drawn = capsules(page.exactly(line), 24)
    page.press("eraser")
    for _ in range(4):
        page.key("[")
    size = int(page.text("size-now").removesuffix(" px"))
    assert size < 24
    cut: list[Point] = [(60, 5), (62, 60)]
    page.drag(*cut)
    page.kept()
    assert np.array_equal(saved(page, folder), drawn & ~capsules(page.exactly(cut), size))


def test_undo_and_redo_go_back_and_forth_through_everything(page: Pointer, folder: Path) -> None:
    page.click(*HOUSE)
    page.key(ENTER)
    page.press("brush")
    page.drag((30, 30), (90, 30))
    page.press("region")
    page.click((5, 85))  # the background becomes subject
    page.press("band")
    page.key("i")
    for _ in range(5):
        page.key(CONTROL, "z")
    assert not page.driver.find_element("id", "undo").is_enabled()
    page.key(CONTROL, SHIFT, "z")
    page.kept()
    assert same(saved(page, folder), inside(page.exactly(HOUSE)), page.exactly(HOUSE))


def test_a_region_that_is_clicked_goes_or_is_filled(page: Pointer, folder: Path) -> None:
    for points in (HOUSE, [(105.0, 5.0), (118.0, 6.0), (117.0, 30.0)]):
        page.click(*points)
        page.key(ENTER)
    page.press("hole")
    page.click(*WINDOW)
    page.key(ENTER)
    page.press("region")
    page.click((60, 40), (114, 12))
    page.kept()
    assert same(saved(page, folder), inside(page.exactly(HOUSE)), page.exactly(HOUSE))


def test_unknown_is_kept_apart_from_the_mask_in_a_trimap(page: Pointer, folder: Path) -> None:
    page.click(*HOUSE)
    page.key(ENTER)
    page.press("unknown")
    line: list[Point] = [(10, 45), (70, 45)]
    page.drag(*line)
    page.kept()
    mask = saved(page, folder)
    assert same(mask, inside(page.exactly(HOUSE)), page.exactly(HOUSE))
    assert np.array_equal(read(folder / "0_trimap.png") == 128, capsules(page.exactly(line), 24))


def test_nobody_here_is_a_mask_of_zeros_and_goes_on(page: Pointer, folder: Path) -> None:
    page.press("nobody")
    until(lambda: page.text("name") == "1.png", "the next picture")
    assert not read(folder / "0_mask.png").any()
    assert page.text("done") == "1 of 3 done"


def test_the_label_of_the_previous_picture_can_be_copied_and_accepted(page: Pointer, folder: Path) -> None:
    page.click(*HOUSE)
    page.key(ENTER)
    page.key(ENTER)
    until(lambda: page.text("name") == "1.png", "the next picture")
    page.press("copy")
    page.kept()
    page.key(ENTER)
    until(lambda: page.text("name") == "2.png", "the picture after")
    assert np.array_equal(read(folder / "1_mask.png"), read(folder / "0_mask.png"))


def test_a_label_can_be_drawn_with_the_keyboard_alone(page: Pointer, folder: Path) -> None:
    page.driver.execute_script("document.getElementById('canvas').focus({focusVisible: true})")
    page.key("b")
    page.key(SPACE)
    for _ in range(2):
        page.key(SHIFT, RIGHT)
    page.key(SPACE)
    page.kept()
    middle = (W // 2 + 0.5, H // 2 + 0.5)
    assert np.array_equal(saved(page, folder), capsules([middle, (middle[0] + 20, middle[1])], 24))


LOOPS = """
const [cases, width, height, done] = arguments;
import("/raster.js").then(({ Raster }) => done(cases.map((points) => {
    const raster = new Raster(width, height);
    raster.polygon(points, "subject");
    return [...raster.data];
})));
"""


def test_any_polygon_even_one_that_crosses_itself_is_the_pixels_it_winds_around(page: Pointer) -> None:
    rng = np.random.default_rng(5)
    corner, span = np.array([-10, -10]), np.array([W + 20, H + 20])
    cases = [(rng.random((rng.integers(3, 12), 2)) * span + corner).tolist() for _ in range(40)]
    found = page.driver.execute_async_script(LOOPS, cases, W, H)
    for points, pixels in zip(cases, found, strict=True):
        assert np.array_equal(np.reshape(pixels, (H, W)) > 0, inside(points))
