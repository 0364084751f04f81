"""Decoding on a GPU, as far as it shows without one: names, choices, messages, and planes that come by DLPack."""

from __future__ import annotations

import ctypes
import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel, hwdevices_available

from bgflow.devices import device
from bgflow.devices.fake import FakeArray
from bgflow.errors import MediaError
from bgflow.media import nvdec
from bgflow.media.container import MediaUsageError, open_file
from bgflow.media.reader import Intake, Reader
from bgflow.media.turn import Turn
from bgflow.stages.file import Source
from bgflow.testing import opened
from tests import media
from tests.kernels.test_yuv import smooth
from tests.test_reader import BOTH, context, made
from tests.test_video import decoded

GPU: Any = SimpleNamespace(name="cuda:1")  # nothing but its name is asked for before a frame comes


def has_driver() -> bool:
    try:
        return all(ctypes.CDLL(library) for library in nvdec.LIBRARIES)
    except OSError:
        return False


without_driver = pytest.mark.skipif(has_driver(), reason="this machine has NVIDIA's driver")


class OnGpu:
    """A real frame that says it is on the GPU; its planes hand out DLPack as PyAV's do there."""

    format = SimpleNamespace(name="cuda")

    def __init__(self, frame: av.VideoFrame):
        self._frame, self.sw_format = frame, frame.format
        self.planes = [Plane(p) for p in frame.planes]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._frame, name)


class Plane:
    line_size = 64

    def __init__(self, plane: Any):
        self._plane = plane

    def __dlpack_device__(self) -> Any:
        return self._plane.__dlpack_device__()

    def __dlpack__(self, *, stream: int | None = None) -> Any:
        if stream is not None:
            raise NotImplementedError("CUDA stream synchronization is not supported.")
        return self._plane.__dlpack__()


class Stream:
    """One of CuPy's streams; tells `told` what was asked of it, and how many launches had been made by then."""

    def __init__(self, name: str, told: list[tuple[str, int]]):
        self.name, self._told = name, told

    def record(self) -> str:
        self._tell(f"{self.name} records")
        return self.name

    def wait_event(self, event: str) -> None:
        self._tell(f"{self.name} waits for {event}")

    def _tell(self, text: str) -> None:
        self._told.append((text, device("fake").meter.read().launches))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """A CuPy of which only DLPack and streams are there; what its streams were asked."""
    asked: list[tuple[str, int]] = []
    cupy = ModuleType("cupy")
    ours, null = Stream("ours", asked), Stream("default", asked)
    cupy.cuda = SimpleNamespace(get_current_stream=lambda: ours, Stream=SimpleNamespace(null=null))  # type: ignore[attr-defined]
    cupy.from_dlpack = lambda plane: FakeArray(np.from_dlpack(plane))  # type: ignore[attr-defined]
    monkeypatch.setattr(Turn, "of", lambda frame: Turn())  # PyAV tells the side data of its own frames only
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return asked


def test_the_installed_pyav_has_every_name_that_is_used() -> None:
    hw = HWAccel("cuda", device="1", allow_software_fallback=True, is_hw_owned=True)
    assert (hw.device_id, hw.is_hw_owned, hw.options) == (1, True, {"primary_ctx": "1"})
    assert "cuda" in hwdevices_available()
    assert av.VideoFrame(8, 8, "nv12").sw_format is None
    assert av.CodecContext.create("h264", "r").is_hwaccel is False
    assert {"__dlpack__", "__dlpack_device__"} <= set(dir(av.VideoFrame(8, 8, "nv12").planes[0]))


@pytest.mark.parametrize("wired", [{"image"}, {"nv12"}, BOTH])
def test_a_frame_on_the_gpu_gives_the_same_bits_without_a_copy(wired: set[str], told: Any) -> None:
    frame = decoded(smooth(48, 64), "nv12")
    before = device("fake").meter.read()
    found = Intake(context("fake", wired)).take(OnGpu(frame))  # type: ignore[arg-type]
    assert device("fake").meter.read().minus(before).ups == 0
    want = made(frame, "cpu", wired)
    assert found.keys() == want.keys()
    for name in wired:
        np.testing.assert_array_equal(device("fake").host(found[name]), want[name])


def test_kernels_run_after_the_decoder_has_written_and_before_it_may_write_again(told: Any) -> None:
    start = device("fake").meter.read().launches
    Intake(context("fake", {"image"})).take(OnGpu(decoded(smooth(48, 64), "nv12")))  # type: ignore[arg-type]
    assert [(text, launches - start) for text, launches in told] == [
        ("default records", 0),
        ("ours waits for default", 0),
        ("ours records", 1),
        ("default waits for ours", 1),
    ]


