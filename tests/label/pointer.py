"""The labelling page as a person sees it: points of a picture are clicked, keys pressed, and what is shown is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.browser.chromium import until
from tests.label.sets import H, W

MARGIN = 12  # of the page's view.js
PLACE = """
const canvas = document.getElementById("canvas");
const { x, y } = canvas.getBoundingClientRect();
return [x, y, canvas.clientWidth, canvas.clientHeight];
"""
Point = tuple[float, float]


class Pointer:
    """Drives one page whose pictures, of `size` (h, w), are fitted into its window."""

    def __init__(self, driver: Any, url: str, size: tuple[int, int] = (H, W)):
        self.driver, self.size = driver, size
        driver.get(url)
        self.ready()

    def ready(self) -> None:
        """Wait until a picture is open, and learn where it lies."""
        until(lambda: self.text("place") != "", "a picture")
        x, y, width, height = self.driver.execute_script(PLACE)
        h, w = self.size
        self.scale = min((width - 2 * MARGIN) / w, (height - 2 * MARGIN) / h)
        self.x, self.y = x + (width - w * self.scale) / 2, y + (height - h * self.scale) / 2

    def text(self, name: str) -> str:
        return str(self.driver.find_element("id", name).text)

    def state(self, begins: str) -> None:
        """Wait until the page says so."""
        until(lambda: self.text("state").startswith(begins), f"the state {begins!r}, not {self.text('state')!r}", 20)

    def kept(self) -> None:
        """Wait until the server has what was drawn."""
        self.state("Draft kept")

    def screen(self, point: Point) -> tuple[int, int]:
        """A point of the picture on screen, where pointers have whole pixels."""
        return round(point[0] * self.scale + self.x), round(point[1] * self.scale + self.y)

    def exactly(self, points: Sequence[Point]) -> list[Point]:
        """Points of the picture as they are really clicked."""
        return [((x - self.x) / self.scale, (y - self.y) / self.scale) for x, y in map(self.screen, points)]

    def click(self, *points: Point) -> None:
        for point in points:
            actions = self._actions()
            actions.pointer_action.move_to_location(*self.screen(point)).pointer_down().pointer_up()
            actions.perform()

    def double_click(self, point: Point) -> None:
        actions = self._actions()
        at = actions.pointer_action.move_to_location(*self.screen(point))
        at.pointer_down().pointer_up().pointer_down().pointer_up()
        actions.perform()

    def drag(self, *points: Point) -> None:
        actions = self._actions()
        actions.pointer_action.move_to_location(*self.screen(points[0])).pointer_down()
        for point in points[1:]:
            actions.pointer_action.move_to_location(*self.screen(point))
        actions.pointer_action.pointer_up()
        actions.perform()

    def key(self, *keys: str) -> None:
        """Press keys together, such as Control and z."""
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.driver)
        for key in keys:
            chain.key_down(key)
        for key in reversed(keys):
            chain.key_up(key)
        chain.perform()

    def press(self, name: str) -> None:
        """Press the button of a command."""
        self.driver.execute_script(f"document.querySelector('[data-command={name}]').click()")

    def _actions(self) -> Any:
        from selenium.webdriver.common.actions.action_builder import ActionBuilder
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        return ActionBuilder(self.driver, mouse=PointerInput("mouse", "mouse"), duration=0)
