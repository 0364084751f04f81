"""What the labelling server serves, what it refuses, and that nothing outside its folder can be had."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import yarl
from PIL import Image

from bgflow.label.server import PAGE
from bgflow.web.files import page_folder
from tests.commandline import bgflow
from tests.label.sets import H, W, disc, label_server, picture_set, png, read, served

FILES = sorted(p.name for p in PAGE.iterdir())
SEND = {"Content-Type": "image/png", "If-Match": '""'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_set(tmp_path / "set3")


def told(folder: Path, method: str, path: str, **request: Any) -> tuple[int, Any]:
    """One request's status and JSON (or bytes)."""

    async def ask(url: str, session: aiohttp.ClientSession) -> tuple[int, Any]:
        async with session.request(method, url + path, **request) as answer:
            body = await answer.read()
            return answer.status, await answer.json() if answer.content_type == "application/json" else body

    found: tuple[int, Any] = served(folder, ask)
    return found


def test_every_file_of_the_page_is_served_and_may_load_nothing_from_elsewhere(folder: Path) -> None:
    async def ask(url: str, session: aiohttp.ClientSession) -> None:
        for name in ["", *(p for p in FILES if not p.endswith(".html"))]:
            async with session.get(url + name) as answer:
                assert answer.status == 200, name
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
                assert answer.headers["Cache-Control"] == "no-store"

    served(folder, ask)


