"""A background model goes into a file and comes out as it was, and no other file does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.errors import MediaError, ModelError, UsageError
from bgflow.stages.mog import Mask, Running
from bgflow.testing import opened
from tests.stages.test_mog import both, model, scene, still


@both
@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_a_saved_model_goes_on_as_if_it_had_never_stopped(kind: Any, on: str, tmp_path: Path) -> None:
    path = str(tmp_path / "night.npz")
    frames = [image for image, _ in scene(50, shadow=0.4, noise=3.0, subjects=2)]
    with opened(kind(), on) as unbroken:
        want = [{k: v.copy() for k, v in unbroken(image=image).items()} for image in frames][30:]
    with opened(kind(save=path), on) as mask:
        for image in frames[:30]:
            mask(image=image)
    with opened(kind(load=path), on) as mask:
        assert model(mask).age == 30
        for image, out in zip(frames[30:], want, strict=True):
            got = mask(image=image)
            np.testing.assert_array_equal(got["label"], out["label"])
            np.testing.assert_array_equal(got["plate"], out["plate"])


def test_a_mixture_that_is_loaded_with_fewer_modes_keeps_the_heaviest(tmp_path: Path) -> None:
    path = str(tmp_path / "m.npz")
    with opened(Mask(save=path)) as mask:
        for value in [60] * 20 + [160] * 5 + [60]:
            mask(image=still(value))
    with opened(Mask(load=path, n_mixtures=1)) as mask:
        out = mask(image=still(60))
    assert not out["label"].any()
    assert (out["plate"] == 60).all()


def saved(path: Path, kind: Any = Mask) -> str:
    with opened(kind(save=str(path))) as mask:
        mask(image=still())
    return str(path)


def changed(path: Path, **values: Any) -> None:
    with np.load(path) as file:
        planes = {**file, **values}
    np.savez(path, **planes)


def test_a_file_for_another_size_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.npz")
    with opened(Mask(load=path)) as mask, pytest.raises(ModelError, match="holds a background of 13x9, but .* is 6x5"):
        mask(image=still(1, 5, 6))


def test_a_file_of_the_other_model_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.npz", Running)
    with (
        pytest.raises(ModelError, match="holds a background of mog.running, but this is mog.mask"),
        opened(Mask(load=path)),
    ):
        pass


@both
@pytest.mark.parametrize(
    "values",
    [
        {"size": [9, 14]},
        {"size": 9},
        {"age": "young"},
        {"var": np.full((9, 13), np.nan, np.float32)},
        {"mean": np.zeros((1, 9, 13, 3))},
        {"mean": np.zeros(3, np.float32)},
    ],
    ids=str,
)
def test_a_damaged_file_is_refused(kind: Any, values: dict[str, Any], tmp_path: Path) -> None:
    path = saved(tmp_path / "m.npz", kind)
    changed(tmp_path / "m.npz", **values)
    with pytest.raises(ModelError, match="m.npz: is no background that bgflow saved"), opened(kind(load=path)):
        pass


@pytest.mark.parametrize(
    "values", [{"modes": np.full((9, 13), 9, np.uint8)}, {"weight": np.ones((1, 9, 12), np.float32)}], ids=str
)
def test_a_mixture_whose_planes_do_not_belong_together_is_refused(values: dict[str, Any], tmp_path: Path) -> None:
    path = saved(tmp_path / "m.npz")
    changed(tmp_path / "m.npz", **values)
    with pytest.raises(ModelError, match="is no background that bgflow saved"), opened(Mask(load=path)):
        pass


def test_a_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.npz")
    changed(tmp_path / "m.npz", version=2)
    with pytest.raises(ModelError, match="has format 2, but this bgflow reads 1"), opened(Mask(load=path)):
        pass


@pytest.mark.parametrize("content", [b"", b"not a model\n", b"PK\x03\x04 cut off", b"\x93NUMPY\x01\x00v\x00"], ids=repr)
def test_a_file_that_is_no_model_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="m.npz: ") as failure, opened(Mask(load=str(path))):
        pass
    assert "\n" not in str(failure.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match=r"gone.npz: the background cannot be loaded: No such file"),
        opened(Mask(load=str(tmp_path / "gone.npz"))),
    ):
        pass


def test_a_folder_that_does_not_exist_is_noticed_before_the_first_frame(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="its folder does not exist"), opened(Mask(save=str(tmp_path / "no/m.npz"))):
        pass


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "m.npz").mkdir()
    with opened(Mask()) as mask:
        mask(image=still())
        with pytest.raises(MediaError, match="cannot be saved"):
            model(mask).save(str(tmp_path / "m.npz"))
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_nothing_is_saved_when_no_frame_came(tmp_path: Path) -> None:
    with opened(Mask(save=str(tmp_path / "m.npz"))):
        pass
    assert not list(tmp_path.iterdir())
