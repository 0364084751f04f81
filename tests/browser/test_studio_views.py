"""Every view of the studio's page fits its window, breaks no rule of axe-core, and is kept as a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgflow.bench.browser import window
from tests.browser.axe import violations
from tests.browser.chromium import keep, until
from tests.browser.studio import Studio, studio

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CALM = "return new Promise((done) => setTimeout(done, 500))"
CONTROLS = "[...document.querySelectorAll('button, select, input, .button')].filter((it) => it.checkVisibility())"
TOO_SMALL = f"""
    return {CONTROLS}.filter((it) => !it.classList.contains("hidden") && !it.matches("[type=checkbox], [type=radio]"))
        .filter((it) => it.getBoundingClientRect().height < 28).map((it) => it.outerHTML)
"""
WIDE = "return document.documentElement.scrollWidth <= innerWidth"


def good(page: Studio, name: str) -> None:
    """Keep a picture of the view, and find nothing wrong with it."""
    page.js(CALM)
    keep(page.driver, f"studio-{name}")
    assert page.js(WIDE), name
    assert page.js(TOO_SMALL) == [], name
    assert violations(page.driver) == [], name


def test_every_view_fits_and_axe_finds_nothing_wrong(tmp_path: Path) -> None:
    with studio(tmp_path) as page:
        until(lambda: page.text('#drawing [data-stage="key"] .time').endswith(" ms"), "figures")
        until(lambda: "Mbit/s" in page.text("#size-parts"), "the video's figures")
        for name, width, height, dark in (
            ("desktop-light", 1440, 900, False),
            ("desktop-dark", 1440, 900, True),
            ("phone-light", 390, 844, False),
            ("phone-dark", 390, 844, True),
        ):
            window(page.driver, width, height, dark)
            page.js("scrollTo(0, 0)")
            good(page, name)
            page.js("document.getElementById('graph').scrollIntoView()")
            good(page, f"{name}-graph")
            page.js("document.getElementById('settings').scrollIntoView()")
            page.open_stage("knobs")
            page.js("document.querySelector('#groups [data-stage=knobs]').scrollIntoView()")
            good(page, f"{name}-settings")
            page.js("scrollTo(0, 0)")
            page.view("wipe")
            until(lambda: page.caption().strip().startswith("frame"), "before and after")
            good(page, f"{name}-wipe")
            page.output("key.alpha")
            page.js("const it = document.getElementById('beside'); if (!it.checked) it.click(); scrollTo(0, 0)")
            until(lambda: "frame" in page.caption(1), "both pictures")
            good(page, f"{name}-output")
            page.view("result")
        window(page.driver, 1440, 900, False)
        page.click("#figures-table summary")
        good(page, "table")
        page.clipboard(False)
        page.click("#copy")
        until(lambda: page.find("#yaml").is_displayed(), "the text")
        good(page, "yaml")
        page.click("#yaml-close")
        page.enter("#set-knobs-amount", "99")
        until(lambda: "less than or equal" in page.told("knobs.amount"), "the refusal")
        page.run.controls.news.tell("knobs", "Picture in 3", 0, seconds=9, kind="countdown")
        page.run.controls.news.tell("knobs", "no background yet", 0, kind="refused")
        until(lambda: page.find("#countdown").is_displayed(), "the countdown")
        good(page, "refused")
        severe = [it for it in page.driver.get_log("browser") if it["level"] == "SEVERE" and "400" not in it["message"]]
        assert severe == []
