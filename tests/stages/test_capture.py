"""Picture sets: the plate, the pictures, and what lies beside them."""

from __future__ import annotations

import hashlib
import json
import resource
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.errors import UsageError
from bgflow.media.pictures import read
from bgflow.media.sets import PictureSet
from bgflow.stages.capture import Sets
from bgflow.testing import Opened, opened

H, W = 48, 64
MS = Fraction(1, 1000)
ROOM = np.random.default_rng(3).integers(40, 200, (H, W, 3), np.uint8)


class Film:
    """Feeds a stage at ten frames a second, and asks it for actions."""

    def __init__(self, it: Opened):
        self.it, self.ms = it, 0

    def run(self, seconds: float, image: np.ndarray[Any, Any] = ROOM) -> list[Any]:
        made = []
        for _ in range(round(seconds * 10)):
            self.it.ctx.controls.apply("sets")
            made.append(self.it(pts=self.ms, time_base=MS, image=image))
            self.ms += 100
        return [m for m in made if "plate" in m]

    def ask(self, action: str) -> str:
        """Ask, and give the answer or the refusal."""
        asked = self.it.ctx.controls.act(f"sets.{action}")
        self.it.ctx.controls.apply("sets")
        return str(asked.exception(0) or asked.result(0).message)

    def told(self) -> list[str]:
        return [n.text for n in self.it.ctx.controls.news.after(0)]


def sets(path: Path, **params: Any) -> Sets:
    return Sets(path=str(path), countdown=1, delay=0.5, seconds=0.5, samples=5, camera="test card", **params)


