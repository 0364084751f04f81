"""images.source and images.sink: order, every kind of picture, bad ones skipped, whole files only."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgflow.devices import device, to_host
from bgflow.errors import MediaError
from bgflow.stages.images import Sink, Source
from bgflow.testing import opened
from tests import media


def save(path: Path, image: np.ndarray | Image.Image, **options: object) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def read(path: object, **params: object) -> list[tuple[int, np.ndarray, str]]:
    with opened(Source(path=str(path), **params)) as s:
        return [(pts, value["image"].copy(), value["name"]) for pts, value in s.frames()]


def write(path: object, *images: np.ndarray, names: list[str] | None = None, **params: object) -> None:
    with opened(Sink(path=str(path), **params)) as k:
        for n, image in enumerate(images):
            k(image=image, name=names[n] if names else None)


def failure(stage: Source | Sink) -> MediaError:
    with pytest.raises(MediaError) as caught, opened(stage):
        pass
    return caught.value


# -- source ----------------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_natural_order(tmp_path: Path):
    for name in ("shot10.png", "shot2.png", "Shot1.png", "notes.txt", ".hidden.png"):
        save(tmp_path / name, media.ramp(4, 4), format="PNG")
    assert [name for _, _, name in read(tmp_path)] == ["Shot1", "shot2", "shot10"]


@pytest.mark.parametrize("pattern", ["a%04d.png", "a%04i.png", "a*.png", "a00??.png"])
def test_patterns_and_globs_find_their_files(tmp_path: Path, pattern: str):
    for n in (3, 1, 12):
        save(tmp_path / f"a{n:04d}.png", media.ramp(4, 4))
    save(tmp_path / "b0001.png", media.ramp(4, 4))
    assert [name for _, _, name in read(tmp_path / pattern)] == ["a0001", "a0003", "a0012"]


def test_time_is_the_pictures_number_over_fps(tmp_path: Path):
    for n in range(3):
        save(tmp_path / f"{n}.png", media.ramp(4, 4))
    with opened(Source(path=str(tmp_path), fps=29.97)) as s:
        assert [pts for pts, _ in s.frames()] == [0, 1, 2]
        assert s.stage.time_base == Fraction(100, 2997)


def test_sizes_may_differ_and_loop_repeats(tmp_path: Path):
    save(tmp_path / "1.png", media.ramp(5, 7))
    save(tmp_path / "2.png", media.ramp(1, 1))
    got = read(tmp_path, loop=1)
    assert [(pts, image.shape) for pts, image, _ in got] == [
        (0, (5, 7, 3)),
        (1, (1, 1, 3)),
        (2, (5, 7, 3)),
        (3, (1, 1, 3)),
    ]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_known_before(tmp_path: Path, orientation: int):
    upright = media.ramp(16, 24)
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", np.ascontiguousarray(undo[orientation](upright)), exif=exif)
    assert np.array_equal(read(path)[0][1], upright)
    assert dict(Source(path=str(path)).sizes(probe=True)) == {"h": 16, "w": 24, "frames": 1}


def test_every_kind_of_picture_becomes_rgb(tmp_path: Path):
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (8, 1))
    rgb = np.dstack([grey] * 3)
    kinds = {
        "8bit.png": Image.fromarray(grey),
        "16bit.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "float.tif": Image.fromarray(grey.astype(np.float32) / 255),
        "bytes_as_float.tif": Image.fromarray(grey.astype(np.float32)),
        "int32.tif": Image.fromarray(grey.astype(np.int32) * 257),
        "rgb.png": Image.fromarray(rgb),
        "palette.png": Image.fromarray(grey).convert("P"),
        "cmyk.jpg": Image.fromarray(rgb).convert("CMYK"),
        "webp.webp": Image.fromarray(rgb),
    }
    for name, image in kinds.items():
        save(tmp_path / name, image, **({"quality": 100} if name.endswith(("jpg", "webp")) else {}))
        got = read(tmp_path / name)[0][1]
        assert got.shape == (8, 64, 3), name
        assert np.abs(got.astype(int) - rgb).max() <= 4, name


def test_sixteen_bit_colour_is_read(tmp_path: Path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), media.ramp(8, 8)[..., ::-1].astype(np.uint16) * 257)
    assert np.array_equal(read(tmp_path / "a.png")[0][1], media.ramp(8, 8))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(tmp_path: Path, mode: str):
    layer = np.zeros((4, 4, 4), np.uint8)
    layer[:, 2:, 3] = 255
    image = Image.fromarray(layer).convert(mode)
    save(tmp_path / "a.png", image)
    assert np.array_equal(read(tmp_path / "a.png")[0][1][..., 0], [[255, 255, 0, 0]] * 4)


def test_bad_pictures_are_reported_counted_and_skipped(tmp_path: Path):
    save(tmp_path / "1.jpg", media.ramp(64, 64))
    (tmp_path / "2.jpg").touch()
    (tmp_path / "3.jpg").write_bytes((tmp_path / "1.jpg").read_bytes()[:600])
    (tmp_path / "4.png").write_text("no picture")
    save(tmp_path / "5.png", media.ramp(4, 4))
    with opened(Source(path=str(tmp_path))) as s:
        assert [(pts, value["name"]) for pts, value in s.frames()] == [(0, "1"), (4, "5")]
    assert s.ctx.drops == {"bad image": 3}
    assert s.ctx.warnings[0] == f"{tmp_path}/2.jpg: is empty (0 bytes); skipped"
    assert s.ctx.warnings[1] == f"{tmp_path}/3.jpg: is damaged: truncated File Read; skipped"
    assert s.ctx.warnings[2] == f"{tmp_path}/4.png: is no picture that can be read; skipped"


def test_only_bad_pictures_are_an_error(tmp_path: Path):
    (tmp_path / "1.png").touch()
    with opened(Source(path=str(tmp_path / "1.png"))) as s, pytest.raises(MediaError) as caught:
        list(s.frames())
    assert str(caught.value) == f"{tmp_path}/1.png: is empty (0 bytes)"
    (tmp_path / "2.png").touch()
    with opened(Source(path=str(tmp_path))) as s, pytest.raises(MediaError) as caught:
        list(s.frames())
    assert str(caught.value) == (
        f"{tmp_path}: none of its 2 pictures can be read; the last: {tmp_path}/2.png: is empty (0 bytes)"
    )


def test_a_single_bad_picture_is_told_before_the_start_with_2_and_never_as_skipped(tmp_path: Path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(MediaError) as caught:
        Source(path=str(tmp_path / "empty.jpg")).sizes(probe=True)
    assert (str(caught.value), caught.value.exit_code) == (f"{tmp_path}/empty.jpg: is empty (0 bytes)", 2)
    with opened(Source(path=str(tmp_path / "empty.jpg"))) as s, pytest.raises(MediaError):
        list(s.frames())
    assert (s.ctx.warnings, s.ctx.drops) == ([], {})


@pytest.mark.parametrize("name", ["my%20dog.png", "100%.png", "half%s.png"])
def test_a_percent_sign_that_is_no_number_belongs_to_the_name(tmp_path: Path, name: str):
    write(tmp_path / name, media.ramp(4, 6))
    assert [stem for _, _, stem in read(tmp_path / name)] == [name.removesuffix(".png")]


def test_nothing_found_is_said_with_what_would_be_right(tmp_path: Path):
    save(tmp_path / "photo.png", media.ramp(4, 4))
    (tmp_path / "empty").mkdir()
    kinds = ".avif, .bmp, .gif, .jpeg, .jpg, .pgm, .png, .pnm, .ppm, .tga, .tif, .tiff, .webp"
    for name, text in {
        "photo.pgn": "no such file or folder; did you mean 'photo.png'?",
        "elsewhere": "no such file or folder",
        "empty": f"holds no picture; pictures end in {kinds}",
        "*.jpg": "matches no file; put the pattern in quotes, so that the shell leaves it alone",
        "%03d.png": "no file has such a name",
    }.items():
        error = failure(Source(path=f"{tmp_path}/{name}"))
        assert str(error) == f"{tmp_path}/{name}: {text}"
        assert error.exit_code == 2


# -- sink ------------------------------------------------------------------------------------------------------


def rgba(h: int, w: int) -> np.ndarray:
    return np.dstack([media.ramp(h, w), np.arange(h * w, dtype=np.uint8).reshape(h, w)])


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_transparency_is_kept_to_the_bit(tmp_path: Path, name: str):
    image = rgba(9, 7)
    image[image[..., 3] == 0] = 0
    write(tmp_path / name, image, quality=100)
    assert np.array_equal(np.asarray(Image.open(tmp_path / name)), image)


def test_jpeg_refuses_transparency_and_names_what_keeps_it(tmp_path: Path):
    with pytest.raises(MediaError) as caught:
        write(tmp_path / "a.jpg", rgba(4, 4))
    assert str(caught.value) == f"{tmp_path}/a.jpg: JPEG cannot hold transparency; write .png or .webp"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (16, 65535)])
def test_mattes_become_grey_pictures(tmp_path: Path, bits: int, top: int):
    alpha = np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)
    write(tmp_path / "a.png", alpha, bits=bits)
    assert np.abs(np.asarray(Image.open(tmp_path / "a.png")) - alpha * top).max() <= 0.5 + 1e-2


def test_a_folder_takes_the_sources_names(tmp_path: Path):
    write(tmp_path / "new" / "out", media.ramp(4, 4), media.ramp(4, 4), media.ramp(4, 4), names=["cat", "dog", "cat"])
    assert sorted(p.name for p in (tmp_path / "new/out").iterdir()) == ["cat.png", "cat_2.png", "dog.png"]


def test_a_folder_without_names_counts(tmp_path: Path):
    write(tmp_path, media.ramp(4, 4), media.ramp(4, 4), format="jpeg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000000.jpg", "000001.jpg"]


def test_a_pattern_counts(tmp_path: Path):
    write(tmp_path / "s%04d.webp", media.ramp(4, 4), media.ramp(4, 4))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s0000.webp", "s0001.webp"]


def test_quality_makes_jpegs_smaller(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    write(tmp_path / "good.jpg", noise, quality=95)
    write(tmp_path / "poor.jpg", noise, quality=20)
    assert (tmp_path / "poor.jpg").stat().st_size < 0.5 * (tmp_path / "good.jpg").stat().st_size


def test_a_second_picture_for_one_file_is_refused_with_a_pattern(tmp_path: Path):
    with pytest.raises(MediaError) as caught:
        write(tmp_path / "a.png", media.ramp(4, 4), media.ramp(4, 4))
    assert str(caught.value) == (
        f"{tmp_path}/a.png: is one file, but more pictures came; "
        f"give a folder or a pattern such as {tmp_path}/a_%04d.png"
    )


def test_existing_files_stay_when_overwrite_is_false(tmp_path: Path):
    save(tmp_path / "a.png", media.ramp(4, 4))
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(MediaError) as caught:
        write(tmp_path / "a.png", media.ramp(8, 8), overwrite=False)
    assert str(caught.value) == f"{tmp_path}/a.png: exists already; set overwrite: true or give another name"
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_picture_that_is_being_read_is_not_written_over(tmp_path: Path):
    path = save(tmp_path / "a.png", media.ramp(4, 4))
    (tmp_path / "link.png").symlink_to(path)
    before = path.read_bytes()
    with opened(Sink(path=str(path))) as k, pytest.raises(MediaError) as caught:
        Source(path=str(tmp_path / "link.png")).open(k.ctx)
        k(image=media.ramp(8, 8))
    assert str(caught.value) == f"{path}: is being read by this run; write to another folder"
    assert path.read_bytes() == before


def test_wrong_targets_are_found_without_opening_anything():
    assert list(Sink(path="a.xyz").problems()) == [
        ("path", "'.xyz' is no picture format here; there are .png, .jpg, .jpeg, .webp")
    ]
    assert list(Sink(path="a.jpg", bits=16).problems()) == [("bits", "jpeg has 8 bits; write .png for 16")]
    assert list(Sink(path="out").problems()) == []


def test_a_folder_that_cannot_be_made_is_an_error_with_exit_code_2(tmp_path: Path):
    (tmp_path / "file").touch()
    error = failure(Sink(path=f"{tmp_path}/file/out"))
    assert str(error) == (
        f"{tmp_path}/file/out: the folder cannot be made: '{tmp_path}/file' is a file, not a folder; "
        "choose another folder"
    )
    assert error.exit_code == 2


CHILD = """
import resource, sys
import numpy as np
from bgflow.stages.images import Sink
from bgflow.testing import opened
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
small, large = (np.random.default_rng(0).integers(0, 255, (n, n, 3), np.uint8) for n in (32, 400))
with opened(Sink(path=sys.argv[1])) as sink:
    for image in (small, large):
        sink(image=image)
