"""Mask files: what is drawn, checked and split into the files that training reads, whole or not at all.

A label is one channel of four values: 0 background, 255 subject, and both again where the person is not sure: 127 is
unknown on the background's side, 128 on the subject's. So one picture holds the mask (from 128 up) and the trimap.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.aside import aside
from bgflow.errors import MediaError, UsageError
from bgflow.media.container import reason

Label = np.ndarray[Any, np.dtype[np.uint8]]
BACKGROUND, NOT_QUITE, ALMOST, SUBJECT = 0, 127, 128, 255
UNKNOWN = 128  # of a trimap


def received(data: bytes, size: tuple[int, int], name: str) -> Label:
    """A label that came as a PNG of height and width `size`. Raises UsageError when it is anything else."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.size != size[::-1]:
                raise UsageError(f"the label is {_by(picture.size)}, but {name} is {_by(size[::-1])}")
            if picture.mode not in ("L", "1"):
                raise UsageError(f"the label has mode {picture.mode}, but one channel of 8 bits is wanted")
            label = np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, ValueError) as e:
        if isinstance(e, UsageError):
            raise
        raise UsageError("the label is no PNG that can be read") from e
    if odd := set(np.unique(label).tolist()) - {BACKGROUND, NOT_QUITE, ALMOST, SUBJECT}:
        raise UsageError(f"the label has the value {min(odd)}; it may have 0, 127, 128 and 255")
    return label


def split(label: Label) -> tuple[Label, Label | None]:
    """The mask, 0 and 255, and the trimap, 0, 128 and 255; no trimap where nothing is unknown."""
    mask = np.where(label >= ALMOST, SUBJECT, BACKGROUND).astype(np.uint8)
    unknown = (label == NOT_QUITE) | (label == ALMOST)
    return mask, np.where(unknown, UNKNOWN, mask).astype(np.uint8) if unknown.any() else None


def joined(mask: Label, trimap: Label | None) -> Label:
    """The label that a mask and its trimap were split from; greys of a mask go to the nearer side."""
    label = np.where(mask >= 128, SUBJECT, BACKGROUND).astype(np.uint8)
    if trimap is not None:
        unknown = (trimap > 64) & (trimap < 192)
        label[unknown] = np.where(label[unknown] == SUBJECT, ALMOST, NOT_QUITE)
    return label


def read(file: Path, size: tuple[int, int]) -> Label:
    """A mask file, of its picture's height and width. Raises MediaError."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            if picture.size != size[::-1]:
                wrong = f"{file.name}: is {_by(picture.size)}, but its picture is {_by(size[::-1])}"
                raise MediaError(f"{wrong}; what is saved now replaces it")
            return np.array(picture.convert("L"))
    except (OSError, SyntaxError, ValueError) as e:
        if isinstance(e, MediaError):
            raise
        raise MediaError(f"{file.name}: cannot be read as a picture; what is saved now replaces it") from e


def empty(file: Path) -> bool:
    """Whether a mask says that there is nothing but background; False also for what cannot be read."""
    from PIL import Image

    with contextlib.suppress(OSError, SyntaxError, ValueError), Image.open(file) as picture:
        return bool(np.asarray(picture.convert("L")).max(initial=0) < 128)
    return False


def png(label: Label, about: str = "") -> bytes:
    """One channel as a PNG; `about` is kept in it as a comment."""
    from PIL import Image, PngImagePlugin

    told = PngImagePlugin.PngInfo()
    if about:
        told.add_text("Comment", about)
    out = io.BytesIO()
    Image.fromarray(label).save(out, "PNG", pnginfo=told)
    return out.getvalue()


def write(file: Path, data: bytes) -> None:
    """Put a file in place whole or not at all, also when the machine loses its power. Raises MediaError."""
    try:
        with aside(file, durable=True) as part:
            part.write_bytes(data)
    except OSError as e:
        raise MediaError(f"{file}: cannot be written: {reason(e)}; the file is as it was") from e


def version(*files: Path) -> str:
    """What changes whenever one of the files is written anew; '' while none is there."""
    there = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            seen = file.stat()
            there.append(f"{seen.st_ino:x}-{seen.st_mtime_ns:x}-{seen.st_size:x}")
    return ".".join(there)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
