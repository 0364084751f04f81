"""The live suite: the time code survives an encoder, the taps follow every picture, and both runs give their rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow import load, models
from bgflow.bench import browser, packets, passages, suite_live, timecode
from bgflow.bench.glass import coded, scene
from bgflow.bench.result import Absent, Goal, Row
from bgflow.bench.served import Reading, Server
from bgflow.bench.suite import Scope, find, measure
from bgflow.bench.taps import keep_code
from bgflow.errors import ModelError
from bgflow.media.video import from_rgb, to_rgb
from bgflow.testing import opened

LOOP = """
stages:
  camera: {use: webrtc.source, set: {port: 0, ice_host: 127.0.0.1}}
  out: {use: webrtc.sink, in: camera.image}
"""


def grey(level: int = 90) -> np.ndarray[Any, Any]:
    return np.full((48, timecode.WIDTH + 16, 3), level, np.uint8)


def through(codec: str, images: list[np.ndarray[Any, Any]], bitrate: int) -> Iterator[np.ndarray[Any, Any]]:
    """The pictures as an encoder at this bitrate leaves them."""
    h, w, _ = images[0].shape
    encoder: Any = av.CodecContext.create(packets.CODECS[codec], "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.bit_rate = w, h, "yuv420p", bitrate
    encoder.time_base, encoder.options = Fraction(1, 30), packets.OPTIONS[codec]
    decoder: Any = av.CodecContext.create("h264" if codec == "H264" else "libvpx", "r")
    for n, image in enumerate(images):
        for packet in encoder.encode(from_rgb(image, "yuv420p", n, Fraction(1, 30), "bt601")):
            for frame in decoder.decode(packet):
                out = np.empty_like(image)
                to_rgb(frame, out)
                yield out


@given(st.integers(0, timecode.CYCLE - 1), st.integers(0, 255))
def test_a_number_that_was_drawn_is_read(number: int, level: int) -> None:
    image = grey(level)
    timecode.draw(image, number)
    assert timecode.read(image) == number


@given(st.integers(0, timecode.CYCLE - 1), st.integers(0, timecode.BITS))
def test_one_bit_that_is_turned_is_no_number(number: int, bit: int) -> None:
    image = grey()
    timecode.draw(image, number)
    left = 2 * bit * timecode.BLOCK
    pair = image[: timecode.HEIGHT, left : left + 2 * timecode.BLOCK]
    pair[...] = 255 - pair
    assert timecode.read(image) is None


def test_a_picture_without_a_code_is_no_number() -> None:
    assert timecode.read(grey()) is None


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_the_code_survives_an_encoder_that_has_little_to_spend(codec: str) -> None:
    images = []
    for n, image in zip(range(20), scene(320, 176, 20), strict=True):
        timecode.draw(image, 11 * n)
        images.append(image)
    read = [timecode.read(image) for image in through(codec, images, 150_000)]
    assert read == [11 * n for n in range(20)]


def test_every_picture_of_the_coded_scene_has_its_own_number() -> None:
    found = [timecode.read(image) for image, _ in zip(coded(320, 32), range(5), strict=False)]
    assert found == [0, 1, 2, 3, 4]


def test_the_codes_corner_of_a_composite_is_the_cameras_and_the_rest_is_not(tmp_path: Path) -> None:
    file = tmp_path / "graph.yaml"
    file.write_text(
        "stages:\n  camera: {use: synth.source}\n  key: {use: edge.refine, in: {image: camera.image,"
        " alpha: camera.alpha}}\n  over: {use: compose.replace, in: {image: camera.image, alpha: key.alpha}}\n"
        "  end: {use: null.sink, in: over.out}\n"
    )
    graph = load(file)
    keep_code(graph)
    with opened(graph.nodes["key"].stage) as key:
        alpha = key(image=grey(), alpha=np.zeros(grey().shape[:2], np.float32))
    assert (alpha[: timecode.HEIGHT, : timecode.WIDTH] == 1).all()
    assert alpha[timecode.HEIGHT :].max() == 0


def test_a_recording_holds_each_picture_as_its_encoder_made_it(tmp_path: Path) -> None:
    file = packets.record(tmp_path / "camera", scene(64, 48, 6), "VP8")
    decoder: Any = av.CodecContext.create("libvpx", "r")
    found = [decoder.decode(av.Packet(data)) for data in packets.pictures(file.read_bytes())]
    assert [(len(frames), frames[0].width) for frames in found] == [(1, 64)] * 6


def test_a_picture_is_due_by_its_time_stamp_also_where_that_begins_anew() -> None:
    sent = packets.Sent(start=100.0, origin=(1 << 32) - 3000, pictures=0, received=0)
    assert sent.due((1 << 32) - 3000) == 100
    assert sent.due(0) == pytest.approx(100 + 1 / 30)


def reading(at: float, rss: float) -> Reading:
    return Reading(at, at / 2, {"bgflow:net": at / 4}, int(rss * 1e6), int(30 * at), {}, {"net": 1.0}, [])


def test_memory_that_stays_grows_by_nothing_and_a_leak_by_its_rate() -> None:
    assert set(passages.growth([reading(10 * n, 500) for n in range(11)])) == {0}
    assert passages.growth([reading(10 * n, 500 + n) for n in range(11)]) == [pytest.approx(60)] * 5


def test_what_fills_heaps_in_the_first_minute_is_no_growth() -> None:
    readings = [reading(10 * n, 500 + 30 * min(n, 5)) for n in range(61)]
    assert set(passages.growth(readings)) == {0}


def test_rows_of_a_run_tell_pictures_losses_latencies_cores_and_growth() -> None:
    through = [(n, 0.5, 0.6, 0.7) for n in range(27)]
    readings = [reading(n, 500)._replace(passages=through) for n in range(8)]
    goals = {passages.FPS: Goal(of="value", least=24), passages.ARRIVED: Goal(of="value", most=60)}
    rows = {row.name.partition(", ")[2]: row for row in passages.rows("live", "run", readings, goals)}
    assert list(rows) == list(passages.NAMES)
    values = [row.interval.value for row in rows.values()]
    assert values == pytest.approx([27, 10, 200, 100, 0.5, 0])
    assert [g.verdict for row in rows.values() for g in row.goals] == ["reached", "missed"]


@pytest.mark.slow
def test_the_suite_feeds_the_shipped_graph_with_recorded_packets() -> None:
    try:
        models.find(suite_live.MODEL)
    except ModelError as e:
        pytest.skip(str(e))
    rows = {row.name: row for row in measure("live", find("live"), Scope(seconds=0, tiny=True))}
    assert all(isinstance(rows.pop(f"browser 640x360, {kind}"), Absent) for kind in suite_live.WATCHED_GOALS)
    assert [n.partition(", ")[2] for n in rows] == [*passages.NAMES, suite_live.DUE]
    arrived, due = (rows[f"packets 160x96, {name}"] for name in (passages.ARRIVED, suite_live.DUE))
    assert isinstance(arrived, Row)
    assert isinstance(due, Row)
    assert len(arrived.samples) == len(due.samples) > 10
    assert all(0 < a < d + 1 for a, d in zip(arrived.samples, due.samples, strict=True))


def test_where_the_network_is_missing_each_goal_has_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite_live, "MODEL", "nothing-of-that-name")
    goals = [("frames/s", 24), ("ms", 60), ("MB in 10 min", 1), ("ms", 200)]
    goals += [("frames/s", 29.5), ("ms", 50), ("cores", 1.6), ("MB in 10 min", 1)]
    absent = [row for row in measure("live", find("live"), Scope(seconds=0, tiny=True)) if isinstance(row, Absent)]
    assert all("nothing-of-that-name" in row.why for row in absent)
    assert [(row.unit, row.goals[0].least or row.goals[0].most) for row in absent] == goals


@pytest.mark.slow
def test_a_served_graph_tells_when_each_picture_came_and_went(tmp_path: Path) -> None:
    graph = tmp_path / "graph.yaml"
    graph.write_text(LOOP)
    file = packets.record(tmp_path / "camera", scene(64, 48, 30), "VP8")
    with Server(str(graph)) as server, packets.Client(server.url, file) as client:
        told: list[Any] = []
        end = time.monotonic() + 30
        while len(told) < 30 and time.monotonic() < end:
            time.sleep(0.2)
            told += server.read().passages
        sent = client.read()
    assert len(told) >= 30
    assert all(sent.due(stamp) < came <= decoded <= gone for stamp, came, decoded, gone in told)


@pytest.mark.slow
@pytest.mark.browser
def test_the_code_goes_through_the_shipped_graph_and_a_real_browser() -> None:
    if why := browser.missing():
        pytest.skip(why)
    try:
        models.find(suite_live.MODEL)
    except ModelError as e:
        pytest.skip(str(e))
    rows = {row.name.partition(", ")[2]: row for row in suite_live.watched(4)}
    assert set(rows) == {*passages.NAMES, suite_live.GLASS, suite_live.SHOWN}
    glass = rows[suite_live.GLASS]
    assert isinstance(glass, Row)
    assert len(glass.samples) > 10
    assert 0 < min(glass.samples) < max(glass.samples) < 4300