def manifest(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return about


def test_the_plate_is_taken_on_another_device_too(tmp_path: Path) -> None:
    with opened(sets(tmp_path), "fake") as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(2)
        film.ask("save")
        film.run(1, ROOM // 2)
    np.testing.assert_array_equal(read(tmp_path / "set1/bkg.png"), ROOM)
    np.testing.assert_array_equal(read(tmp_path / "set1/0.png"), ROOM // 2)


def test_the_plate_comes_after_the_countdown_into_a_new_set(tmp_path: Path) -> None:
    with opened(sets(tmp_path / "images")) as it:
        film = Film(it)
        film.run(0.5)
        assert film.ask("plate") == "plate in 1 s"
        film.run(1.4)
        assert not (tmp_path / "images").exists()
        [made] = film.run(1)
    np.testing.assert_array_equal(made["plate"], ROOM)
    np.testing.assert_array_equal(read(tmp_path / "images/set1/bkg.png"), ROOM)


def test_the_picture_goes_on_as_it_came(tmp_path: Path) -> None:
    with opened(sets(tmp_path)) as it:
        assert it(image=ROOM)["out"] is ROOM


def test_whoever_walks_through_is_not_in_the_plate(tmp_path: Path) -> None:
    with opened(Sets(path=str(tmp_path), countdown=0, seconds=3, samples=9)) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        for n in range(34):
            image = ROOM.copy()
            image[:, 2 * n : 2 * n + 8] = 255
            film.run(0.1, image)
    np.testing.assert_array_equal(read(tmp_path / "set1/bkg.png"), ROOM)


def test_pictures_are_numbered_from_zero_and_are_those_that_came_in(tmp_path: Path) -> None:
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(2)
        for n in range(2):
            assert film.ask("save") == "picture in 0.5 s"
            film.run(1, ROOM // 2 + n)
    for n in range(2):
        np.testing.assert_array_equal(read(tmp_path / f"set1/{n}.png"), ROOM // 2 + n)
    assert sorted(p.name for p in (tmp_path / "set1").iterdir()) == ["0.png", "1.png", "bkg.png", "manifest.json"]


def test_nothing_is_saved_before_the_first_background_of_this_run(tmp_path: Path) -> None:
    (tmp_path / "set4").mkdir()
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.run(0.1)
        assert film.ask("save") == "there is no background yet: press Bkg first, and leave the picture"
        film.run(1)
    assert list((tmp_path / "set4").iterdir()) == []


def test_a_second_request_during_a_countdown_is_refused(tmp_path: Path) -> None:
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(0.5)
        assert film.ask("plate") == "it is busy; wait until the countdown is over"
        film.run(2)
    assert [p.name for p in tmp_path.iterdir()] == ["set1"]


def test_a_countdown_that_is_asked_for_while_the_camera_rests_begins_with_its_next_picture(tmp_path: Path) -> None:
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.ms += 60_000
        film.run(0.9)
        assert not film.run(0.1)
        assert "Taking the background: stay out" not in film.told()
        film.run(1)
    assert (tmp_path / "set1/bkg.png").is_file()


def test_a_countdown_goes_on_when_the_streams_time_begins_anew(tmp_path: Path) -> None:
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.ms = 500_000
        film.run(0.1)
        film.ask("plate")
        film.run(0.5)
        film.ms = 0
        film.run(2)
    assert (tmp_path / "set1/bkg.png").is_file()


def test_a_picture_of_another_size_than_the_background_is_refused(tmp_path: Path) -> None:
    small = np.ascontiguousarray(ROOM[::2, ::2])
    said = f"pictures are {W // 2}x{H // 2} now, and the background is {W}x{H}: press Bkg again"
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(2)
        film.ask("save")
        film.run(1, small)  # it changes during the countdown
        assert film.told()[-1] == said
        assert film.ask("save") == said
        film.run(0.1)
        assert film.ask("save") == "picture in 0.5 s"
    assert [p.name for p in (tmp_path / "set1").glob("[0-9]*.png")] == []


def test_a_background_that_cannot_be_written_leaves_no_set_behind(tmp_path: Path) -> None:
    with opened(sets(tmp_path / "images")) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            film.run(2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert film.told()[-1].endswith("bkg.png: cannot be written: file too large")
        assert film.ask("save").startswith("there is no background yet")
    assert list((tmp_path / "images").iterdir()) == []


def test_the_countdown_is_told_second_by_second(tmp_path: Path) -> None:
    with opened(Sets(path=str(tmp_path), countdown=3, seconds=0.5, samples=5)) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(5)
        told = film.told()
    assert told[1:4] == [f"Background in {n}: leave the picture" for n in (3, 2, 1)]
    assert told[-1].startswith("Saved set1/bkg.png, quality ")


def test_every_background_begins_a_new_set_beyond_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "set7").mkdir()
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.run(0.1)
        for _ in range(2):
            film.ask("plate")
            film.run(2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set7", "set8", "set9"]


def test_many_runs_that_make_sets_at_once_each_get_their_own(tmp_path: Path) -> None:
    start, made = threading.Barrier(8), []

    def make() -> None:
        start.wait()
        made.extend(PictureSet(str(tmp_path), "", "").folder.name for _ in range(20))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(f"set{n}" for n in range(1, 161))


def test_the_manifest_has_size_camera_exposure_hashes_and_consent(tmp_path: Path) -> None:
    with opened(sets(tmp_path, consent="A. B., 2026-01-05: training")) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(2)
        film.ask("save")
        person = (ROOM * 1.25).astype(np.uint8)
        person[:, :20] = 0
        film.run(1, person)
    about = manifest(tmp_path / "set1")
    assert (about["set"], about["size"], about["device"]["camera"]) == ("set1", [W, H], "test card")
    assert about["consent"] == "A. B., 2026-01-05: training"
    assert list(about["files"]) == ["bkg.png", "0.png"]
    for name, file in about["files"].items():
        assert file["sha256"] == hashlib.sha256((tmp_path / "set1" / name).read_bytes()).hexdigest()
    assert about["files"]["bkg.png"]["quality"] > 0.9
    assert np.abs(np.array(about["files"]["0.png"]["gain"]) - 1.25).max() < 0.01


def test_without_a_note_the_manifest_says_that_nothing_may_be_done(tmp_path: Path) -> None:
    folder = PictureSet(str(tmp_path), "", Sets().consent)
    folder.add_plate(ROOM, 1.0, 0.0)
    assert manifest(folder.folder)["consent"].startswith("none given: nothing may be done with these pictures until ")


def test_a_folder_that_cannot_be_written_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file")
    with opened(sets(tmp_path / "images")) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(2)
        told = film.told()
        assert film.ask("save").startswith("there is no background yet")
    assert told[-1] == f"{tmp_path}/images: no set can be made there: file exists"


def test_the_wrong_kind_of_request_names_the_actions() -> None:
    with opened(Sets()) as it:
        asked = it.ctx.controls.act("sets.snap")
        with pytest.raises(ValueError, match=r"^sets has no action 'snap'; there are plate, save$"):
            asked.result(0)


def test_a_run_that_ends_in_a_countdown_warns(tmp_path: Path) -> None:
    with opened(sets(tmp_path)) as it:
        film = Film(it)
        film.run(0.1)
        film.ask("plate")
        film.run(0.3)
        ctx = it.ctx
    assert ctx.warnings == ["the run ended before the countdown was over; nothing was saved then"]


def test_refusals_are_usage_errors() -> None:
    with opened(Sets()) as it, pytest.raises(UsageError):
        it.stage.save()  # type: ignore[attr-defined]
