"""Label sets and folders of pairs: what is complete is read, what is not is said in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgflow.errors import UsageError
from bgflow.train.data import Data
from bgflow.train.labelled import PLATE, Labelled, pairs, sets, split


def write(file: Path, level: int = 0, size: tuple[int, int] = (48, 64), half: bool = False) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), level, np.uint8)
    if half:
        pixels[:, : size[1] // 2] = 255
    Image.fromarray(pixels).save(file)
    return file


def labelled(folder: Path, count: int = 2) -> Path:
    """A set with its plate and so many labelled pictures."""
    write(folder / PLATE, 10)
    for k in range(count):
        write(folder / f"{k}.png", 50 + k)
        write(folder / f"{k}_mask.png", 0, half=True)
    return folder


def test_a_folder_of_sets_gives_a_group_a_set(tmp_path: Path) -> None:
    for n in (1, 2, 10):
        labelled(tmp_path / f"set{n}", n)
    assert [(g.name, len(g.labels)) for g in sets(tmp_path)] == [("set1", 1), ("set2", 2), ("set10", 10)]


def test_a_picture_that_is_not_labelled_yet_is_left_out(tmp_path: Path) -> None:
    write(labelled(tmp_path) / "7.png")
    assert [one.picture.name for one in sets(tmp_path)[0].labels] == ["0.png", "1.png"]


def test_a_sample_is_a_part_of_picture_plate_and_mask(tmp_path: Path) -> None:
    picture, plate, alpha = Labelled(sets(labelled(tmp_path, 1))).draw(np.random.default_rng(0), (24, 32), 0)
    assert plate is not None
    assert (picture == 50).all()
    assert (plate == 10).all()
    assert 0.2 < (alpha == 255).mean() < 0.8


def test_no_scene_is_on_both_sides_of_a_split(tmp_path: Path) -> None:
    for n in range(10):
        labelled(tmp_path / f"set{n}")
    train, judge = split(sets(tmp_path), 0.2, seed=3)
    assert len(judge) == 2
    assert not {g.name for g in train} & {g.name for g in judge}


def test_pictures_of_one_plate_are_one_scene(tmp_path: Path) -> None:
    for k in range(3):
        write(tmp_path / f"i/{k}.png", 50)
        write(tmp_path / f"m/{k}.png", half=True)
    plate = write(tmp_path / "plate.png", 10)
    assert [len(g.labels) for g in pairs(tmp_path / "i", tmp_path / "m", plate, True)] == [3]
    assert [len(g.labels) for g in pairs(tmp_path / "i", tmp_path / "m", None, False)] == [1, 1, 1]


def empty(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


def no_masks(folder: Path) -> None:
    write(folder / PLATE)
    write(folder / "0.png")


def no_picture(folder: Path) -> None:
    (labelled(folder) / "1.png").unlink()


def other_size(folder: Path) -> None:
    write(labelled(folder) / "1_mask.png", size=(24, 64))


def grey_mask(folder: Path) -> None:
    write(labelled(folder) / "1_mask.png", 127)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (empty, "{0}: holds no bkg.png, here or one folder below; capture a set first, with its plate"),
        (no_masks, "{0}: holds no *_mask.png; label its pictures first: bgflow label {0}"),
        (no_picture, "{0}/1_mask.png: its picture 1.png is not there; put it back"),
        (other_size, "{0}/1_mask.png: is 64x24, but 1.png is 64x48; one size is right"),
        (grey_mask, "{0}/1_mask.png: 100% of it is neither 0 nor 255; a mask is black, and white where somebody is"),
    ],
)
def test_what_is_wrong_with_a_set_is_one_line(tmp_path: Path, spoil: Callable[[Path], None], told: str) -> None:
    spoil(tmp_path)
    with pytest.raises(UsageError) as e:
        sets(tmp_path)
    assert str(e.value) == told.format(tmp_path)


def test_a_missing_plate_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "i/0.png")
    write(tmp_path / "m/0.png")
    with pytest.raises(UsageError, match="^--plates is missing: this recipe compares each picture with the plate"):
        pairs(tmp_path / "i", tmp_path / "m", None, wanted=True)


def test_a_missing_mask_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "i/0.png")
    write(tmp_path / "m/1.png")
    with pytest.raises(UsageError, match=r"i/0.png: has no mask 0.png in .*m; add it, or remove the picture$"):
        pairs(tmp_path / "i", tmp_path / "m", None, wanted=False)


def test_one_scene_alone_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is the only scene, and one must be kept to judge by"):
        split(sets(labelled(tmp_path)), 0.2, seed=0)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (Data(), "there is nothing to train on; give --synth, --sets DIR, or --images DIR and --masks DIR"),
        (Data(images=Path("a")), "--images needs --masks: pictures and their masks go together"),
        (Data(cutouts=Path("a")), "--cutouts needs --backgrounds: a composite is made of both"),
        (Data(sets=(Path("a"),)), "a: there is no such folder"),
    ],
)
def test_data_that_are_not_there_are_one_line(data: Data, told: str) -> None:
    pytest.importorskip("torch")
    from bgflow.train.recipe import recipe

    with pytest.raises(UsageError) as e:
        data.materials(recipe("plate"), 0)
    assert str(e.value) == told