@pytest.mark.parametrize("name", FILES)
def test_no_file_of_the_page_names_another_host(name: str) -> None:
    text = (PAGE / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://", text)


def test_every_element_and_command_that_a_script_or_button_asks_for_is_there() -> None:
    html = (PAGE / "index.html").read_text()
    scripts = "".join((PAGE / n).read_text() for n in FILES if n.endswith(".js"))
    asked = set(re.findall(r'(?:byId|getElementById)\("([\w-]+)"', scripts))
    assert asked
    assert asked <= set(re.findall(r'id="([\w-]+)"', html))
    commands = set(re.findall(r"^  (\w+): \[\"", (PAGE / "commands.js").read_text(), re.M))
    buttons = set(re.findall(r'data-command="(\w+)"', html))
    assert buttons
    assert buttons <= commands


def test_the_colours_are_those_of_a_runs_page(folder: Path) -> None:
    def colours(text: str) -> list[tuple[str, str]]:
        return re.findall(r"(--[\w-]+): (#\w+);", text)

    theirs = colours("".join(p.read_text() for p in sorted(page_folder().glob("*.css"))))
    status, theme = told(folder, "GET", "theme.css")
    ours = colours(theme.decode())
    assert status == 200
    assert len(ours) > 10
    assert set(ours) <= set(theirs)


def test_the_set_is_told_with_sizes_and_states(folder: Path) -> None:
    Image.fromarray(disc()).save(folder / "1_mask.png")
    Image.fromarray(np.zeros((H, W), np.uint8)).save(folder / "2_mask.png")
    status, said = told(folder, "GET", "api/set")
    assert status == 200
    assert (said["folder"], said["plate"], said["prelabel"]) == ("set3", True, "")
    assert [(p["name"], p["state"]) for p in said["pictures"]] == [("0.png", ""), ("1.png", "done"), ("2.png", "empty")]
    assert (said["pictures"][0]["width"], said["pictures"][0]["height"]) == (W, H)


def test_a_saved_label_is_a_mask_file_of_0_and_255_and_comes_back(folder: Path) -> None:
    async def ask(url: str, session: aiohttp.ClientSession) -> None:
        async with session.put(url + "api/label/0.png", data=png(disc()), headers=SEND) as answer:
            assert answer.status == 200
            said = await answer.json()
        assert said["state"] == "done"
        async with session.get(url + "api/label/0.png") as answer:
            assert answer.headers["ETag"] == f'"{said["version"]}"'
            assert await answer.read() == disc().tobytes()

    served(folder, ask)
    assert np.array_equal(read(folder / "0_mask.png"), disc())
    assert sorted(p.name for p in folder.iterdir()) == ["0.png", "0_mask.png", "1.png", "2.png", "bkg.png"]


def test_an_unknown_band_becomes_a_trimap(folder: Path) -> None:
    label = disc()
    label[:10], label[-10:] = 127, 128
    assert told(folder, "PUT", "api/label/0.png", data=png(label), headers=SEND)[0] == 200
    trimap = read(folder / "0_trimap.png")
    assert (trimap[:10] == 128).all()
    assert (trimap[-10:] == 128).all()
    assert np.array_equal(trimap[10:-10], disc()[10:-10])
    assert (read(folder / "0_mask.png")[:10] == 0).all()
    assert (read(folder / "0_mask.png")[-10:] == 255).all()


def test_the_later_of_two_windows_is_refused_and_told_so(folder: Path) -> None:
    async def ask(url: str, session: aiohttp.ClientSession) -> None:
        for status in (200, 412):
            async with session.put(url + "api/label/0.png", data=png(disc()), headers=SEND) as answer:
                assert answer.status == status
                said = await answer.json()
        assert said == {"error": "0_mask.png was changed meanwhile, in another window or by another program"}

    served(folder, ask)


def test_a_label_without_the_version_it_is_based_on_is_refused(folder: Path) -> None:
    status, said = told(folder, "PUT", "api/label/0.png", data=png(disc()), headers={"Content-Type": "image/png"})
    assert (status, said) == (400, {"error": "the request needs If-Match, the version that was read"})
    assert not (folder / "0_mask.png").exists()


def test_a_label_of_another_size_is_refused(folder: Path) -> None:
    status, said = told(folder, "PUT", "api/label/0.png", data=png(disc()[1:]), headers=SEND)
    assert (status, said) == (400, {"error": "the label is 120x89, but 0.png is 120x90"})


def test_a_mask_of_another_size_that_lies_there_is_told(folder: Path) -> None:
    Image.fromarray(disc()[::2, ::2]).save(folder / "0_mask.png")
    status, said = told(folder, "GET", "api/label/0.png")
    wrong = "0_mask.png: is 60x45, but its picture is 120x90; what is saved now replaces it"
    assert (status, said) == (409, {"error": wrong})


OUTSIDE = ["..%2Fsecret.png", "%2e%2e%2fsecret.png", "%2Fetc%2Fpasswd", "bkg.png", "0_mask.png", ".drafts%2F0.png.png"]


@pytest.mark.parametrize("kind", ["picture", "thumbnail", "label", "draft", "prelabel"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_but_the_pictures_of_the_folder_can_be_had(folder: Path, kind: str, name: str) -> None:
    Image.fromarray(disc()).save(folder.parent / "secret.png")
    Image.fromarray(disc()).save(folder / "0_mask.png")

    async def ask(url: str, session: aiohttp.ClientSession) -> int:
        async with session.get(yarl.URL(f"{url}api/{kind}/{name}", encoded=True)) as answer:
            return answer.status

    assert served(folder, ask) == 404


def test_a_label_cannot_be_written_outside_the_folder(folder: Path) -> None:
    Image.fromarray(disc()).save(folder.parent / "secret.png")

    async def ask(url: str, session: aiohttp.ClientSession) -> int:
        path = yarl.URL(f"{url}api/label/..%2Fsecret.png", encoded=True)
        async with session.put(path, data=png(disc()), headers=SEND) as answer:
            return answer.status

    assert served(folder, ask) == 404
    assert not (folder.parent / "secret_mask.png").exists()


@pytest.mark.parametrize(
    ("headers", "text"),
    [({"Host": "evil.example"}, "is not called"), ({"Origin": "https://evil.example"}, "are refused")],
)
def test_other_web_sites_cannot_write_a_label(folder: Path, headers: dict[str, str], text: str) -> None:
    status, said = told(folder, "PUT", "api/label/0.png", data=png(disc()), headers={**SEND, **headers})
    assert status == 403
    assert text in said["error"]
    assert not (folder / "0_mask.png").exists()


def test_a_picture_that_browsers_do_not_show_comes_as_png(tmp_path: Path) -> None:
    folder = picture_set(tmp_path / "tiffs", "0.tif")
    status, body = told(folder, "GET", "api/picture/0.tif")
    assert status == 200
    assert body.startswith(b"\x89PNG")


def test_a_damaged_picture_is_told_in_one_line(folder: Path) -> None:
    (folder / "1.png").write_bytes(b"broken")
    assert told(folder, "GET", "api/picture/1.png") == (409, {"error": "1.png: is no picture that can be read"})


def test_a_taken_port_is_one_line_with_what_would_be_right(folder: Path) -> None:
    first = label_server(folder)
    try:
        port = first.socket.getsockname()[1]
        told = bgflow("label", folder, "--no-browser", "--port", port, "--prelabel", "none")
    finally:
        first.socket.close()
    assert told.code == 2
    taken = (
        f"bgflow label: 127.0.0.1:{port} is taken by another program; set another port, for example --port {port + 1}"
    )
    assert told.err == taken + "\n"
