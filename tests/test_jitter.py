"""The jitter buffer that does not wait for the next picture."""

from __future__ import annotations

import asyncio
from typing import Any

import aiortc.rtp
import pytest

from bgflow.web.jitter import PromptJitterBuffer, make_prompt


def packet(number: int, timestamp: int, marker: int = 0) -> Any:
    made: Any = aiortc.rtp.RtpPacket(sequence_number=number, timestamp=timestamp, marker=marker)
    made._data = bytes([number % 256])
    return made


def frames(*packets: Any) -> list[tuple[int, bytes] | None]:
    """What comes out after each packet."""
    buffer = PromptJitterBuffer(512, is_video=True)
    out = [buffer.add(p)[1] for p in packets]
    return [(f.timestamp, f.data) if f else None for f in out]


def test_a_frame_comes_out_with_its_last_packet() -> None:
    assert frames(packet(1, 90), packet(2, 90), packet(3, 90, 1)) == [None, None, (90, b"\1\2\3")]


def test_frames_follow_one_another() -> None:
    assert frames(packet(1, 90, 1), packet(2, 180, 1), packet(3, 270), packet(4, 270, 1)) == [
        (90, b"\1"),
        (180, b"\2"),
        None,
        (270, b"\3\4"),
    ]


def test_a_frame_waits_for_a_packet_that_is_late() -> None:
    assert frames(packet(1, 90), packet(3, 90, 1), packet(2, 90)) == [None, None, (90, b"\1\2\3")]


def test_a_frame_without_a_marker_ends_with_the_next_one() -> None:
    assert frames(packet(1, 90), packet(2, 180)) == [None, (90, b"\1")]


@pytest.mark.parametrize("first", [65534, 65535])
def test_numbers_may_wrap_around(first: int) -> None:
    last = (first + 2) % 65536
    out = frames(packet(first, 90), packet((first + 1) % 65536, 90), packet(last, 90, 1))
    assert out[-1] == (90, bytes([first % 256, (first + 1) % 256, last % 256]))


def test_every_receiver_of_a_connection_gets_it() -> None:
    """Breaks when aiortc moves its buffer: the picture would come one frame later, unnoticed."""

    async def receiver() -> object:
        return aiortc.RTCPeerConnection().addTransceiver("video", "recvonly").receiver

    found = asyncio.run(receiver())
    make_prompt(found)
    assert type(vars(found)["_RTCRtpReceiver__jitter_buffer"]) is PromptJitterBuffer
