"""Labels on their way to mask files and back."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bgflow.errors import MediaError, UsageError
from bgflow.label import mask
from tests.label.sets import png

LABELS = arrays(
    np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.sampled_from([0, 127, 128, 255])
)


@given(LABELS)
def test_a_label_comes_back_from_its_files_to_the_bit(label: mask.Label) -> None:
    sent = mask.received(png(label), label.shape, "1.png")
    made, trimap = mask.split(sent)
    kept = [None if it is None else mask.received(mask.png(it), it.shape, "") for it in (made, trimap)]
    assert kept[0] is not None
    assert np.array_equal(mask.joined(kept[0], kept[1]), label)


@given(LABELS)
def test_a_mask_is_0_or_255_and_a_trimap_0_128_or_255_and_there_only_where_something_is_unknown(
    label: mask.Label,
) -> None:
    made, trimap = mask.split(label)
    assert set(np.unique(made)) <= {0, 255}
    unknown = (label == 127) | (label == 128)
    assert (trimap is not None) == unknown.any()
    if trimap is not None:
        assert np.array_equal(trimap == 128, unknown)
        assert np.array_equal(trimap[~unknown], made[~unknown])


BAD: list[tuple[bytes, str]] = [
    (png(np.zeros((4, 6), np.uint8)), "the label is 6x4, but 1.png is 4x4"),
    (png(np.full((4, 4), 13, np.uint8)), "the label has the value 13; it may have 0, 127, 128 and 255"),
    (png(np.zeros((4, 4, 4), np.uint8)), "the label has mode RGBA, but one channel of 8 bits is wanted"),
    (b"GIF89a", "the label is no PNG that can be read"),
    (png(np.zeros((4, 4), np.uint8))[:40], "the label is no PNG that can be read"),
    (b"", "the label is no PNG that can be read"),
]


@pytest.mark.parametrize(("data", "text"), BAD)
def test_what_is_no_label_of_the_picture_is_refused_in_one_line(data: bytes, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        mask.received(data, (4, 4), "1.png")


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "1_mask.png"
    mask.write(file, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        MediaError, match=r"1_mask\.png: cannot be written: no space left on device; the file is as it was"
    ):
        mask.write(file, b"after")
    assert file.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["1_mask.png"]


def test_the_version_changes_with_every_write_even_of_the_same_bytes(tmp_path: Path) -> None:
    file = tmp_path / "1_mask.png"
    seen = [mask.version(file)]
    for _ in range(5):
        mask.write(file, b"same")
        seen.append(mask.version(file))
    assert seen[0] == ""
    assert all(a != b for a, b in itertools.pairwise(seen))


@pytest.mark.parametrize(("level", "side"), [(100, 0), (127, 0), (128, 255), (254, 255)])
def test_greys_of_a_foreign_mask_go_to_the_nearer_side(level: int, side: int) -> None:
    found: Any = mask.joined(np.full((2, 2), level, np.uint8), None)
    assert (found == side).all()
