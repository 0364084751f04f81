"""Which files are pictures to label, and how the command line says that there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgflow.errors import UsageError
from bgflow.label.pictureset import PictureSet, Stale
from tests.commandline import bgflow
from tests.label.sets import H, W, disc, picture_set


def test_pictures_are_in_the_order_of_their_numbers_without_plate_masks_and_hidden_files(tmp_path: Path) -> None:
    picture_set(tmp_path, "10.png", "2.jpg", "1.png", "1_mask.png", "2_trimap.png", ".hidden.png")
    (tmp_path / "notes.txt").write_text("no picture")
    assert [entry.name for entry in PictureSet(tmp_path).look()] == ["1.png", "2.jpg", "10.png"]


def test_a_picture_that_comes_later_is_found(tmp_path: Path) -> None:
    pictures = PictureSet(picture_set(tmp_path, "0.png"))
    picture_set(tmp_path, "1.png")
    assert [entry.name for entry in pictures.look()] == ["0.png", "1.png"]


def test_states_are_unlabelled_draft_done_and_empty(tmp_path: Path) -> None:
    pictures = PictureSet(picture_set(tmp_path))
    zero, one, two = pictures.look()
    pictures.save(zero, disc(), "")
    pictures.save(one, np.zeros((H, W), np.uint8), "")
    assert [pictures.state(it) for it in (zero, one, two)] == ["done", "empty", ""]
    pictures.keep(two, disc(), "", "")
    assert pictures.state(two) == "draft"


def test_a_draft_is_what_was_kept_and_goes_when_its_label_is_saved(tmp_path: Path) -> None:
    pictures = PictureSet(picture_set(tmp_path))
    (entry, *_) = pictures.look()
    base = pictures.save(entry, disc(), "")
    pictures.keep(entry, 255 - disc(), base, "")
    again = PictureSet(tmp_path)  # as after a crash
    found = again.draft(entry)
    assert found is not None
    assert np.array_equal(found[0], 255 - disc())
    assert found[2] == base
    again.save(entry, found[0], found[2])
    assert again.draft(entry) is None
    assert not (tmp_path / ".drafts").exists()


def test_a_label_that_has_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    pictures = PictureSet(picture_set(tmp_path))
    (entry, *_) = pictures.look()
    base = pictures.save(entry, disc(), "")
    Image.fromarray(255 - disc()).save(entry.mask)
    with pytest.raises(Stale, match=r"0_mask\.png was changed meanwhile, in another window or by another program"):
        pictures.save(entry, disc(), base)
    assert np.array_equal(np.asarray(Image.open(entry.mask)), 255 - disc())


def test_of_two_windows_that_draw_on_one_picture_the_later_is_refused(tmp_path: Path) -> None:
    pictures = PictureSet(picture_set(tmp_path))
    (entry, *_) = pictures.look()
    pictures.keep(entry, disc(), "", "")
    for do in (lambda: pictures.keep(entry, 255 - disc(), "", ""), lambda: pictures.discard(entry, "")):
        with pytest.raises(Stale, match=r"another window draws on 0\.png"):
            do()
    found = pictures.draft(entry)
    assert found is not None
    assert np.array_equal(found[0], disc())


def test_a_trimap_goes_when_nothing_is_unknown_any_more(tmp_path: Path) -> None:
    pictures = PictureSet(picture_set(tmp_path))
    (entry, *_) = pictures.look()
    doubtful = disc()
    doubtful[:3] = 127
    base = pictures.save(entry, doubtful, "")
    assert entry.trimap.is_file()
    pictures.save(entry, disc(), base)
    assert not entry.trimap.exists()


def test_a_damaged_picture_is_listed_with_its_fault(tmp_path: Path) -> None:
    picture_set(tmp_path, "0.png")
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert [entry.fault for entry in PictureSet(tmp_path).look()] == ["", "1.png: is no picture that can be read"]


def test_two_pictures_that_would_share_a_mask_are_refused(tmp_path: Path) -> None:
    picture_set(tmp_path, "1.jpg", "1.png")
    with pytest.raises(UsageError, match=r"1\.jpg and 1\.png would share 1_mask\.png; rename one of them"):
        PictureSet(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture_set(tmp_path)

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(UsageError, match="masks cannot be written here: permission denied"):
        PictureSet(tmp_path)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda it: None, "no such folder"),
        (lambda it: it.mkdir(), "holds no picture to label; pictures end in "),
        (lambda it: it.write_text("x"), "is a file; give its folder"),
    ],
)
def test_a_folder_that_cannot_be_labelled_is_one_line_and_exit_code_2(tmp_path: Path, make: object, text: str) -> None:
    folder = tmp_path / "set3"
    make(folder)  # type: ignore[operator]
    told = bgflow("label", folder, "--no-browser", "--port", 0)
    assert told.code == 2
    assert told.err.count("\n") == 1
    assert f"{folder}: {text}" in told.err


def test_plate_pre_labels_without_a_plate_are_refused(tmp_path: Path) -> None:
    folder = picture_set(tmp_path / "set3", plate=False)
    told = bgflow("label", folder, "--no-browser", "--port", 0, "--prelabel", "plate")
    assert told.code == 2
    assert told.err == f"{folder}: has no bkg.png, a picture of the empty scene; --prelabel net wants none\n"
