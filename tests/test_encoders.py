"""The encoders of live pictures: what they send is decoded, in the size and at the bitrate that is asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import aiortc
import numpy as np
import pytest
from aiortc import rtcrtpsender
from aiortc.codecs import depayload, get_decoder, get_encoder
from aiortc.jitterbuffer import JitterFrame
from av import VideoFrame

from bgflow.media.video import from_rgb, to_rgb
from bgflow.web import encoders

CODECS = ["VP8", "H264"]
CLOCK = 90_000


def named(name: str) -> Any:
    """A codec as two sides have agreed on it."""
    return next(c for c in rtcrtpsender.RTCRtpSender.getCapabilities("video").codecs if c.name == name)


def parameters(name: str) -> Any:
    return aiortc.RTCRtpCodecParameters(mimeType=named(name).mimeType, clockRate=CLOCK, payloadType=97)


def picture(n: int, h: int = 96, w: int = 160) -> VideoFrame:
    """A slope that moves, with noise."""
    random = np.random.default_rng(n)
    slope = np.arange(w)[None, :, None] + 2 * np.arange(h)[:, None, None] % 200 + n
    image = (slope + random.integers(0, 20, (h, w, 3))).clip(0, 255).astype(np.uint8)
    return from_rgb(image, "yuv420p", 3000 * n, Fraction(1, CLOCK), "bt601")


def joined(name: str, payloads: list[bytes]) -> bytes:
    """One picture's packets as the bytes that a decoder gets."""
    return b"".join(depayload(parameters(name), p) for p in payloads)


def decoded(name: str, sent: list[tuple[list[bytes], int]]) -> list[VideoFrame]:
    """What a browser would see of packets."""
    decoder = get_decoder(parameters(name))
    frames: list[VideoFrame] = []
    for payloads, stamp in sent:
        frames += decoder.decode(JitterFrame(joined(name, payloads), stamp))
    return frames


def is_key(name: str, sent: tuple[list[bytes], int]) -> bool:
    """Whether a picture needs none before it: VP8 says so in a bit (RFC 6386, 9.1), H.264 by units of type 5."""
    data = joined(name, sent[0])
    if name == "VP8":
        return not data[0] & 1
    return any(unit and unit[0] & 31 == 5 for unit in data.split(b"\0\0\0\1"))


@pytest.mark.parametrize("name", CODECS)
def test_what_is_sent_is_decoded_picture_by_picture_and_looks_the_same(name: str) -> None:
    encoder: Any = encoders.chosen(parameters(name))
    sent = [encoder.encode(picture(n)) for n in range(8)]
    frames = decoded(name, sent)
    assert [f.pts for f in frames] == [3000 * n for n in range(8)]
    for n, frame in enumerate(frames):
        seen, wanted = (np.empty((96, 160, 3), np.uint8) for _ in range(2))
        to_rgb(frame, seen)
        to_rgb(picture(n), wanted)
        assert np.abs(seen.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize("name", CODECS)
def test_every_option_is_known_to_ffmpeg_and_an_encoder_is_kept_while_little_changes(name: str) -> None:
    encoder: Any = encoders.chosen(parameters(name))
    encoder.encode(picture(0))
    codec = encoder.codec
    assert codec.options == {}  # FFmpeg leaves here what it does not know
    encoder.encode(picture(1))
    encoder.target_bitrate = round(encoder.target_bitrate * 1.05)
    encoder.encode(picture(2))
    assert encoder.codec is codec


@pytest.mark.parametrize("name", CODECS)
def test_another_size_or_bitrate_opens_another_encoder_which_begins_with_a_key_picture(name: str) -> None:
    encoder: Any = encoders.chosen(parameters(name))
    encoder.encode(picture(0))
    before = encoder.codec
    encoder.target_bitrate = encoder.target_bitrate + 200_000
    sent = [encoder.encode(picture(1))]
    after = encoder.codec
    assert after is not before
    assert after.bit_rate == encoder.target_bitrate
    sent.append(encoder.encode(picture(2, 48, 64)))
    assert encoder.codec is not after
    assert [is_key(name, it) for it in sent] == [True, True]
    assert [(f.width, f.height) for f in decoded(name, sent)] == [(160, 96), (64, 48)]


@pytest.mark.parametrize("name", CODECS)
def test_a_key_picture_is_made_when_it_is_asked_for(name: str) -> None:
    encoder: Any = encoders.chosen(parameters(name))
    sent = [encoder.encode(picture(n), n == 3) for n in range(5)]
    assert [is_key(name, it) for it in sent] == [True, False, False, True, False]


@pytest.mark.parametrize("name", CODECS)
def test_the_bitrate_is_kept_at_thirty_pictures_a_second(name: str) -> None:
    encoder: Any = encoders.chosen(parameters(name))
    encoder.target_bitrate = 600_000
    sizes = [sum(map(len, encoder.encode(picture(n, 192, 320))[0])) for n in range(60)]
    assert 0.5 < sum(sizes) * 8 / 2 / 600_000 < 1.5


def test_connections_encode_with_these_once_they_are_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtcrtpsender, "get_encoder", get_encoder)
    encoders.use()
    assert type(rtcrtpsender.get_encoder(parameters("VP8"))) is encoders.Vp8Encoder
    assert type(rtcrtpsender.get_encoder(parameters("H264"))) is encoders.H264Encoder


def test_another_codec_has_aiortcs_own_encoder() -> None:
    opus = aiortc.RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48_000, channels=2, payloadType=96)
    assert type(encoders.chosen(opus)) is type(get_encoder(opus))


def test_an_aiortc_that_names_it_otherwise_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(codec: Any) -> None: ...

    monkeypatch.setattr(rtcrtpsender, "get_encoder", other)
    encoders.use()
    assert rtcrtpsender.get_encoder is other
