"""Backgrounds are found by their text, fitted to any size, and videos play on the stream's clock."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bgflow.errors import MediaError, UsageError
from bgflow.media.background import Colour, Moving, colour, fit, gallery, load, problem, render
from bgflow.media.clip import Clip
from tests import media


def picture(text: Any, time: float = 0, h: int = 40, w: int = 60) -> np.ndarray[Any, Any]:
    found = load(str(text))
    assert not isinstance(found, Colour)
    return found.picture(Fraction(time), h, w)


def halves(path: Path, mode: str = "RGB", **save: Any) -> Path:
    """A picture that is red on its left and blue on its right, 40 high and 60 wide."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, :30], image[:, 30:] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(image).convert(mode).save(path, **save)
    return path


def steps(path: Path, frames: int = 10) -> Path:
    """A clip of ten grey pictures a second, each 20 levels brighter than the one before."""
    pictures = [np.full((48, 64, 3), 20 * i + 30, np.uint8) for i in range(frames)]
    media.clip(path, frames=frames, pts=[9000 * i for i in range(frames)], pictures=pictures)
    return path


def shown(clip: Moving, time: float | Fraction) -> int:
    """Which picture of `steps` the clip shows."""
    return round((float(clip.picture(Fraction(time), 1, 1).mean()) - 30) / 20)


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("#00b140", (0, 177, 64)),
        ("green", (0, 128, 0)),
        (" Black ", (0, 0, 0)),
        ("rgb(0,177,64)", (0, 177, 64)),
        ("#fff", (255, 255, 255)),
        ("hsl(0, 100%, 50%)", (255, 0, 0)),
    ],
)
def test_colours_are_written_as_in_css(text: str, rgb: tuple[int, int, int]) -> None:
    assert colour(text) == load(text) == rgb


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gallery:dask", "the gallery has no 'dask'; did you mean gallery:dusk?"),
        ("gallery:", "the gallery has no ''; there are " + ", ".join(gallery())),
        ("#00b14", "'#00b14' is no colour; write '#rrggbb', such as '#00b140'"),
        (
            "rtsp://camera/1",
            "'rtsp://camera/1' is an address; give it to a source of its own and wire that to the input 'behind'",
        ),
        ("", "it is empty; give a colour such as '#00b140', a picture, a video, or gallery:NAME"),
    ],
)
def test_what_the_text_alone_tells_to_be_wrong_is_told_without_touching_a_file(text: str, message: str) -> None:
    assert problem(text) == message
    with pytest.raises(UsageError) as e:
        load(text)
    assert str(e.value) == f"background: {message}"


@pytest.mark.parametrize("text", ["#00b140", "beach.jpg", "gallery:mist", "teal"])
def test_a_background_that_may_be_right_is_no_problem(text: str) -> None:
    assert problem(text) is None


