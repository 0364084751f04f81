"""What axe-core (Deque Systems), the usual checker of accessibility, finds wrong with a page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from tests.browser.chromium import absent

WHEEL = "axe_playwright_python"  # holds the newest axe-core; only that file of it is used
ASK = "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations']}).then(done)"


def violations(driver: Any) -> list[str]:
    """One line for each rule that an element of the page breaks."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or not found.origin:
        absent("no axe-core; pip install axe-playwright-python")
    driver.execute_script(Path(found.origin).with_name("axe.min.js").read_text())
    told = driver.execute_async_script(ASK)["violations"]
    return [f"{rule['id']}: {rule['help']}: {node['html']}" for rule in told for node in rule["nodes"]]
