"""bgflow probe: what is in a file, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

import click.testing
import pytest

from bgflow.cli.commands.probe import command
from bgflow.errors import MediaError
from bgflow.media.probe import probe, table, uneven
from tests import media


def test_a_clip_is_described(tmp_path: Path):
    path = tmp_path / "a.mp4"
    media.clip(path, pts=[0, 3000, 6000, 9000], frames=4, sound="aac")
    told = probe(str(path))
    assert told == {
        "path": str(path),
        "container": "mov,mp4,m4a,3gp,3g2,mj2",
        "codec": "h264",
        "profile": "Main",
        "width": 64,
        "height": 48,
        "rotation": 0,
        "pixel_format": "yuv420p",
        "matrix": "not said",
        "range": "not said",
        "transfer": "not said",
        "time_base": "1/90000",
        "rate_real": 30.0,
        "frames": 4,
        "untimed": 0,
        "start": 0.0,
        "duration": 4 / 30,
        "rate_average": pytest.approx(30),
        "vfr": False,
        "audio": {"codec": "aac", "rate": 48000, "channels": 2},
    }


def test_the_table_says_it_in_words(tmp_path: Path):
    path = tmp_path / "a.mp4"
    media.clip(path, pts=[0, 3000, 6000, 9000], frames=4, turn=90)
    assert table(probe(str(path))) == (
        f"file    {path} (mov,mp4,m4a,3gp,3g2,mj2)\n"
        "video   h264 (Main)\n"
        "size    48 x 64, turned 90° counter-clockwise\n"
        "pixels  yuv420p, matrix not said, range not said, transfer not said\n"
        "rate    30.000 fps on average, 30.000 at best, constant\n"
        "frames  4\n"
        "time    0.133 s from 0.000 s, in ticks of 1/90000 s\n"
        "audio   none"
    )


def test_a_variable_rate_is_seen(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=10)
    assert probe(str(tmp_path / "a.mp4"))["vfr"]


def test_a_constant_rate_rounded_to_milliseconds_is_constant(tmp_path: Path):
    media.clip(tmp_path / "a.mkv", frames=12, pts=[3003 * n for n in range(12)])
    assert not probe(str(tmp_path / "a.mkv"))["vfr"]


def test_a_missing_picture_in_coarse_ticks_is_uneven():
    assert uneven([0, 1, 3, 4])
    assert not uneven([0, 1, 2, 3])
    assert not uneven([7])


def test_what_the_colours_are_said_to_be_is_told(tmp_path: Path):
    from bgflow.stages.file import Sink
    from bgflow.testing import opened

    with opened(Sink(path=str(tmp_path / "a.mp4"))) as sink:
        for n in range(3):
            sink(pts=n, image=media.ramp(48, 64, n))
    told = probe(str(tmp_path / "a.mp4"))
    assert (told["matrix"], told["range"]) == ("bt601", "limited")


def test_pictures_without_a_time_stamp_are_counted(tmp_path: Path):
    media.clip(tmp_path / "a.h264", frames=5, format="h264")
    told = probe(str(tmp_path / "a.h264"))
    assert (told["frames"], told["untimed"]) == (5, 5)


@pytest.mark.parametrize("name", ["missing.mp4", "empty.mp4"])
def test_a_file_that_cannot_be_read_ends_with_code_2(tmp_path: Path, name: str):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(MediaError) as caught:
        probe(str(tmp_path / name))
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_the_command_prints_a_table_or_json(tmp_path: Path):
    path = tmp_path / "a.mp4"
    media.clip(path)
    run = click.testing.CliRunner().invoke
    assert run(command, [str(path)]).output == table(probe(str(path))) + "\n"
    assert json.loads(run(command, ["--json", str(path)]).output) == probe(str(path))
