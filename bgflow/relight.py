"""The light of a stream, kept from frame to frame."""

from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import light
from bgflow.stage import Context


class Relight:
    """Takes out of the pictures of a stream what exposure and white balance do to them.

    A stage owns one; every method belongs to its thread. No gain ever leaves the device.
    """

    def __init__(self, ctx: Context):
        self.ctx = ctx
        self._light = ctx.scratch("light", (3, 3), np.float32)
        self._logs = ctx.scratch("light logs", light.LOGS.shape, np.float32)
        ctx.device.upload(light.LOGS, self._logs)
        self.reset()

    def reset(self) -> None:
        """Begin anew in the light of the next picture."""
        self.ctx.device.upload(np.array([[0, 1, 1]] * 3, np.float32), self._light)

    def undo(self, image: Array, plate: Array, freeze: Array) -> Array:
        """The picture u8[h,w,3] in the light of `plate`, by what is not frozen; valid until the next call."""
        seen = self.ctx.scratch("relit", image.shape, np.uint8)
        light.measure(image, plate, freeze, self._logs, self._light, self.ctx.scratch)
        light.light_undo(image, plate, self._light, seen)
        return seen

    def redo(self, plate: Array, out: Array) -> None:
        """`plate` u8[h,w,3] in the light of the last picture."""
        light.light_redo(plate, self._light, out)
