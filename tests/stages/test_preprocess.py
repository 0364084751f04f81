"""Pictures come into shape the same way on every device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.devices import device, to_host
from bgflow.errors import BgflowError
from bgflow.frame import Pool
from bgflow.kernels import flip
from bgflow.stages import preprocess
from bgflow.testing import opened, run_stage
from tests.kernels.test_flip import BACK, EXPECTED
from tests.kernels.test_yuv import difference, smooth

devices = pytest.mark.parametrize("on", ["cpu", "fake"])


def picture(h: int, w: int) -> Any:
    return np.random.default_rng(h * w).integers(0, 256, (h, w, 3), np.uint8)


def halves(h: int, w: int) -> Any:
    """Red on the left, blue on the right."""
    image = np.zeros((h, w, 3), np.uint8)
    image[:, : w // 2] = (255, 0, 0)
    image[:, w // 2 :] = (0, 0, 255)
    return image


@devices
@pytest.mark.parametrize("filter", ["area", "linear", "point"])
@pytest.mark.parametrize("fit", ["stretch", "contain", "cover"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (31, 97), (1, 1)])
def test_a_resized_picture_has_the_size_that_was_asked_for(
    on: str, filter: Any, fit: Any, width: int, height: int
) -> None:
    stage = preprocess.Resize(width=width, height=height, filter=filter, fit=fit)
    assert run_stage(stage, on, image=picture(33, 47)).shape == (height, width, 3)


def test_stretch_keeps_all_of_the_picture() -> None:
    out = run_stage(preprocess.Resize(width=20, height=40, filter="point"), image=halves(10, 40))
    np.testing.assert_array_equal(out, halves(40, 20))


@pytest.mark.parametrize(("width", "height", "inside"), [(40, 40, np.s_[15:25, :]), (80, 10, np.s_[:, 20:60])])
def test_contain_shows_all_of_the_picture_between_black_bars(width: int, height: int, inside: Any) -> None:
    image = halves(10, 40)
    image[image == 0] = 9
    out = run_stage(preprocess.Resize(width=width, height=height, fit="contain", filter="point"), image=image)
    np.testing.assert_array_equal(out[inside], image)
    out = out.copy()
    out[inside] = 0
    assert not out.any()


def test_cover_fills_the_size_and_cuts_both_sides_alike() -> None:
    out = run_stage(preprocess.Resize(width=10, height=10, fit="cover", filter="point"), image=halves(10, 40))
    np.testing.assert_array_equal(out, halves(10, 10))


@devices
@pytest.mark.parametrize("way", flip.WAYS)
def test_a_flipped_picture_is_what_the_way_says(on: str, way: Any) -> None:
    image = picture(33, 47)
    np.testing.assert_array_equal(run_stage(preprocess.Flip(way=way), on, image=image), EXPECTED[way](image))


@given(way=st.sampled_from(list(flip.WAYS)), h=st.integers(1, 20), w=st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_flipping_there_and_back_changes_nothing(way: Any, h: int, w: int) -> None:
    image = picture(h, w)
    there = run_stage(preprocess.Flip(way=way), image=image)
    np.testing.assert_array_equal(run_stage(preprocess.Flip(way=BACK.get(way, way)), image=there), image)


@pytest.mark.parametrize("way", flip.WAYS)
def test_a_flip_that_turns_says_so_in_its_port(way: Any) -> None:
    turned = EXPECTED[way](np.empty((2, 3, 3))).shape[0] == 3
    assert preprocess.Flip(way=way).outputs["out"].type == ("u8[w,h,3] rgb" if turned else "u8[h,w,3] rgb")


@devices
def test_a_crop_takes_pixels_and_fractions(on: str) -> None:
    image = picture(40, 60)
    out = run_stage(preprocess.Crop(left=7, right=0.1, top=0.25, bottom=1), on, image=image)
    np.testing.assert_array_equal(out, image[10:39, 7:54])


def test_a_crop_of_nothing_keeps_all() -> None:
    image = picture(5, 7)
    np.testing.assert_array_equal(run_stage(preprocess.Crop(), image=image), image)


def test_a_crop_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(BgflowError) as e:
        run_stage(preprocess.Crop(left=40, right=0.5), image=picture(40, 60))
    assert str(e.value) == "preprocess.crop: left 40 and right 30 leave nothing of 60 columns; cut away less"


def test_fractions_that_leave_nothing_are_found_before_the_start() -> None:
    assert list(preprocess.Crop(left=0.9, right=0.05).problems()) == []
    assert list(preprocess.Crop(top=0.5, bottom=0.5).problems()) == [
        ("bottom", "top 0.5 and bottom 0.5 leave nothing; together they must be below 1")
    ]


@devices
@pytest.mark.parametrize("passes", [1, 2, 3])
def test_each_pass_takes_more_noise_away(on: str, passes: int) -> None:
    noise = np.random.default_rng(1).normal(128, 6, (60, 80, 3)).round().astype(np.uint8)
    out = run_stage(preprocess.Denoise(noise=6, passes=passes), on, image=noise)
    less = run_stage(preprocess.Denoise(noise=6, passes=passes + 1), on, image=noise)
    assert less.std() < out.std() < noise.std() / 1.8


def test_the_input_of_the_denoiser_stays_as_it_is() -> None:
    image = picture(20, 30)
    before = image.copy()
    run_stage(preprocess.Denoise(passes=4), image=image)
    np.testing.assert_array_equal(image, before)


@devices
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["auto", "bt601", "bt709", "bt2020"])
@pytest.mark.parametrize(("h", "w"), [(48, 64), (33, 64), (720, 4)])
def test_nv12_there_and_back_gives_the_picture(on: str, matrix: Any, full: bool, h: int, w: int) -> None:
    image = smooth(h, w)
    nv12 = run_stage(preprocess.Nv12(matrix=matrix, full=full), on, image=image)
    assert nv12.shape == (h + (h + 1) // 2, w)
    back = run_stage(preprocess.Rgb(matrix=matrix, full=full), on, nv12=nv12)
    assert difference(back, image).mean() <= 2


def test_an_odd_width_is_padded_in_nv12() -> None:
    nv12 = run_stage(preprocess.Nv12(), image=np.full((5, 7, 3), 255, np.uint8))
    assert nv12.shape == (8, 8)
    assert (nv12[:5] == 235).all()
    assert (nv12[5:] == 128).all()


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (preprocess.Resize, {"width": 0, "height": 5}),
        (preprocess.Resize, {"width": 5}),
        (preprocess.Flip, {"way": "sideways"}),
        (preprocess.Crop, {"left": -1}),
        (preprocess.Denoise, {"noise": 0}),
        (preprocess.Nv12, {"matrix": "bt470"}),
    ],
)
def test_a_parameter_out_of_range_is_refused(make: Any, wrong: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        make(**wrong)


def test_no_frame_is_allocated_after_the_first() -> None:
    with opened(preprocess.Denoise(passes=2)) as stage:
        for _ in range(5):
            stage(image=picture(20, 30))
        assert [pool.late_allocations for pool in stage.ctx._pools.values()] == [0]


def stages() -> list[Any]:
    made = [preprocess.Resize(width=20, height=30, fit=fit) for fit in ("stretch", "contain", "cover")]
    return [
        *made,
        preprocess.Flip(way="clockwise"),
        preprocess.Crop(left=3, top=0.1),
        preprocess.Denoise(passes=2),
        preprocess.Nv12(),
        preprocess.Rgb(),
    ]


@pytest.mark.parametrize("stage", stages(), ids=lambda s: f"{s.use} {s.params.model_dump(exclude_defaults=True)}")
def test_what_was_captured_gives_the_next_picture_as_the_stage_itself(stage: Any) -> None:
    rng = np.random.default_rng(0)
    shape = (72, 64) if stage.use == "preprocess.rgb" else (48, 64, 3)
    first, second = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    fake = device("fake")
    with opened(stage, "fake") as it:
        it(**dict.fromkeys(stage.inputs, first))  # tells the stage's context the sizes
        given = Pool(fake, first.shape, np.uint8).take()
        assert stage.launches() is not None
        with fake.capture() as recording:
            out = stage.process(given)
        fake.upload(second, given)
        recording.replay()
        np.testing.assert_array_equal(to_host(out), run_stage(stage, "cpu", **dict.fromkeys(stage.inputs, second)))
