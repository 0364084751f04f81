"""file.source and file.sink: every time stamp kept, sound copied, pictures upright."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from bgflow.devices import device, to_host
from bgflow.errors import MediaError
from bgflow.kernels import yuv
from bgflow.stages.file import Sink, Source
from bgflow.testing import opened
from tests import media
from tests.media import copy, read, write


def test_every_time_stamp_is_the_streams_own(tmp_path: Path):
    pts = media.clip(tmp_path / "a.mp4", frames=20, start=4500)
    with opened(Source(path=str(tmp_path / "a.mp4"))) as s:
        assert [p for p, _ in s.frames()] == pts
        assert s.stage.time_base == media.TICKS


def test_pictures_arrive_as_they_were_written(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=3)
    for n, (_, image) in enumerate(read(tmp_path / "a.mp4")):
        assert np.abs(image.astype(int) - media.ramp(48, 64, n)).mean() < 6


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_turned_and_mirrored_clips_come_upright(tmp_path: Path, turn: int, mirror: bool):
    media.clip(tmp_path / "lying.mp4", frames=2, turn=turn, mirror=mirror)
    upright = np.rot90(media.ramp(48, 64), turn // 90)
    expected = upright[:, ::-1] if mirror else upright
    source = Source(path=str(tmp_path / "lying.mp4"))
    image = read(tmp_path / "lying.mp4")[0][1]
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 6
    assert dict(source.sizes(probe=True)) == {"h": expected.shape[0], "w": expected.shape[1], "frames": 2}


def test_rotate_false_leaves_pictures_as_stored(tmp_path: Path):
    media.clip(tmp_path / "lying.mp4", frames=2, turn=90)
    assert read(tmp_path / "lying.mp4", rotate=False)[0][1].shape == (48, 64, 3)


def test_size_is_unknown_without_probing(tmp_path: Path):
    assert Source(path=str(tmp_path / "none.mp4")).sizes(probe=False) == {}


def test_loop_goes_on_where_the_clip_ended(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", pts=[0, 3000, 6000], frames=3)
    assert [p for p, _ in read(tmp_path / "a.mp4", loop=2)] == [3000 * n for n in range(9)]


def test_endless_loop_ends_when_the_run_stops(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=3)
    with opened(Source(path=str(tmp_path / "a.mp4"), loop=-1)) as s:
        for n, _ in enumerate(s.frames()):
            if n == 10:
                s.ctx.stop()
        assert n == 10


def test_sound_is_collected_only_when_wired(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", sound="aac")
    with opened(Source(path=str(tmp_path / "a.mp4")), wired={"image"}) as s:
        assert all("audio" not in value for _, value in s.frames())
    with opened(Source(path=str(tmp_path / "a.mp4"))) as s:
        tracks = [value["audio"] for _, value in s.frames()]
    assert len(set(map(id, tracks))) == 1
    assert [bytes(p) for p in tracks[0].take()] == [data for _, data in media.sound(tmp_path / "a.mp4")]


def test_a_size_that_changes_midway_is_passed_on(tmp_path: Path):
    media.changing(tmp_path / "a.ts", [(48, 64), (96, 128)])
    assert [image.shape[:2] for _, image in read(tmp_path / "a.ts")] == [(48, 64)] * 5 + [(96, 128)] * 5


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 5), (33, 47)])
def test_odd_sizes_are_read(tmp_path: Path, h: int, w: int):
    media.clip(tmp_path / "odd.webm", h=h, w=w, frames=2, codec="libvpx-vp9")
    assert read(tmp_path / "odd.webm")[1][1].shape == (h, w, 3)


def test_ten_bit_video_is_read_as_eight(tmp_path: Path):
    write(tmp_path / "ten.mov", [media.ramp(48, 64)] * 2, codec="prores")
    assert np.abs(read(tmp_path / "ten.mov")[0][1].astype(int) - media.ramp(48, 64)).mean() < 4


@pytest.mark.parametrize("extension", [".mp4", ".mov", ".m4v"])
@pytest.mark.parametrize("start", [0, 3003, 900_000])
def test_every_time_stamp_and_sound_packet_survives(tmp_path: Path, extension: str, start: int):
    source, target = tmp_path / "in.mp4", tmp_path / f"out{extension}"
    media.clip(source, frames=40, start=start, sound="aac")
    assert copy(source, target) == []
    assert media.times(target) == media.times(source)
    assert media.sound(target) == media.sound(source)


@pytest.mark.parametrize("extension", [".mkv", ".webm"])
def test_matroska_keeps_whole_milliseconds_exactly(tmp_path: Path, extension: str):
    source, target = tmp_path / "in.mkv", tmp_path / f"out{extension}"
    media.clip(source, frames=20, pts=[90 * n * n + 4500 for n in range(20)], sound="libopus")
    assert copy(source, target) == []
    assert media.times(target) == media.times(source)
    assert media.sound(target) == media.sound(source)


def test_matroska_says_once_that_it_rounds_to_milliseconds(tmp_path: Path):
    media.clip(tmp_path / "in.mp4", frames=20)
    target = tmp_path / "out.mkv"
    assert copy(tmp_path / "in.mp4", target) == [
        f"{target}: Matroska counts milliseconds, so times are rounded by up to 0.5 ms; "
        "write .mp4 or .mov to keep them exact"
    ]
    errors = [abs(a - b) for a, b in zip(media.times(target)[0], media.times(tmp_path / "in.mp4")[0], strict=True)]
    assert max(errors) <= Fraction(1, 2000)


@hypothesis.settings(
    max_examples=12, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(
    steps=st.lists(st.integers(1, 200_000), min_size=1, max_size=12),
    start=st.integers(0, 10**7),
    base=st.sampled_from([media.TICKS, Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 10**6)]),
)
def test_any_rising_time_stamps_come_back(tmp_path: Path, steps: list[int], start: int, base: Fraction):
    pts = [start, *(start + np.cumsum(steps)).tolist()]
    write(tmp_path / "out.mp4", [media.ramp(16, 16, n) for n in range(len(pts))], pts, base, preset="ultrafast")
    assert media.times(tmp_path / "out.mp4")[0] == [p * base for p in pts]


def test_nanosecond_time_stamps_come_back(tmp_path: Path):
    pts = [0, 33_333_333, 66_666_667, 100_000_001]
    write(tmp_path / "out.mp4", [media.ramp(16, 16)] * 4, pts, Fraction(1, 10**9))
    assert media.times(tmp_path / "out.mp4") == ([Fraction(p, 10**9) for p in pts], Fraction(1, 10**9))


def test_the_frame_rate_in_the_header_is_that_of_the_first_two_pictures(tmp_path: Path):
    write(tmp_path / "out.mkv", [media.ramp(16, 16)] * 4, [0, 40, 80, 120], Fraction(1, 1000))
    with av.open(str(tmp_path / "out.mkv")) as c:
        assert c.streams.video[0].base_rate == 25


def test_sound_that_the_container_cannot_hold_names_one_that_can(tmp_path: Path):
    media.clip(tmp_path / "in.mp4", sound="aac")
    target = tmp_path / "out.webm"
    with pytest.raises(MediaError) as caught:
        copy(tmp_path / "in.mp4", target)
    assert str(caught.value) == (
        f"{target}: webm cannot hold aac sound; write .mp4 or .m4v or .mov or .mkv, or leave 'audio' unwired"
    )
    assert not target.exists()


def test_sound_is_left_out_when_unwired(tmp_path: Path):
    media.clip(tmp_path / "in.mp4", sound="aac")
    copy(tmp_path / "in.mp4", tmp_path / "out.webm", wired={"image"})
    with av.open(str(tmp_path / "out.webm")) as c:
        assert not c.streams.audio


def test_a_run_that_is_stopped_early_ends_its_sound_with_its_pictures(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=60, sound="aac")
    source, sink = Source(path=str(tmp_path / "a.mp4")), Sink(path=str(tmp_path / "b.mp4"))
    with opened(source, wired={"image", "audio"}) as s, opened(sink) as k:
        for n, (pts, value) in enumerate(s.frames()):
            k(pts=pts, time_base=s.stage.time_base, **value)
            if n == 19:
                break
    times, _ = media.times(tmp_path / "b.mp4")
    before, after = media.sound(tmp_path / "a.mp4"), media.sound(tmp_path / "b.mp4")
    assert len(times) == 20
    assert after == before[: len(after)]
    assert (
        times[-1] < after[-1][0] + Fraction(1024, media.RATE) <= 2 * times[-1] - times[-2] + Fraction(1024, media.RATE)
    )


def read_on(on: str, path: Path) -> list[dict[str, Any]]:
    """What file.source gives on a device, as host arrays."""
    with opened(Source(path=str(path)), on, wired={"image", "nv12"}) as s:
        return [{name: to_host(a).copy() for name, a in value.items()} for _, value in s.frames()]


@pytest.mark.parametrize("turn", [0, 90, 180])
def test_an_accelerator_reads_the_same_pictures_upright(turn: int, tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=3, turn=turn)
    cpu, fake = read_on("cpu", tmp_path / "a.mp4"), read_on("fake", tmp_path / "a.mp4")
    assert len(cpu) == len(fake) == 3
    assert cpu[0]["image"].shape == ((64, 48, 3) if turn == 90 else (48, 64, 3))
    for a, b in zip(cpu, fake, strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in ("image", "nv12"))


def test_an_accelerator_is_given_each_frame_in_one_copy_of_its_planes(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=5)
    before = device("fake").meter.read()
    with opened(Source(path=str(tmp_path / "a.mp4")), "fake", wired={"image"}) as s:
        assert sum(1 for _ in s.frames()) == 5
    work = device("fake").meter.read().minus(before)
    assert (work.ups, work.up_bytes, work.downs) == (5, 5 * 48 * 64 * 3 // 2, 0)
    assert s.stage.copies() == (1, 0)


KINDS = {  # an input's array, the sink's parameters, and the bytes that leave an accelerator for a picture of 48x64
    "rgb": (np.uint8, (48, 64, 3), {}, 48 * 64 * 3 // 2),
    "nv12": (np.uint8, (72, 64), {}, 48 * 64 * 3 // 2),
    "rgb to 4:4:4": (np.uint8, (48, 64, 3), {"pix_fmt": "yuv444p"}, 48 * 64 * 3),
    "nv12 to 4:4:4": (np.uint8, (72, 64), {"pix_fmt": "yuv444p"}, 48 * 64 * 3),
    "rgba": (np.uint8, (48, 64, 4), {"codec": "ffv1"}, 48 * 64 * 4),
    "matte": (np.float32, (48, 64), {}, 48 * 64 * 3 // 2),
    "odd rgb": (np.uint8, (47, 63, 3), {}, 48 * 64 * 3 // 2),
    "odd nv12": (np.uint8, (71, 64), {}, 48 * 64 * 3 // 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_accelerator_writes_the_same_file_with_one_copy_a_picture(kind: str, tmp_path: Path):
    dtype, shape, params, nbytes = KINDS[kind]
    pictures = [media.ramp(*shape[:2], n)[..., 0].astype(dtype) for n in range(3)]
    if len(shape) == 3:
        pictures = [np.repeat(p[..., None], shape[2], 2) for p in pictures]
    if dtype == np.float32:
        pictures = [p / np.float32(255) for p in pictures]
    written = {}
    for on in ("cpu", "fake"):
        before = device("fake").meter.read()
        with opened(Sink(path=str(tmp_path / f"{on}.mkv"), **params), on) as k:
            for n, image in enumerate(pictures):
                k(pts=3000 * n, time_base=media.TICKS, image=image)
        work = device("fake").meter.read().minus(before)
        written[on] = [image for _, image in media.read(tmp_path / f"{on}.mkv")]
        assert k.stage.copies() == (0, 1)
    assert (work.downs, work.down_bytes) == (3, 3 * nbytes)
    assert all(np.array_equal(a, b) for a, b in zip(written["cpu"], written["fake"], strict=True))


def test_nv12_is_written_as_it_is(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=4)
    with opened(Source(path=str(tmp_path / "a.mp4")), wired={"nv12"}) as s:
        pictures = [value["nv12"].copy() for _, value in s.frames()]
    media.write(tmp_path / "b.mkv", pictures, pix_fmt="yuv420p", codec="ffv1")
    with opened(Source(path=str(tmp_path / "b.mkv")), wired={"nv12"}) as s:
        again = [value["nv12"].copy() for _, value in s.frames()]
    assert all(np.array_equal(a, b) for a, b in zip(pictures, again, strict=True))


@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_a_picture_gives_the_same_file_as_rgb_and_as_nv12(codec: str, tmp_path: Path):
    for name in ("rgb", "nv12"):
        with opened(Sink(path=str(tmp_path / f"{name}.mp4"), codec=codec)) as k:
            for n in range(4):
                image, nv12 = media.ramp(48, 64, n), np.empty((72, 64), np.uint8)
                yuv.rgb_to_nv12(image, *yuv.nv12_planes(nv12, 48, 64), "bt601")
                k(pts=3000 * n, time_base=media.TICKS, image=image if name == "rgb" else nv12)
    assert (tmp_path / "rgb.mp4").read_bytes() == (tmp_path / "nv12.mp4").read_bytes()


def test_a_change_of_size_on_an_accelerator_is_fitted_into_the_first_size(tmp_path: Path):
    for on in ("cpu", "fake"):
        with opened(Sink(path=str(tmp_path / f"{on}.mp4")), on) as k:
            for n, (h, w) in enumerate([(48, 63), (48, 63), (40, 80)]):
                k(pts=3000 * n, time_base=media.TICKS, image=media.ramp(h, w, n))
        assert any("pictures changed from 63x48 to 80x40" in text for text in k.ctx.warnings)
    cpu, fake = media.read(tmp_path / "cpu.mp4"), media.read(tmp_path / "fake.mp4")
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(cpu, fake, strict=True))
