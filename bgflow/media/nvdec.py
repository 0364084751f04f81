"""Decoding on an NVIDIA GPU: whether it can be had, and its pictures as arrays of the device, which nobody copied.

FFmpeg's CUDA decoder gives frames in the GPU's memory, in the primary context, which CuPy uses too. PyAV shows their
planes by DLPack (`av.VideoPlane`, PyAV 17 and later) and leaves the order of streams to the reader.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bgflow.devices import Device
from bgflow.media.container import MediaUsageError, picture_stream, reason

if TYPE_CHECKING:
    from av import VideoFrame
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer

    from bgflow.media.video import Pixels

Decode: TypeAlias = Literal["auto", "cpu", "cuda"]
DECODE = "where pictures are decoded: cuda is the GPU's own decoder (NVDEC), auto takes it where it can be had"
LIBRARIES = ("libcuda.so.1", "libnvcuvid.so.1")
"""What FFmpeg loads; both come with NVIDIA's driver."""

log = logging.getLogger("bgflow.nvdec")


def opened(
    connect: Callable[[HWAccel | None], InputContainer], decode: Decode, device: Device, name: str
) -> InputContainer:
    """Open what `connect` opens, so that its pictures are decoded where `decode` says; told in the log.

    What the GPU has no decoder for is decoded on the CPU, unless `decode` is cuda.

    Raises:
        MediaUsageError: `decode` is cuda, and that cannot be had.
    """
    on_gpu = device.name.startswith("cuda")
    if decode == "cpu" or (decode == "auto" and not on_gpu):
        return connect(None)
    why = missing(device)
    if why is None:
        container = connect(_accelerator(device))
        codec = picture_stream(container, name).codec_context
        if codec.is_hwaccel:
            log.info("%s: %s is decoded by NVDEC on %s", name, codec.name, device.name)
            return container
        container.close()
        why = f"NVDEC has no decoder for {codec.name}"
    if decode == "cuda":
        raise MediaUsageError(f"{name}: cannot be decoded on the GPU: {why}; or set decode: auto")
    log.info("%s: is decoded on the CPU: %s", name, why)
    return connect(None)


def missing(device: Device) -> str | None:
    """Why nothing can be decoded on `device`, and what would mend it; None where it can."""
    import av
    from av.codec.hwaccel import hwdevices_available

    if not device.name.startswith("cuda"):
        return f"its stage is on {device.name}; run with --device cuda"
    if "cuda" not in hwdevices_available():
        return "this PyAV was built without CUDA; pip install --force-reinstall av"
    for library in LIBRARIES:
        try:
            ctypes.CDLL(library)
        except OSError:
            return (
                f"there is no {library}; install NVIDIA's driver (in a container, give it the capability 'video' by "
                "NVIDIA_DRIVER_CAPABILITIES)"
            )
    try:
        av.CodecContext.create("h264", "r", hwaccel=_accelerator(device))
    except (av.FFmpegError, RuntimeError) as error:
        return f"FFmpeg cannot open {device.name}: {reason(error)}; nvidia-smi tells more"
    return None


def _accelerator(device: Device) -> HWAccel:
    """Frames stay on the GPU; what its decoder refuses comes as frames of the CPU."""
    from av.codec.hwaccel import HWAccel

    index = device.name.partition(":")[2] or "0"
    return HWAccel("cuda", device=index, allow_software_fallback=True, is_hw_owned=True)


def readable(frame: VideoFrame) -> bool:
    """Whether the planes of a frame on the GPU can be read there: eight bits, 4:2:0, and even sizes.

    DLPack has no word for the half pair that an odd size ends with.
    """
    kind = frame.sw_format
    return kind is not None and kind.name == "nv12" and frame.width % 2 == frame.height % 2 == 0


def fetched(frame: VideoFrame) -> VideoFrame:
    """The frame in the host's memory, in the format that the decoder wrote."""
    assert frame.sw_format is not None
    return frame.reformat(format=frame.sw_format.name)


@contextlib.contextmanager
def lent(frame: VideoFrame, device: Device) -> Iterator[Pixels]:
    """The pixels of a frame on the GPU, for kernels that are launched before the context ends.

    FFmpeg writes frames on the default stream, and takes their memory again as soon as nobody holds them: so our
    stream waits for the default one first, and the default one for ours in the end. Neither waits for the other on
    the host.
    """
    import cupy

    from bgflow.media.video import Colours, Pixels

    with device.active():
        ours, default = cupy.cuda.get_current_stream(), cupy.cuda.Stream.null
        ours.wait_event(default.record())
        try:
            yield Pixels("nv12", [cupy.from_dlpack(_Lent(plane)) for plane in frame.planes], Colours.of(frame))
        finally:
            default.wait_event(ours.record())


class _Lent:
    """A plane as CuPy asks for one: PyAV's refuses the stream that CuPy offers, because it synchronises nothing."""

    def __init__(self, plane: Any):
        self._plane = plane

    def __dlpack__(self, **how: Any) -> Any:
        return self._plane.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        found: tuple[int, int] = self._plane.__dlpack_device__()
        return found
