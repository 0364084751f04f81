"""The arrays of a stage as PyTorch's tensors, on the device's own stream and without a copy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from bgflow.devices import Device
from bgflow.errors import DeviceError
from bgflow.frame import Array


@contextlib.contextmanager
def tensors(device: Device, *arrays: Array) -> Iterator[list[Any]]:
    """Tensors that share the memory of `arrays`, all on `device`, while the `with` lasts.

        with tensors(self.ctx.device, image, out) as (x, y):
            y[...] = self.net(x)

    What PyTorch does inside is enqueued on the device's stream, after the stages before and before those after; nothing
    waits. No gradients are kept. The tensors of a stage's inputs must not be written, as the inputs must not. PyTorch
    takes memory of its own as it goes, so a stage that uses this leaves `launches` alone: it cannot be captured.

    Raises:
        DeviceError: inside a capture, or where PyTorch has no CUDA and the device is a GPU.
    """
    import torch

    streams: list[int] = []
    device.enqueue(streams.append)
    if not streams:
        raise DeviceError("what torch does cannot be captured; a stage that uses it leaves launches() alone")
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(device.active())
        if device.name.partition(":")[0] == "cuda":
            if not torch.cuda.is_available():
                raise DeviceError(f"this PyTorch has no CUDA, but the stage is on {device.name}; see pytorch.org")
            own = torch.cuda.ExternalStream(streams[0], device=torch.device(device.name))
            stack.enter_context(torch.cuda.stream(own))
        yield [torch.from_dlpack(array) for array in arrays]
