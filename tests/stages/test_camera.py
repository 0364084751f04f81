"""camera.source without a camera: FFmpeg's test pictures through the same code, and every way to fail."""

from __future__ import annotations

import glob
from pathlib import Path

import numpy as np
import pytest

from bgflow.devices import device, to_host
from bgflow.errors import MediaError
from bgflow.stages.camera import Source, listed_modes
from bgflow.testing import opened

LOG = """\
[video4linux2,v4l2 @ 0x55] Compressed:       mjpeg :          Motion-JPEG : 1920x1080 1280x720
[video4linux2,v4l2 @ 0x55] Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480
/dev/video0: Immediate exit requested
"""


def camera(text: str = "testsrc=size=320x240:rate=30", **params: object) -> Source:
    return Source(device=text, format="lavfi", **params)


def test_pictures_arrive_with_the_devices_time():
    with opened(camera()) as s:
        got = list(s.frames(3))
        assert [pts * s.stage.time_base * 30 for pts, _ in got] == [0, 1, 2]
    assert got[0][1]["image"].shape == (240, 320, 3)
    assert got[0][1]["image"].std() > 20


def test_a_camera_that_goes_away_is_opened_again_and_time_goes_on():
    with opened(camera("testsrc=size=64x48:rate=30:duration=0.1")) as s:
        stamps = [pts for pts, _ in s.frames(7)]
    assert stamps == sorted(set(stamps))
    assert s.ctx.drops == {"connection lost": 2}


def test_a_camera_comes_back_within_three_seconds():
    with opened(camera()) as s:
        backoff = s.stage.connection._backoff
    assert all(backoff.pause(attempt) <= 2 for attempt in range(1, 100))


def test_a_mode_that_differs_from_the_wish_is_said():
    with opened(camera(width=1280, height=720, fps=60)) as s:
        pass
    assert s.ctx.warnings == [
        "testsrc=size=320x240:rate=30: has no 1280x720 at 60 fps; it gives 320x240 at 30 fps, wrapped_avframe"
    ]


def test_a_mode_as_wished_is_not_worth_a_warning():
    with opened(camera(width=320, height=240, fps=30)) as s:
        pass
    assert s.ctx.warnings == []


def test_parameters_become_the_drivers_options():
    assert Source(width=1280, height=720, fps=29.97, fourcc="MJPG").options() == {
        "video_size": "1280x720",
        "framerate": "29.97",
        "input_format": "mjpeg",
    }
    assert Source().options() == {}


def test_a_missing_camera_names_those_there_are():
    with pytest.raises(MediaError) as caught, opened(Source(device="/dev/video98")):
        pass
    there = sorted(glob.glob("/dev/video*"), key=lambda p: (len(p), p))
    what = f"there is {', '.join(there)}" if there else "no camera is connected (there is no /dev/video*)"
    assert str(caught.value) == f"/dev/video98: no such camera; {what}"
    assert caught.value.exit_code == 2


def test_something_that_is_no_camera_is_one_line(tmp_path: Path):
    (tmp_path / "video0").write_bytes(b"x")
    with pytest.raises(MediaError) as caught, opened(Source(device=str(tmp_path / "video0"))):
        pass
    assert str(caught.value) == f"{tmp_path}/video0: cannot be opened: inappropriate ioctl for device"


def test_a_test_picture_that_does_not_exist_is_one_line():
    with pytest.raises(MediaError) as caught, opened(camera("nonsense=1")):
        pass
    assert str(caught.value).startswith("nonsense=1: cannot be opened: ")
    assert "\n" not in str(caught.value)


def test_modes_are_read_from_ffmpegs_list():
    assert listed_modes(LOG) == ["mjpeg 1920x1080", "mjpeg 1280x720", "yuyv422 640x480"]


def test_an_accelerator_is_given_each_frame_once_and_shows_the_same_picture():
    found = {}
    before = device("fake").meter.read()
    for on in ("cpu", "fake"):
        with opened(camera(), on, wired={"image"}) as s:
            found[on] = [to_host(value["image"]).copy() for _, value in s.frames(3)]
    assert s.stage.copies() == (1, 0)
    assert device("fake").meter.read().minus(before).ups == 3
    assert all(np.array_equal(a, b) for a, b in zip(found["cpu"], found["fake"], strict=True))
