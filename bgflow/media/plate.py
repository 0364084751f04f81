"""The clean plate as a picture file: checked in words, and brought to where a stage computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bgflow.errors import UsageError
from bgflow.frame import Array

if TYPE_CHECKING:
    from bgflow.stage import Context


def load(path: str, ctx: Context) -> Array | None:
    """The plate in the file at a stage's `path`, u8[h,w,3] on its device; None where `path` is ''.

    Raises:
        UsageError: there is no such file; or no path, and nothing is wired to the stage's `plate` either.
        MediaError: it is no picture.
    """
    from bgflow.media import pictures
    from bgflow.media.container import near

    if not path:
        if not ctx.wired("plate"):
            raise UsageError("plate: there is none; wire `plate` to a plate.capture, or give `path`, a picture file")
        return None
    file = Path(path).expanduser()
    if not file.is_file():
        raise UsageError(f"path: {path}: no such file{near(file)}")
    host = pictures.read(file)
    there = ctx.scratch("file", host.shape, np.uint8)
    ctx.device.upload(host, there)
    return there


def fits(path: str, plate: Array, h: int, w: int) -> None:
    """Raise UsageError when a plate is not of the picture's size."""
    if plate.shape != (h, w, 3):
        wrong = f"path: {path} is {plate.shape[1]}x{plate.shape[0]}, but the picture is {w}x{h}"
        raise UsageError(f"{wrong}; take the plate with the same camera at the same size")
