"""Read masks and labels, and see to it that they fit their pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.errors import MediaError, UsageError
from bgflow.evaluate.footage import Matte, Picture
from bgflow.media.pictures import upright_size

ASPECT = 0.02  # how much the shape of a truth may differ from its picture's, for rounding


def fits(pairs: Iterable[tuple[Path, Path | None]], exactly: bool = False) -> None:
    """Look at the sizes in the files' heads: a truth may be smaller or larger than its picture, but of its shape.

    Labels cannot be resized: they fit `exactly` or not at all.

    Raises:
        UsageError: with both sizes.
    """
    for picture, truth in pairs:
        if truth is None:
            continue
        (h, w), (m, n) = upright_size(picture), upright_size(truth)
        if (h, w) != (m, n) if exactly else abs(w / h * m / n - 1) > ASPECT:
            wanted = "labels have their picture's size" if exactly else "a truth has its picture's size, or its shape"
            raise UsageError(f"{truth}: is {n}x{m}, but {picture.name} is {w}x{h}; {wanted}")


def matte(file: Path, size: tuple[int, int]) -> Matte:
    """A grey mask as `f32[h,w]`, 0..1, brought to the picture's size; a palette's numbers above 0 count as 1."""
    from PIL import Image

    with _opened(file) as image:
        if image.mode == "P":  # DAVIS numbers its objects
            image = Image.fromarray((np.asarray(image) > 0).astype(np.uint8) * 255)
        deep = image.mode.startswith("I")
        grey = image.convert("F" if deep else "L")
        if grey.size != size[::-1]:
            grey = grey.resize(size[::-1], Image.Resampling.BILINEAR)
        level = np.asarray(grey, np.float32)
    return level / np.float32(65535 if deep else 255)


def labels(file: Path) -> Picture:
    """A picture of labels as `u8[h,w]`, a copy of one's own."""
    with _opened(file) as image:
        return np.array(image.convert("L"))


def _opened(file: Path) -> Any:
    from PIL import Image

    try:
        image = Image.open(file)
        image.load()
        return image
    except (OSError, SyntaxError) as e:
        raise MediaError(f"{file}: cannot be read as a picture: {str(e).splitlines()[0].lower()}") from e
