"""Backgrounds chosen, sent, dropped and pasted on the studio's page, and the graph that it copies as YAML."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from bgflow.media.background import render
from bgflow.media.pictures import read
from tests.browser.chromium import until
from tests.browser.studio import DUSK, Studio, studio

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
TARGET = "replace.background"
CONTROL = "\ue009"
COPY = """
const [url, done] = arguments;
async function copy() {
    const bitmap = await createImageBitmap(await (await fetch(url)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    const png = await canvas.convertToBlob({type: "image/png"});
    await navigator.clipboard.write([new ClipboardItem({"image/png": png})]);
}
copy().then(() => done(""), (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("studio")) as page:
        yield page


@pytest.fixture
def page(made: Studio) -> Iterator[Studio]:
    yield made
    made.run.controls.set(TARGET, DUSK).result(10)
    until(lambda: made.find(f'[name="background"][value="{DUSK}"]').is_selected(), "the file's background")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture that is like no other: another colour each time."""
    colour = tuple(os.urandom(3))
    Image.new("RGB", (64, 36), colour).save(tmp_path / "wall.png")
    return tmp_path / "wall.png"


def sent(page: Studio, picture: Path) -> None:
    """Wait until the run has exactly this picture, and the page shows it as the chosen one."""
    colour = np.array(Image.open(picture).convert("RGB").getpixel((0, 0)))

    def has_it() -> bool:
        path = str(page.value(TARGET))
        return Path(path).is_file() and bool((read(Path(path))[0, 0] == colour).all())

    until(has_it, "the picture in the run")
    until(lambda: page.text("#sent").endswith("is the background now."), "the line")
    assert page.find('.tiles input[value^="sent:"]:checked').is_selected()


def test_a_picture_of_the_gallery_is_chosen(page: Studio) -> None:
    page.click('[name="background"][value="gallery:ocean"]')
    until(lambda: page.value(TARGET) == "gallery:ocean", "the background")


def test_a_colour_is_chosen_from_the_palette_or_freely(page: Studio) -> None:
    page.click('[name="background"][value="#8ec5ff"]')
    until(lambda: page.value(TARGET) == "#8ec5ff", "the colour")
    page.js(
        "const it = document.querySelector('#colours [type=color]'); it.value = '#102030';"
        "it.dispatchEvent(new Event('input'))"
    )
    until(lambda: page.value(TARGET) == "#102030", "a colour of one's own")


def test_a_background_that_somebody_else_chooses_is_marked(page: Studio) -> None:
    page.run.controls.set(TARGET, "gallery:mist").result(10)
    until(lambda: page.find('[value="gallery:mist"]').is_selected(), "the mark")


def test_a_file_is_sent_and_can_be_chosen_again_later(page: Studio, picture: Path) -> None:
    page.find("#picture").send_keys(str(picture))
    sent(page, picture)
    name = page.find('.tiles input[value^="sent:"]:checked').get_attribute("value")
    page.click('[name="background"][value="gallery:silk"]')
    until(lambda: page.value(TARGET) == "gallery:silk", "another background")
    page.click(f'[name="background"][value="{name}"]')
    until(lambda: str(page.value(TARGET)).endswith(f"{name[5:]}.png"), "the picture again")
    thumbnail = f"return document.querySelector('.tiles label:has([value=\"{name}\"]) img')"
    assert page.js(f"{thumbnail}.naturalWidth") == 160


def test_a_file_is_dropped_on_the_page(page: Studio, picture: Path) -> None:
    for kind in ("dragEnter", "dragOver", "drop"):
        event: dict[str, Any] = {"type": kind, "x": 300, "y": 300}
        event["data"] = {"items": [], "files": [str(picture)], "dragOperationsMask": 1}
        page.driver.execute_cdp_cmd("Input.dispatchDragEvent", event)
    sent(page, picture)


def test_a_picture_is_pasted(page: Studio) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    page.clipboard(True)
    page.driver.set_script_timeout(20)
    assert page.driver.execute_async_script(COPY, f"{page.url}api/backgrounds/bokeh") == ""
    ActionChains(page.driver).key_down(CONTROL).send_keys("v").key_up(CONTROL).perform()
    until(lambda: str(page.value(TARGET)).endswith(".png"), "the picture that was pasted")
    pasted, thumbnail = read(Path(str(page.value(TARGET)))), render("bokeh", 90, 160)
    assert np.abs(pasted.astype(int) - thumbnail).mean() < 4


def test_a_file_that_is_no_picture_is_refused_with_the_servers_line(page: Studio, tmp_path: Path) -> None:
    (tmp_path / "not.png").write_text("this is a text")
    page.find("#picture").send_keys(str(tmp_path / "not.png"))
    until(lambda: "cannot be read" in page.text("#sent"), "the refusal")
    assert page.value(TARGET) == DUSK


def checked(text: str, tmp_path: Path) -> str:
    """What `bgflow check` says to a text."""
    file = tmp_path / "graph.yaml"
    file.write_text(text)
    script = "import tests.browser.studio, sys; from bgflow.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "check", str(file)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return "" if found.returncode == 0 else found.stdout + found.stderr


def test_the_copied_yaml_has_the_values_of_now_and_bgflow_check_takes_it(page: Studio, tmp_path: Path) -> None:
    page.clipboard(True)
    page.run.controls.update({"knobs.amount": 7.25, "knobs.every": 3, "replace.background": "gallery:room"}).result(10)
    page.click("#copy")
    until(lambda: page.text("#copy") == "Copied", "the copy")
    page.driver.set_script_timeout(20)
    text = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    stages = yaml.safe_load(text)["stages"]
    assert stages["knobs"]["set"]["amount"] == 7.25
    assert stages["knobs"]["every"] == 3
    assert stages["replace"]["set"]["background"] == "gallery:room"
    assert checked(text, tmp_path) == ""
    page.click("#back")
    until(lambda: page.value("knobs.every") == 2, "the values of the file")


def test_where_the_clipboard_is_refused_the_yaml_is_shown_to_be_copied_by_hand(page: Studio, tmp_path: Path) -> None:
    page.clipboard(False)
    page.click("#copy")
    until(lambda: page.find("#yaml").is_displayed(), "the dialog")
    text = page.find("#yaml-text").get_attribute("value")
    assert checked(text, tmp_path) == ""
    selected = page.js("const it = document.activeElement; return it.selectionEnd - it.selectionStart")
    assert selected == len(text)
    page.click("#yaml-close")
    assert not page.find("#yaml").is_displayed()


def test_the_yaml_is_saved_as_a_file(page: Studio, tmp_path: Path) -> None:
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    page.click("#download")
    until(lambda: (tmp_path / "knobs.yaml").is_file(), "the file")
    assert checked((tmp_path / "knobs.yaml").read_text(), tmp_path) == ""