@pytest.mark.parametrize(("pix_fmt", "h", "w"), [("p010le", 48, 64), ("nv12", 47, 64), ("nv12", 48, 63)])
def test_what_dlpack_cannot_tell_goes_by_way_of_the_host(pix_fmt: str, h: int, w: int, told: Any) -> None:
    frame = decoded(smooth(h, w), pix_fmt)
    before = device("fake").meter.read()
    found = Intake(context("fake", BOTH)).take(OnGpu(frame))  # type: ignore[arg-type]
    assert device("fake").meter.read().minus(before).ups == 1
    for name, want in made(frame, "cpu", BOTH).items():
        np.testing.assert_array_equal(device("fake").host(found[name]), want)
    assert not told


@pytest.mark.parametrize("decode", ["auto", "cpu"])
@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_a_stage_that_is_on_no_gpu_decodes_on_the_cpu(decode: Any, on: str) -> None:
    asked: list[Any] = []
    nvdec.opened(asked.append, decode, device(on), "a.mp4")  # type: ignore[arg-type]
    assert asked == [None]


def test_decoding_on_the_gpu_for_a_stage_on_the_cpu_is_refused(tmp_path: Path) -> None:
    media.clip(tmp_path / "a.mp4")
    with pytest.raises(MediaUsageError) as e, opened(Source(path=str(tmp_path / "a.mp4"), decode="cuda")):
        pass
    assert str(e.value) == (
        f"{tmp_path}/a.mp4: cannot be decoded on the GPU: its stage is on cpu; run with --device cuda; "
        "or set decode: auto"
    )
    assert e.value.exit_code == 2


@without_driver
def test_without_a_driver_auto_takes_the_cpu_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[Any] = []
    with caplog.at_level(logging.INFO, "bgflow.nvdec"):
        nvdec.opened(asked.append, "auto", GPU, "a.mp4")  # type: ignore[arg-type]
    assert asked == [None]
    assert caplog.messages == [f"a.mp4: is decoded on the CPU: {nvdec.missing(GPU)}"]


@without_driver
def test_without_a_driver_cuda_is_refused_with_what_is_missing() -> None:
    with pytest.raises(MediaUsageError) as e:
        nvdec.opened(lambda hw: None, "cuda", GPU, "a.mp4")  # type: ignore[arg-type, return-value]
    assert str(e.value).startswith("a.mp4: cannot be decoded on the GPU: there is no libcuda.so.1; install NVIDIA's")


@without_driver
def test_a_driver_that_ffmpeg_cannot_use_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda library: library)  # FFmpeg itself still finds none
    assert nvdec.missing(GPU) == "FFmpeg cannot open cuda:1: operation not permitted; nvidia-smi tells more"


class Codec:
    """What `opened` asks of a container: its first stream's decoder."""

    def __init__(self, accelerated: bool):
        self.closed = False
        self.codec_context = SimpleNamespace(name="av1", is_hwaccel=accelerated)
        self.disposition, self.streams = 0, SimpleNamespace(video=[self])

    def close(self) -> None:
        self.closed = True


def test_what_the_gpu_decodes_is_opened_there_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nvdec, "missing", lambda device: None)
    asked: list[Any] = []
    container: Any = Codec(accelerated=True)
    with caplog.at_level(logging.INFO, "bgflow.nvdec"):
        found = nvdec.opened(lambda hw: asked.append(hw) or container, "auto", GPU, "a.mp4")
    assert found is container
    assert (asked[0].device_id, asked[0].is_hw_owned) == (1, True)
    assert caplog.messages == ["a.mp4: av1 is decoded by NVDEC on cuda:1"]


def test_what_the_gpu_has_no_decoder_for_is_decoded_on_the_cpu_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvdec, "missing", lambda device: None)
    first, second = Codec(accelerated=False), Codec(accelerated=False)
    given: list[Any] = [first, second]
    assert nvdec.opened(lambda hw: given.pop(0), "auto", GPU, "a.mp4") is second  # type: ignore[comparison-overlap]
    assert first.closed
    with pytest.raises(MediaUsageError) as e:
        nvdec.opened(lambda hw: first, "cuda", GPU, "a.mp4")  # type: ignore[arg-type, return-value]
    assert str(e.value) == ("a.mp4: cannot be decoded on the GPU: NVDEC has no decoder for av1; or set decode: auto")


def test_a_reader_that_wants_the_gpu_refuses_what_the_decoder_gave_back_to_the_cpu(tmp_path: Path) -> None:
    media.clip(tmp_path / "a.mp4")
    reader = Reader(open_file(str(tmp_path / "a.mp4")), "a.mp4", on_gpu=True)
    with pytest.raises(MediaError) as e:
        next(reader.pictures())
    reader.close()
    assert str(e.value) == "a.mp4: NVDEC does not decode h264 in yuv420p; set decode: auto"


@pytest.mark.parametrize(("decode", "ups"), [("auto", 1), ("cpu", 1), ("cuda", 0)])
def test_a_source_tells_its_copies(decode: Any, ups: int) -> None:
    assert Source(path="a.mp4", decode=decode).copies() == (ups, 0)
