"""The HTML page in a real browser, in light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgflow.bench.browser import chromium, window
from tests.browser.chromium import keep, needed
from tests.commandline import bgflow


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_opens_without_a_complaint_and_all_its_pictures_load(tmp_path: Path) -> None:
    needed()
    page = tmp_path / "out.html"
    told = bgflow(
        *("eval", "mog.mask", "--against", "bgflow.bench.peers:Mog2", "--layout", "synth"),
        *("--only", "exposure", "--only", "several", "--limit", 60, "--html", page),
    )
    assert told.code == 0, told.err
    with chromium(tmp_path / "no.y4m", height=1600) as driver:
        for dark in (False, True):
            window(driver, 1280, 1600, dark)
            driver.get(page.as_uri())
            loaded = "return [...document.images].map(i => i.complete && i.naturalWidth > 0)"
            pictures = driver.execute_script(loaded)
            assert len(pictures) >= 4 * 4
            assert all(pictures)
            ink = driver.execute_script("return getComputedStyle(document.body).color")
            assert ink == ("rgb(231, 234, 238)" if dark else "rgb(27, 31, 36)")
            assert driver.get_log("browser") == []
            keep(driver, f"eval_{'dark' if dark else 'light'}")
        narrow = "return document.documentElement.scrollWidth <= innerWidth"
        assert driver.execute_script(narrow), "the page is wider than the window"
