"""The site that `make docs` builds: whole, without anything from elsewhere, and usable from the disk."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bgflow.bench.browser import BROWSER, DRIVER, FLAGS
from docs.reference.__main__ import write
from tests.browser.axe import violations
from tests.browser.chromium import absent, keep, needed, until

pytestmark = [pytest.mark.slow]
VIEWS = [
    ("index.html", 1280, 1000, "light"),
    ("index.html", 390, 844, "dark"),
    ("engine.html", 1280, 1000, "dark"),
    ("reference/stages/edge.html", 1280, 1000, "light"),
    ("reference/stages/edge.html", 390, 844, "light"),
    ("coming-from.html", 1280, 1000, "light"),
    ("privacy.html", 390, 844, "light"),
]
THEMES = ("landmark-unique:",)
"""What the theme itself does wrong: it calls two navigations the same."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    if importlib.util.find_spec("material") is None:
        absent("the site needs mkdocs-material; run: make docs")
    build = tmp_path_factory.mktemp("build")
    write(build)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(build / "mkdocs.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^WARNING", done.stderr, re.M)
    return build / "site"


@pytest.fixture
def browser() -> Iterator[Any]:
    """Chromium that finds no other machine and notes what it asks for."""
    needed()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in (*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def test_no_page_takes_a_script_a_style_a_font_or_a_picture_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        taken = re.findall(r"<(?:script|img|iframe|source|video)[^>]* src=\"?([^\">\s]+)", text)
        taken += [re.search(r"href=\"?([^\">\s]+)", tag)[1] for tag in re.findall(r"<link[^>]*>", text)]  # type: ignore[index]
        assert taken
        for address in taken:
            assert not re.match(r"[a-z]+:|//", address), (page, address)
            folder = site if address[0] == "/" else page.parent  # 404.html may stand for an address at any depth
            assert (folder / address.partition("?")[0].lstrip("/")).exists(), (page, address)
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text("utf-8")), style


def test_every_page_is_there_and_leads_to_pages_that_are_there(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        if page.name == "404.html":
            continue
        for link in re.findall(r"<a [^>]*href=\"?([^\">\s]+)", page.read_text("utf-8")):
            target = link.partition("#")[0]
            assert re.match(r"[a-z]+:", link) or not target or (page.parent / target).exists(), (page, link)


@pytest.mark.browser
def test_the_search_finds_a_parameter_where_the_site_is_opened_from_the_disk(site: Path, browser: Any) -> None:
    browser.set_window_size(1280, 900)
    browser.get((site / "index.html").as_uri())
    box = browser.find_element("css selector", "[data-md-component=search-query]")
    box.click()
    box.send_keys("despeckle")
    hits = until(lambda: browser.find_elements("css selector", ".md-search-result__link"), "an answer of the search")
    assert any(hit.get_attribute("href").partition("?")[0].endswith("reference/stages/edge.html") for hit in hits)
    keep(browser, "docs-search")


@pytest.mark.browser
@pytest.mark.parametrize(("page", "width", "height", "scheme"), VIEWS)
def test_a_page_is_readable_by_everybody_and_asks_for_nothing_but_files(
    site: Path, browser: Any, page: str, width: int, height: int, scheme: str
) -> None:
    told = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", told)
    window = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", window)
    browser.get((site / page).as_uri())
    keep(browser, f"docs-{Path(page).stem}-{width}-{scheme}")
    asked = [json.loads(line["message"])["message"].get("params", {}) for line in browser.get_log("performance")]
    addresses = {it.get("request", {}).get("url", "file:") for it in asked}
    assert all(address.startswith(("file:", "data:", "blob:")) for address in addresses), addresses
    shown = browser.execute_script("return document.body.dataset.mdColorScheme")
    assert shown == {"light": "default", "dark": "slate"}[scheme]
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert [it for it in violations(browser) if not it.startswith(THEMES)] == []
