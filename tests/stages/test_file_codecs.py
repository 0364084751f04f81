"""file.sink: every codec and size, transparency, mattes, and sizes that change midway."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bgflow.errors import MediaError
from tests import media
from tests.media import read, write


def rgba(h: int, w: int) -> np.ndarray:
    alpha = np.tile(np.linspace(0, 255, w).astype(np.uint8), (h, 1))
    return np.dstack([media.ramp(h, w), alpha])


@pytest.mark.parametrize(
    ("name", "decoder", "tolerance"),
    [("a.webm", "libvpx-vp9", 12), ("a.mkv", "libvpx-vp9", 12), ("a.mov", None, 3)],
)
def test_transparency_survives(tmp_path: Path, name: str, decoder: str | None, tolerance: int):
    write(tmp_path / name, [rgba(48, 64)] * 3)
    back = media.first_picture(tmp_path / name, decoder)
    assert np.abs(back[..., 3].astype(int) - rgba(48, 64)[..., 3]).max() <= tolerance


def test_ffv1_keeps_rgb_and_alpha_to_the_bit(tmp_path: Path):
    write(tmp_path / "a.mkv", [rgba(33, 47)] * 2, codec="ffv1")
    assert np.array_equal(media.first_picture(tmp_path / "a.mkv"), rgba(33, 47))
    write(tmp_path / "b.mkv", [media.ramp(33, 47)] * 2, codec="ffv1")
    assert np.array_equal(media.first_picture(tmp_path / "b.mkv")[..., :3], media.ramp(33, 47))


@pytest.mark.parametrize(("params", "what"), [({}, "mp4"), ({"codec": "h265"}, "h265")])
def test_transparency_in_mp4_is_refused_with_the_formats_that_keep_it(tmp_path: Path, params: dict, what: str):
    with pytest.raises(MediaError) as caught:
        write(tmp_path / "a.mp4", [rgba(48, 64)], **params)
    assert str(caught.value) == (
        f"{tmp_path}/a.mp4: {what} cannot hold transparency; write .webm (VP9) or .mov (ProRes 4444), "
        "or put a background behind the subject"
    )


def test_a_matte_becomes_a_grey_video(tmp_path: Path):
    alpha = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    write(tmp_path / "a.mp4", [alpha] * 2, crf=4)
    back = media.first_picture(tmp_path / "a.mp4").astype(float)
    assert np.abs(back - 255 * alpha[..., None]).mean() < 3


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "av1", "prores", "ffv1"])
@pytest.mark.parametrize(("h", "w"), [(48, 64), (33, 47)])
def test_every_codec_writes_every_size(tmp_path: Path, codec: str, h: int, w: int):
    h, w = (h + 64, w + 64) if codec in ("av1", "h265") else (h, w)  # these two have a smallest size
    write(tmp_path / "a.mkv" if codec != "prores" else tmp_path / "a.mov", [media.ramp(h, w)] * 3, codec=codec)
    name = "a.mov" if codec == "prores" else "a.mkv"
    back = media.first_picture(tmp_path / name)[:h, :w]
    assert np.abs(back.astype(int) - media.ramp(h, w)).mean() < 10


@pytest.mark.parametrize(("codec", "name", "least"), [("h265", "libx265", 64), ("av1", "libsvtav1", 4)])
def test_pictures_too_small_for_a_codec_are_refused(tmp_path: Path, codec: str, name: str, least: int):
    with pytest.raises(MediaError) as caught:
        write(tmp_path / "a.mp4", [media.ramp(least, least - 1)], codec=codec)
    assert str(caught.value) == (
        f"{tmp_path}/a.mp4: {name} wants at least {least}x{least} pixels, but pictures are {least - 1}x{least}; "
        "use codec: h264 or vp9"
    )


@pytest.mark.parametrize(("h", "w", "ph", "pw"), [(1, 1, 2, 2), (33, 64, 34, 64), (48, 47, 48, 48)])
def test_odd_sizes_are_padded_for_h264_and_it_is_said(tmp_path: Path, h: int, w: int, ph: int, pw: int):
    target = tmp_path / "a.mp4"
    assert write(target, [media.ramp(h, w)] * 3) == [
        f"{target}: {w}x{h} is odd, so it is padded to {pw}x{ph} by repeating the last line; "
        "set pix_fmt: yuv444p to keep the size"
    ]
    assert media.first_picture(target).shape == (ph, pw, 3)


def test_yuv444p_keeps_an_odd_size(tmp_path: Path):
    assert write(tmp_path / "a.mp4", [media.ramp(33, 47)] * 2, pix_fmt="yuv444p") == []
    assert media.first_picture(tmp_path / "a.mp4").shape == (33, 47, 3)


def test_an_unknown_pixel_format_is_refused_with_those_there_are(tmp_path: Path):
    with pytest.raises(MediaError, match=r"a.mp4: libx264 has no pixel format 'yuv999p'; it has yuv420p, .*nv12"):
        write(tmp_path / "a.mp4", [media.ramp(48, 64)], pix_fmt="yuv999p")


def test_a_codec_that_the_container_refuses_is_one_line(tmp_path: Path):
    with pytest.raises(MediaError) as caught:
        write(tmp_path / "a.webm", [media.ramp(48, 64)] * 2, codec="h264")
    assert str(caught.value) == (
        f"{tmp_path}/a.webm: 'webm' format does not support 'libx264' codec; "
        "leave codec at auto or change the extension"
    )


def test_a_size_that_changes_midway_is_fitted_into_the_first(tmp_path: Path):
    target = tmp_path / "a.mp4"
    white = np.full((64, 32, 3), 255, np.uint8)
    said = write(target, [media.ramp(48, 64)] * 2 + [white] * 2, preset="ultrafast", crf=1)
    assert said == [f"{target}: pictures changed from 64x48 to 32x64; they are fitted into 64x48"]
    last = read(target)[-1][1]
    assert last.shape == (48, 64, 3)
    assert last[:, 24:40].min() > 240
    assert last[:, :18].max() < 16


def test_a_single_picture_makes_a_file(tmp_path: Path):
    write(tmp_path / "a.mp4", [media.ramp(48, 64)], pts=[90_000])
    assert media.times(tmp_path / "a.mp4")[0] == [1]


def test_no_picture_makes_no_file(tmp_path: Path):
    write(tmp_path / "a.mp4", [])
    assert not (tmp_path / "a.mp4").exists()


def test_a_bit_rate_is_kept(tmp_path: Path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(60)]
    write(tmp_path / "a.mp4", noise, bitrate=200_000)
    assert (tmp_path / "a.mp4").stat().st_size * 8 / 2 < 400_000