"""


def test_a_full_disk_leaves_only_whole_pictures(tmp_path: Path):
    child = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert child.stderr.strip().splitlines()[-1] == (
        f"bgflow.errors.MediaError: {tmp_path}/000001.png: cannot be written: file too large; "
        "1 picture before it is whole"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["000000.png"]
    assert np.asarray(Image.open(tmp_path / "000000.png")).shape == (32, 32, 3)


def test_the_published_photos_are_read_in_order(data: Path):
    got = read(data / "u2net_goldens" / "test_images")
    assert len(got) == 18
    assert all(image.dtype == np.uint8 and image.shape[2] == 3 for _, image, _ in got)


def test_an_accelerator_is_given_each_picture_in_one_copy(tmp_path: Path):
    images = [save(tmp_path / f"{n}.png", media.ramp(48, 64, n)) for n in range(2)]
    before = device("fake").meter.read()
    with opened(Source(path=str(tmp_path)), "fake") as s:
        got = [to_host(value["image"]) for _, value in s.frames()]
    assert device("fake").meter.read().minus(before).ups == len(images) == 2
    assert s.stage.copies() == (1, 0)
    assert all(np.array_equal(image, media.ramp(48, 64, n)) for n, image in enumerate(got))


@pytest.mark.parametrize("kind", ["rgb", "rgba", "matte"])
def test_an_accelerator_gives_the_same_file_in_one_copy(kind: str, tmp_path: Path):
    image = {"rgb": media.ramp(48, 64), "rgba": rgba(48, 64), "matte": media.ramp(48, 64)[..., 0] / np.float32(255)}[
        kind
    ]
    before = device("fake").meter.read()
    for on in ("cpu", "fake"):
        with opened(Sink(path=str(tmp_path / f"{on}.png")), on) as k:
            k(image=image)
    assert device("fake").meter.read().minus(before).downs == 1
    assert k.stage.copies() == (0, 1)
    assert (tmp_path / "cpu.png").read_bytes() == (tmp_path / "fake.png").read_bytes()