def test_a_missing_file_is_one_line_with_the_near_name(tmp_path: Path) -> None:
    halves(tmp_path / "beach.png")
    with pytest.raises(UsageError) as e:
        load(str(tmp_path / "baech.png"))
    assert str(e.value) == (
        f"background: {tmp_path}/baech.png is no colour, and there is no such file; "
        f"did you mean '{tmp_path}/beach.png'?"
    )


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("gren", "did you mean 'green'?"),
        ("dusk", "did you mean 'gallery:dusk'?"),
        ("qqqq.xyz", "give a colour such as '#00b140', a picture, a video, or gallery:NAME"),
    ],
)
def test_a_word_that_is_nothing_gets_a_hint(text: str, hint: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as e:
        load(text)
    assert str(e.value) == f"background: {text} is no colour, and there is no such file; {hint}"


def test_a_folder_is_no_background(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; wire an images.source to the input 'behind' instead"):
        load(str(tmp_path))


@pytest.mark.parametrize("name", ["broken.png", "broken.mp4", "broken"])
def test_a_file_that_is_neither_picture_nor_video_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x00\x01\x02 this is nothing" * 20)
    with pytest.raises(MediaError) as e:
        load(str(path))
    assert str(e.value).startswith(f"{path}: ")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("mode", ["RGB", "P", "CMYK"])
def test_pictures_of_any_mode_become_rgb(mode: str, tmp_path: Path) -> None:
    path = halves(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), mode)
    assert picture(path)[5, [2, 57]].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    path = halves(tmp_path / "a.png", exif=exif)
    assert picture(path).shape == (60, 40, 3)
    assert picture(path)[2, 5].tolist() == [255, 0, 0]


@pytest.mark.parametrize("how", ["cover", "contain", "stretch", "tile"])
@settings(deadline=None, max_examples=30)
@given(
    m=st.integers(1, 60),
    n=st.integers(1, 60),
    h=st.integers(1, 60),
    w=st.integers(1, 60),
    rgb=st.tuples(*[st.integers(1, 255)] * 3),
)
def test_fitting_fills_every_pixel_at_any_size(how: Any, m: int, n: int, h: int, w: int, rgb: Any) -> None:
    out = np.full((h, w, 3), 77, np.uint8)
    fit(np.full((m, n, 3), rgb, np.uint8), out, how)
    same = (out == rgb).all(-1)
    black = (out == 0).all(-1)
    assert (same | black).all() if how == "contain" else same.all()
    assert same.any()


def test_cover_cuts_the_sides_evenly_and_keeps_proportions() -> None:
    source = np.zeros((40, 80, 3), np.uint8)
    source[:, 20:60] = 200
    out = np.zeros((20, 20, 3), np.uint8)
    fit(source, out, "cover")
    assert (out == 200).all()


def test_contain_shows_all_between_black_bars() -> None:
    out = np.full((40, 40, 3), 9, np.uint8)
    fit(np.full((20, 40, 3), 200, np.uint8), out, "contain")
    assert (out[10:30] == 200).all()
    assert not out[:10].any()
    assert not out[30:].any()


def test_stretch_uses_the_whole_picture() -> None:
    source = np.zeros((40, 80, 3), np.uint8)
    source[:, 40:] = 200
    out = np.zeros((20, 20, 3), np.uint8)
    fit(source, out, "stretch")
    assert not out[:, :10].any()
    assert (out[:, 10:] == 200).all()


def test_tile_repeats_the_picture_in_its_own_size() -> None:
    source = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    out = np.zeros((20, 20, 3), np.uint8)
    fit(source, out, "tile")
    np.testing.assert_array_equal(out, np.tile(source, (3, 3, 1))[:20, :20])


def test_a_video_shows_the_newest_picture_at_or_before_the_instant(tmp_path: Path) -> None:
    clip = Clip(steps(tmp_path / "a.mp4"))
    times = ["100", "100.05", "100.0999", "100.1", "100.15", "100.45"]
    assert [shown(clip, Fraction(t)) for t in times] == [0, 0, 0, 1, 1, 4]
    clip.close()


def test_a_video_that_did_not_advance_gives_the_same_object_and_one_that_did_another(tmp_path: Path) -> None:
    clip = Clip(steps(tmp_path / "a.mp4"))
    first = clip.picture(Fraction(0), 1, 1)
    assert clip.picture(Fraction(1, 20), 1, 1) is first
    second = clip.picture(Fraction(1, 10), 1, 1)
    assert second is not first
    assert clip.picture(Fraction(2, 10), 1, 1) is not second
    clip.close()


def test_a_video_plays_for_ever(tmp_path: Path) -> None:
    clip = Clip(steps(tmp_path / "a.mp4"))
    seen = [k for k, _ in itertools.groupby(shown(clip, Fraction(n, 40)) for n in range(100))]
    assert seen[:25] == [*range(10), *range(10), *range(5)]
    clip.close()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_leap_in_time_lands_where_playing_would_have_come(name: str, tmp_path: Path) -> None:
    steps(tmp_path / name)
    patient, hasty = Clip(tmp_path / name), Clip(tmp_path / name)
    want = [shown(patient, Fraction(n, 20)) for n in range(220)]
    leaps = (0, 5, 70, 75, 140, 219)
    assert [shown(hasty, Fraction(n, 20)) for n in leaps] == [want[n] for n in leaps]
    patient.close()
    hasty.close()


def test_a_clock_that_is_set_back_starts_the_video_anew(tmp_path: Path) -> None:
    clip = Clip(steps(tmp_path / "a.mp4"))
    assert [shown(clip, t) for t in (50, 50.5, 3, 3.2)] == [0, 5, 0, 2]
    clip.close()


def test_a_video_that_was_filmed_lying_stands_upright(tmp_path: Path) -> None:
    media.clip(tmp_path / "a.mp4", turn=90)
    assert picture(tmp_path / "a.mp4").shape == (64, 48, 3)


def test_a_video_of_a_single_picture_is_a_background_too(tmp_path: Path) -> None:
    clip = Clip(steps(tmp_path / "a.mp4", frames=1))
    assert [shown(clip, t) for t in (0, 0.3, 5, 100)] == [0, 0, 0, 0]
    clip.close()


def test_an_animated_gif_moves(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (32, 24), (v, v, v)) for v in (10, 120, 250)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:], duration=100, loop=0)
    found = load(str(tmp_path / "a.gif"))
    assert isinstance(found, Clip)
    seen = [int(found.picture(Fraction(n, 10), 1, 1)[0, 0, 0]) for n in range(4)]
    assert seen[0] == seen[3] < seen[1] < seen[2]
    found.close()


def test_the_gallery_has_at_least_six_paintings() -> None:
    assert len(gallery()) >= 6


@pytest.mark.parametrize("name", gallery())
def test_a_painting_is_a_picture_with_detail_and_always_the_same(name: str) -> None:
    one = render(name, 90, 160)
    render.cache_clear()
    np.testing.assert_array_equal(render(name, 90, 160), one)
    assert one.shape == (90, 160, 3)
    assert one.std() > 5


@pytest.mark.parametrize("name", gallery())
def test_a_painting_looks_the_same_at_every_resolution(name: str) -> None:
    small, large = render(name, 90, 160), render(name, 360, 640)
    shrunk = large.reshape(90, 4, 160, 4, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 3


@pytest.mark.parametrize("name", gallery())
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (37, 411)])
def test_a_painting_has_any_size(name: str, size: tuple[int, int]) -> None:
    assert render(name, *size).shape == (*size, 3)


def test_a_gradient_has_no_bands() -> None:
    sky = render("dusk", 720, 32)[:300, :, 2].astype(int)
    rows = sky.mean(1)
    assert np.abs(np.diff(rows)).max() < 1.5  # neighbours differ by noise, not by steps over whole rows
    assert (sky.std(1) > 0).mean() > 0.9
