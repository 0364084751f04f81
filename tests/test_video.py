"""Frames to RGB and back, checked against FFmpeg's own conversion."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from bgflow.errors import KernelError
from bgflow.media.video import Colours, from_rgb, to_rgb
from tests.kernels.test_yuv import difference, pixels, smooth

TICK = Fraction(1, 90_000)
EXACT = int(Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND)
NEAR = 2.0  # what 4:2:0 costs a smooth picture, in the mean; a wrong matrix or range costs more than 5
SPACE = {"bt601": 5, "bt709": 1, "bt2020": 9}


def decoded(image: Any, pix_fmt: str, matrix: str = "bt601", full: bool = False) -> av.VideoFrame:
    """A frame as a decoder would give it, made by FFmpeg."""
    return av.VideoFrame.from_ndarray(image, "rgb24").reformat(
        format=pix_fmt,
        dst_colorspace=SPACE[matrix],
        src_color_range=2,
        dst_color_range=2 if full else 1,
        interpolation=EXACT,
    )


def rgb(frame: av.VideoFrame) -> Any:
    out = np.empty((frame.height, frame.width, 3), np.uint8)
    to_rgb(frame, out)
    return out


@pytest.mark.parametrize(("h", "w"), [(120, 160), (121, 161)])
@pytest.mark.parametrize("matrix", list(SPACE))
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv422p", "yuv444p", "yuv420p10le", "yuva420p"])
def test_a_tagged_frame_gives_its_picture_back(pix_fmt: str, full: bool, matrix: str, h: int, w: int) -> None:
    image = smooth(h, w)
    back = rgb(decoded(image, pix_fmt, matrix, full))
    assert difference(back, image).mean() <= NEAR
    assert difference(back, image).max() <= 12


@pytest.mark.parametrize("pix_fmt", ["rgb24", "bgr24", "rgba", "bgra", "gbrp", "rgb48le", "rgb0"])
def test_rgb_in_any_order_and_depth_comes_through_unchanged(pix_fmt: str) -> None:
    image = smooth(40, 56)
    np.testing.assert_array_equal(rgb(decoded(image, pix_fmt, full=True)), image)


def test_grey_comes_through_unchanged() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    frame = av.VideoFrame.from_ndarray(grey, "gray")
    np.testing.assert_array_equal(rgb(frame), np.repeat(grey[..., None], 3, 2))


def test_a_palette_comes_through_unchanged() -> None:
    frame = av.VideoFrame(8, 4, "pal8")
    entries = np.arange(256 * 4, dtype=np.uint8).reshape(256, 4)
    entries[:, 3] = 255
    frame.planes[1].update(entries.tobytes())
    pixels(frame.planes[0])[...] = np.arange(32, dtype=np.uint8).reshape(4, 8)
    np.testing.assert_array_equal(rgb(frame), entries[:32, 2::-1].reshape(4, 8, 3))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv422p"])
@pytest.mark.parametrize(("height", "matrix"), [(480, "bt601"), (720, "bt709")])
def test_a_frame_that_says_nothing_is_read_as_limited_and_by_its_height(pix_fmt: str, height: int, matrix: str) -> None:
    image = smooth(height, 64)
    frame = decoded(image, pix_fmt, matrix)
    frame.colorspace, frame.color_range = 2, 0
    assert Colours.of(frame) == (matrix, False)
    assert difference(rgb(frame), image).mean() <= NEAR


@pytest.mark.parametrize("wrong", [("bt709", False), ("bt601", True)])
def test_the_bound_would_show_a_wrong_matrix_or_range(wrong: Any) -> None:
    frame = decoded(smooth(120, 160), "yuv420p", "bt601")
    Colours(*wrong).tag(frame)
    assert difference(rgb(frame), smooth(120, 160)).mean() > 2 * NEAR


def test_a_jpeg_frame_is_full_range() -> None:
    assert Colours.of(av.VideoFrame(64, 48, "yuvj420p")) == ("bt601", True)


def test_an_upside_down_frame_is_read_upside_down() -> None:
    image = smooth(48, 64)
    graph = av.filter.Graph()
    source = graph.add_buffer(width=64, height=48, format=av.VideoFormat("yuv420p"), time_base=TICK)
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    frame = decoded(image, "yuv420p")
    frame.pts, frame.time_base = 0, TICK
    graph.vpush(frame)
    flipped = graph.vpull()
    assert flipped.planes[0].line_size < 0  # no pixel has moved
    assert difference(rgb(flipped), image[::-1]).mean() <= NEAR


def test_an_array_of_another_size_is_refused() -> None:
    with pytest.raises(KernelError) as e:
        to_rgb(av.VideoFrame(64, 48, "yuv420p"), np.empty((48, 32, 3), np.uint8))
    assert str(e.value) == "to_rgb: out is 48x32x3, but the frame wants 48x64x3"


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "nv12", "yuv444p", "yuv422p", "gbrp", "rgb24", "rgba"])
@pytest.mark.parametrize(("h", "w"), [(120, 160), (51, 101)])
def test_what_is_written_is_read_back(pix_fmt: str, h: int, w: int) -> None:
    image = smooth(h, w)
    frame = from_rgb(image, pix_fmt, 3003, TICK)
    assert (frame.format.name, frame.pts, frame.time_base) == (pix_fmt, 3003, TICK)
    assert difference(rgb(frame), image).mean() <= NEAR


@pytest.mark.parametrize(
    ("matrix", "full", "tags"),
    [(None, False, (6, 1)), ("bt601", True, (6, 2)), ("bt709", False, (1, 1)), ("bt2020", True, (9, 2))],
)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv444p", "yuv420p10le"])
def test_a_frame_carries_the_colours_it_was_made_with(pix_fmt: str, matrix: Any, full: bool, tags: Any) -> None:
    frame = from_rgb(smooth(48, 64), pix_fmt, 0, TICK, matrix, full)
    assert (frame.colorspace, frame.color_range) == tags
    assert difference(rgb(frame), smooth(48, 64)).mean() <= NEAR


@pytest.mark.parametrize("pix_fmt", ["yuva420p", "yuva444p10le", "rgba", "yuva444p"])
def test_alpha_is_written_as_it_is(pix_fmt: str) -> None:
    image = np.dstack([smooth(48, 64), np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))])
    frame = from_rgb(image, pix_fmt, 0, TICK)
    back = frame.reformat(format="rgba", src_colorspace=5, dst_color_range=2, interpolation=EXACT).to_ndarray()
    assert difference(back[..., 3], image[..., 3]).max() <= 1
    assert difference(back[..., :3], image[..., :3]).mean() <= NEAR


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx264", "yuv420p"), ("libvpx-vp9", "yuv420p"), ("ffv1", "yuv444p")])
def test_an_encoder_that_keeps_frames_gets_each_picture(codec: str, pix_fmt: str) -> None:
    options = {"libx264": {"crf": "10"}, "libvpx-vp9": {"lag-in-frames": "8", "crf": "10", "b": "0"}}.get(codec, {})
    file = io.BytesIO()
    pictures = [np.full((64, 64, 3), (40 * n, 255 - 40 * n, 128), np.uint8) for n in range(6)]
    with av.open(file, "w", format="matroska") as box:
        stream: Any = box.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
        Colours("bt601", False).tag(stream.codec_context)
        for n, picture in enumerate(pictures):
            box.mux(stream.encode(from_rgb(picture, pix_fmt, n, Fraction(1, 30))))
        box.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as made:
        frames = list(made.decode(video=0))
    assert all(Colours.of(f) == ("bt601", False) and f.color_range == 1 for f in frames)
    assert len(frames) == len(pictures)
    for frame, picture in zip(frames, pictures, strict=True):
        assert difference(rgb(frame), picture).mean() <= 4
