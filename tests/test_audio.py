"""AudioTrack: in order, bounded, and alive after its source."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from bgflow.media.audio import AudioTrack
from tests import media


@pytest.fixture
def song(tmp_path: Path) -> Path:
    media.clip(tmp_path / "a.mp4", sound="aac")
    return tmp_path / "a.mp4"


def filled(path: Path, limit: int = 1 << 20) -> AudioTrack:
    with av.open(str(path)) as c:
        track = AudioTrack(c.streams.audio[0], limit)
        for packet in c.demux(audio=0):
            track.put(packet)
    return track


def test_packets_come_out_once_and_in_order(song: Path):
    track = filled(song)
    assert [bytes(p) for p in track.take()] == [data for _, data in media.sound(song)]
    assert track.take() == []


def test_the_template_outlives_the_file_it_came_from(song: Path):
    track = filled(song)
    song.unlink()
    assert (track.codec, track.template.codec_context.sample_rate) == ("aac", media.RATE)
    assert track.template.codec_context.extradata


def test_beyond_the_limit_the_oldest_go_and_are_counted(song: Path):
    whole = media.sound(song)
    track = filled(song, limit=sum(len(data) for _, data in whole[-5:]))
    assert [bytes(p) for p in track.take()] == [data for _, data in whole[-5:]]
    assert track.dropped == len(whole) - 5


def test_packets_that_are_not_later_than_the_last_are_skipped(song: Path):
    with av.open(str(song)) as c:
        packets = [p for p in c.demux(audio=0) if p.size]
        track = AudioTrack(c.streams.audio[0])
        for packet in (packets[0], packets[1], packets[1], packets[0], packets[2]):
            track.put(packet)
    assert [p.dts for p in track.take()] == [p.dts for p in packets[:3]]
