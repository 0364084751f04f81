"""The gallery: its pictures are those of the graphs, its commands run, and what it says about the graphs is so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow.bench import showcase
from bgflow.bench.showcase import FPS, PLATE, SHOTS, Shot
from bgflow.errors import MediaError, UsageError
from bgflow.stages.synth import Source
from bgflow.testing import opened

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "gallery.md").read_text()
LARGEST = 150_000  # bytes of a picture
ROOM: dict[str, Any] = {
    "width": 320,
    "height": 180,
    "fps": FPS,
    "enter": PLATE,
    "hair": 0.0,
    "shadow": 0.0,
    "noise": 1.0,
}
INSIDE = PLATE + 12  # a frame at which somebody stands in the picture
Picture = np.ndarray[Any, Any]


def ran(graph: str, tmp_path: Path, keep: Sequence[tuple[int, str]], do: dict[int, Any] | None = None) -> list[Picture]:
    """The pictures at some moments of a graph as it is shipped, in a small room; those after it turned back."""
    made = showcase.panels(Shot(graph, keep, ROOM, do or {}), tmp_path)
    return [it[:, ::-1] if what == "after" else it for it, (_, what) in zip(made, keep, strict=True)]


def matte(n: int) -> Picture:
    """Where the person of that room is at frame n."""
    with opened(Source(**{**showcase.ROOM, **ROOM}), wired={"alpha"}) as it:
        stage: Any = it.stage
        return np.array(stage.render(n)["alpha"])


def free(shape: Picture) -> Picture:
    """Where there are neither buttons nor lines of text."""
    h, w = shape.shape[:2]
    y, x = np.mgrid[:h, :w]
    return np.asarray((x > 0.2 * w) & (x < 0.8 * w) & (y < 0.8 * h))


def differ(one: Picture, two: Picture) -> Picture:
    return np.abs(one.astype(int) - two).max(axis=-1)


def test_the_plate_is_taken_after_five_seconds_and_then_the_subject_is_tinted_and_nothing_else(tmp_path: Path) -> None:
    keep = [(20, "before"), (20, "after"), (INSIDE, "before"), (INSIDE, "after")]
    empty, counting, camera, tinted = ran("plate_test", tmp_path, keep)
    there = free(empty)
    np.testing.assert_array_equal(counting[there], empty[there])
    alpha = matte(INSIDE)
    assert differ(tinted, camera)[there & (alpha == 0)].mean() < 1.5
    subject = there & (alpha == 1)
    film = 0.4 * camera[subject] + 0.6 * np.array((0x2F, 0x62, 0xFF))
    assert np.mean(np.abs(tinted[subject] - film).max(axis=-1) < 8) > 0.9


def test_the_countdown_is_shown_before_the_plate_is_taken(tmp_path: Path) -> None:
    early, late, taking = ran("plate_test", tmp_path, [(5, "after"), (25, "after"), (60, "after")])
    line = np.s_[150:, 60:260]
    assert differ(early, late)[line].max() > 100, "another second"
    assert differ(late, taking)[line].max() > 100, "it is being taken"


@pytest.mark.parametrize(
    ("graph", "button", "param"), [("plate_test", (0.9, 0.5), "tint"), ("duplicate_self", (0.9, 0.5), "twin")]
)
def test_the_button_in_the_picture_turns_it_off_and_on(
    tmp_path: Path, graph: str, button: tuple[float, float], param: str
) -> None:
    press = "buttons.point", {"x": button[0], "y": button[1]}
    release = "buttons.point", {**press[1], "down": False}
    aside = {} if param == "tint" else {PLATE: {"twin.aside": 25}}
    do = {**aside, INSIDE: press, INSIDE + 1: release, INSIDE + 5: press, INSIDE + 6: release}
    moments = [INSIDE - 1, INSIDE + 4, INSIDE + 9]
    made = ran(graph, tmp_path, [(n, what) for n in moments for what in ("before", "after")], do)
    there = free(made[0])
    changed = [
        bool((differ(after, camera)[there] > 0).any()) for camera, after in zip(made[::2], made[1::2], strict=True)
    ]
    assert changed == [True, False, True]


def test_the_mirrored_copy_is_on_the_other_side_behind_the_subject(tmp_path: Path) -> None:
    """While somebody walks in he is far from the middle, and his copy comes in at the other side."""
    moment = PLATE + 7
    camera, twins = ran("duplicate_self", tmp_path, [(moment, "before"), (moment, "after")])
    alpha = matte(moment)
    there, mirrored = free(camera), alpha[:, ::-1]
    copy, own = there & (mirrored == 1) & (alpha == 0), there & (alpha == 1)
    none = there & (alpha == 0) & (mirrored == 0)
    assert copy.sum() > 500
    assert np.mean(differ(twins, camera[:, ::-1])[copy] < 8) > 0.9
    assert np.mean(differ(twins, camera)[own] == 0) > 0.9
    assert np.mean(differ(twins, camera)[none] == 0) > 0.9


def test_in_front_the_copy_hides_the_subject(tmp_path: Path) -> None:
    camera, twins = ran(
        "duplicate_self", tmp_path, [(INSIDE, "before"), (INSIDE, "after")], {INSIDE - 4: {"twin.order": "front"}}
    )
    both = free(camera) & (matte(INSIDE) == 1) & (matte(INSIDE)[:, ::-1] == 1)
    assert np.mean(differ(twins, camera[:, ::-1])[both] < 8) > 0.9


def test_moved_aside_the_subject_leaves_the_plate_behind(tmp_path: Path) -> None:
    do = {PLATE: {"twin.aside": 30, "twin.number": 0}}
    empty, out = ran("duplicate_self", tmp_path, [(40, "before"), (INSIDE, "after")], do)
    moved = np.roll(matte(INSIDE), round(0.3 * 320), axis=1)
    left = free(empty) & (matte(INSIDE) == 1) & (moved == 0)
    assert left.sum() > 500
    assert differ(out, empty)[left].mean() < 4


def test_the_command_of_the_gallery_renders_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "\npython -m bgflow.bench.showcase docs/images/gallery\n" in PAGE
    showcase.main(str(tmp_path), "greenscreen")
    file = tmp_path / "greenscreen.jpg"
    assert capsys.readouterr().out == f"{file}: {file.stat().st_size / 1000:.0f} kB\n"
    made, kept = (np.asarray(Image.open(p)).astype(int) for p in (file, ROOT / "docs/images/gallery/greenscreen.jpg"))
    assert made.shape == kept.shape
    assert np.abs(made - kept).mean() < 2, "the committed picture is the one that the command renders"


def test_a_graph_that_no_picture_shows_and_a_folder_that_is_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="^greenscren: no picture shows this graph; there are webrtc_blur, "):
        showcase.main(str(tmp_path), "greenscren")
    with pytest.raises(MediaError, match="none: the folder does not exist; make it first$"):
        showcase.main(str(tmp_path / "none"))


def test_every_graph_of_the_gallery_has_its_picture_which_is_small_and_its_command() -> None:
    shown = re.findall(r"\]\(images/gallery/(\w+)\.jpg\)", PAGE)
    assert sorted(shown) == sorted(shot.graph for shot in SHOTS)
    for name in shown:
        assert f"bgflow run graphs/{name}.yaml" in PAGE
        assert (ROOT / "docs/images/gallery" / f"{name}.jpg").stat().st_size < LARGEST


def test_the_text_of_every_graph_in_the_gallery_has_some_ten_lines_and_links_that_lead_somewhere() -> None:
    for section in PAGE.split("\n## ")[1:]:
        if "\n### " in section:  # the walk-through, which is not of one graph
            continue
        prose = re.sub(r"```.*?```|^!.*?$", "", section, flags=re.S | re.M)
        lines = [line for line in prose.splitlines()[1:] if line.strip()]
        assert 7 <= len(lines) <= 14, section.partition("\n")[0]
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_the_ends_alone_are_replaced_in_what_the_gallery_shows() -> None:
    import yaml

    for shot in SHOTS:
        shipped = yaml.safe_load(showcase.shipped(shot.graph))["stages"]
        staged = yaml.safe_load(showcase.staged(shot))["stages"]
        assert {name for name in shipped if shipped[name] != staged[name]} == {shot.source, shot.last}
