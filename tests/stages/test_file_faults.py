"""file.source and file.sink: every bad file and target, damage midway, full disks and killed runs."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bgflow.errors import MediaError
from bgflow.media.container import READING
from bgflow.stages.file import Sink, Source
from bgflow.testing import TestContext, opened
from tests import media
from tests.media import failure


def bad_files(folder: Path) -> dict[str, str]:
    """Every unusable input, and the whole message about it."""
    (folder / "empty.mp4").touch()
    (folder / "notes.txt").write_text("hello world\n" * 100)
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(4096))
    media.clip(folder / "clip.mp4")
    (folder / "headless.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:3000])
    with av.open(str(folder / "song.m4a"), "w", format="mp4") as out:
        audio = out.add_stream("aac", rate=media.RATE, layout="stereo")
        for frame in media.tones(8192, audio.codec_context):
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return {
        "clip.mp5": "no such file; did you mean 'clip.mp4'?",
        "trunk.mp4": "no such file",
        "elsewhere/clip.mp4": f"no such file; there is no folder '{folder}/elsewhere'",
        ".": "is a folder, not a video; use images.source for a folder of pictures",
        "empty.mp4": "is empty (0 bytes); give a file that was written to its end",
        "notes.txt": "is a text file, not a video",
        "noise.mp4": "is no video that FFmpeg can read: invalid data found when processing input",
        "headless.mp4": "has no index (moov box), so it was cut off while it was recorded or copied; copy it again",
        "song.m4a": "has no picture, only sound (aac); give a file with a video stream",
    }


def test_each_unusable_file_has_its_own_message_and_exit_code_2(tmp_path: Path):
    for name, text in bad_files(tmp_path).items():
        error = failure(Source(path=f"{tmp_path}/{name}"))
        assert str(error) == f"{tmp_path}/{name}: {text}"
        assert error.exit_code == 2


def test_a_file_that_was_cut_off_gives_what_it_has_and_then_says_so(tmp_path: Path):
    path = tmp_path / "cut.mp4"
    media.clip(path, frames=60, options={"movflags": "faststart"})
    whole = path.stat().st_size
    media.truncated(path, 0.7)
    seen = []
    with opened(Source(path=str(path))) as s, pytest.raises(MediaError) as caught:
        seen.extend(pts for pts, _ in s.frames())
    assert 5 < len(seen) < 60
    assert str(caught.value) == (
        f"{path}: ends after {seen[-1] / 90000:.1f} s: the file has {path.stat().st_size:,} of at least "
        f"{whole:,} bytes; copy the file again"
    )
    assert caught.value.exit_code == 1


def test_a_matroska_file_that_was_cut_off_is_noticed_by_its_header(tmp_path: Path):
    path = tmp_path / "cut.mkv"
    media.clip(path, frames=120)
    with av.open(str(path)) as c:
        seconds = c.duration / 1e6
    media.truncated(path, 0.5)
    seen = []
    with opened(Source(path=str(path))) as s, pytest.raises(MediaError) as caught:
        seen.extend(pts for pts, _ in s.frames())
    assert seen
    assert str(caught.value) == (
        f"{path}: ends after {seen[-1] / 1000:.1f} s: its header says {seconds:.1f} s; copy the file again"
    )


def test_damaged_packets_are_counted_and_left_out(tmp_path: Path):
    path = tmp_path / "hurt.mkv"
    media.clip(path, frames=40, codec="libvpx-vp9")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as c:
        packets = [(p.pos, p.size) for p in c.demux(video=0) if p.size]
    at, size = packets[20]
    data[at + 12 : at + size] = b"\xff" * (size - 12)
    path.write_bytes(bytes(data))
    with opened(Source(path=str(path))) as s:
        seen = sum(1 for _ in s.frames())
    assert s.ctx.drops["damaged packet"] >= 1
    assert seen >= 19
    assert s.ctx.warnings[0].startswith(f"{path}: has damaged packets: ")
    assert len(s.ctx.warnings) == 1


def test_a_stream_without_time_stamps_is_refused_after_counting(tmp_path: Path):
    path = tmp_path / "raw.h264"
    media.clip(path, frames=6, format="h264")
    with opened(Source(path=str(path))) as s, pytest.raises(MediaError) as caught:
        list(s.frames())
    assert s.ctx.drops == {"no pts": 6}
    assert s.ctx.warnings == [f"{path}: has pictures without a time stamp; they are left out"]
    assert str(caught.value) == (
        f"{path}: none of its 6 packets gave a picture with a time stamp; "
        "put the stream into an .mp4 or .mkv file first"
    )


def test_pictures_that_go_back_in_time_are_counted_and_left_out(tmp_path: Path):
    media.clip(tmp_path / "a.ts", pts=[9000, 18000, 27000], frames=3, format="mpegts")
    data = (tmp_path / "a.ts").read_bytes()
    (tmp_path / "twice.ts").write_bytes(data + data)
    with opened(Source(path=str(tmp_path / "twice.ts"))) as s:
        stamps = [pts for pts, _ in s.frames()]
    assert stamps == sorted(set(stamps))
    assert s.ctx.drops["time goes back"] == 3


def test_each_unwritable_target_has_its_own_message_and_exit_code_2(tmp_path: Path):
    (tmp_path / "there.mp4").write_bytes(b"x")
    (tmp_path / "folder.mp4").mkdir()
    formats = ".mp4, .m4v, .mov, .mkv, .webm"
    for name, params, text in [
        ("none/a.mp4", {}, f"cannot be written: there is no folder '{tmp_path}/none'; make it first"),
        (
            "there.mp4/a.mp4",
            {},
            f"cannot be written: '{tmp_path}/there.mp4' is a file, not a folder; choose another folder",
        ),
        ("folder.mp4", {}, "is a folder; give the name of a file to write"),
        ("there.mp4", {"overwrite": False}, "exists already; set overwrite: true or give another name"),
        ("a.avi", {}, f"'.avi' is no video format here; there are {formats}"),
        ("a", {}, f"'no extension' is no video format here; there are {formats}"),
    ]:
        error = failure(Sink(path=f"{tmp_path}/{name}", **params))
        assert str(error) == f"{tmp_path}/{name}: {text}"
        assert error.exit_code == 2
    assert (tmp_path / "there.mp4").read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_refused(tmp_path: Path):
    tmp_path.chmod(0o500)
    error = failure(Sink(path=f"{tmp_path}/a.mp4"))
    assert str(error) == (
        f"{tmp_path}/a.mp4: cannot be written: permission denied in '{tmp_path}'; choose another folder"
    )


def test_a_wrong_extension_is_found_without_opening_anything():
    assert [name for name, _ in Sink(path="out.xyz").problems()] == ["path"]


def test_the_file_that_is_read_is_not_written_over(tmp_path: Path):
    path = tmp_path / "a.mp4"
    media.clip(path)
    before = path.read_bytes()
    sink = Sink(path=str(path))
    ctx = TestContext(sink)
    ctx.shared(READING, set).add(path.resolve())
    sink.open(ctx)
    with pytest.raises(MediaError) as caught:
        sink.process(media.ramp(48, 64), None)
    assert str(caught.value) == f"{path}: is being read by this run; write to another file"
    assert path.read_bytes() == before


def test_a_disk_that_was_full_before_the_first_byte_leaves_no_empty_file(tmp_path: Path):
    path = tmp_path / "a.mp4"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    image = media.ramp(48, 64)
    media.write(tmp_path / "warm.mp4", [image] * 2)
    with opened(Sink(path=str(path))) as k, pytest.raises(MediaError) as caught:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            for n in range(600):
                k(pts=n * 3000, time_base=media.TICKS, image=image)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value).endswith(" and 0 bytes: file too large")
    assert not path.exists()


def test_a_full_disk_is_one_clear_error_and_closing_adds_none(tmp_path: Path):
    target = tmp_path / "full.mp4"
    target.symlink_to("/dev/full")
    rng = np.random.default_rng(0)
    with opened(Sink(path=str(target))) as k, pytest.raises(MediaError) as caught:
        for n in range(600):
            k(pts=n * 3000, time_base=media.TICKS, image=rng.integers(0, 255, (48, 64, 3), np.uint8))
    assert str(caught.value).startswith(f"{target}: cannot be written after ")
    assert str(caught.value).endswith(" frames and 0 bytes: no space left on the disk")
    assert caught.value.exit_code == 1


CHILD = """
import resource, sys
import numpy as np
from fractions import Fraction
from bgflow.stages.file import Sink
from bgflow.testing import opened
rng = np.random.default_rng(0)
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
noise = [rng.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(8)]
with opened(Sink(path=sys.argv[1], preset="ultrafast")) as sink:
    for n in range(100_000):
        sink(pts=3000 * n, time_base=Fraction(1, 90000), image=noise[n % 8])
        if n % 30 == 0:
            print(n, flush=True)
"""


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_a_killed_run_leaves_a_playable_file(tmp_path: Path, name: str):
    path = tmp_path / name
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    written = 0
    while written < 240:
        written = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    times, _ = media.times(path)
    assert len(times) >= written - 120
    assert times[:5] == [
        Fraction(n, 30) if name != "a.mkv" and name != "a.webm" else Fraction(round(n * 1000 / 30), 1000)
        for n in range(5)
    ]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_that_may_not_grow_further_stays_playable(tmp_path: Path, name: str):
    path = tmp_path / name
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), "3000000"], capture_output=True, text=True, timeout=60
    )
    error = child.stderr.strip().splitlines()[-1]
    assert error.startswith(f"bgflow.errors.MediaError: {path}: cannot be written after ")
    assert error.endswith(" bytes: file too large; what was written stays playable")
    stamps = []
    with opened(Source(path=str(path))) as s, contextlib.suppress(MediaError):
        stamps.extend(pts for pts, _ in s.frames())
    assert len(stamps) > 300
