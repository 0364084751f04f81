"""Find picture files and read any of them as upright 8-bit RGB."""

from __future__ import annotations

import contextlib
import glob
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bgflow.errors import MediaError
from bgflow.media.container import MediaUsageError, near, reason

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

EXTENSIONS = {
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".gif",
    ".ppm",
    ".pgm",
    ".pnm",
    ".tga",
    ".avif",
}
ORIENTATION = 0x0112  # the EXIF tag
NUMBER = re.compile(r"%(0\d*|[1-9]?)[di]")  # %d, %4d, %04d; not the %20 of an address that became a file's name


def natural(path: Path) -> list[Any]:
    """A sort key that counts as people do: shot2 before shot10."""
    return [(0, int(t), "") if t.isdigit() else (1, 0, t) for t in re.split(r"(\d+)", str(path).lower()) if t]


def numbered(path: str) -> Callable[[int], str] | None:
    """A function from a number to a file name for a pattern like 'out/%04d.png' or '%04i.png'; None for others."""
    if not NUMBER.search(path):
        return None
    return lambda n: NUMBER.sub(lambda m: f"{n:{m[1]}d}", path)


def found(path: str) -> list[Path]:
    """The picture files that `path` (a file, folder, glob or numbered pattern) stands for, in natural order.

    Raises:
        MediaUsageError: there are none.
    """
    target = Path(path).expanduser()
    if target.is_file():
        return [target]
    if target.is_dir():
        files = [p for p in target.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
        wrong = f"holds no picture; pictures end in {', '.join(sorted(EXTENSIONS))}"
    elif numbered(path):
        folder, name = target.parent, re.escape(target.name)
        pattern = re.compile(NUMBER.sub(lambda m: rf"\d{{{int(m[1] or 1)},}}", name))
        files = [p for p in folder.iterdir() if pattern.fullmatch(p.name)] if folder.is_dir() else []
        wrong = "no file has such a name"
    elif glob.has_magic(path):
        files = [Path(p) for p in glob.glob(str(target), recursive=True) if Path(p).is_file()]
        wrong = "matches no file; put the pattern in quotes, so that the shell leaves it alone"
    else:
        raise MediaUsageError(f"{path}: no such file or folder{near(target)}")
    if not files:
        raise MediaUsageError(f"{path}: {wrong}")
    return sorted(files, key=natural)


def read(file: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture as `u8[h,w,3]`, upright; 16-bit, floating, palette, CMYK and grey ones are converted.

    Raises:
        MediaError: it is no picture, or damaged.
    """
    from PIL import ImageOps

    with _opened(file, MediaError) as picture:
        picture.load()
        return np.asarray(rgb(ImageOps.exif_transpose(picture)))


def upright_size(file: Path) -> tuple[int, int]:
    """Height and width once upright, from the header alone.

    Raises:
        MediaUsageError: it is no picture, or its header is damaged.
    """
    with _opened(file, MediaUsageError) as picture:
        w, h = picture.size
        return (w, h) if picture.getexif().get(ORIENTATION, 1) >= 5 else (h, w)


@contextlib.contextmanager
def _opened(file: Path, failure: type[MediaError]) -> Iterator[Picture]:
    """A picture file while the `with` lasts; whatever goes wrong in it is told as a `failure`."""
    from PIL import Image, UnidentifiedImageError

    try:
        if file.stat().st_size == 0:
            raise failure(f"{file}: is empty (0 bytes)")
        with Image.open(file) as picture:
            yield picture
    except MediaError:
        raise
    except FileNotFoundError:
        raise failure(f"{file}: is gone") from None
    except UnidentifiedImageError as error:
        raise failure(f"{file}: is no picture that can be read") from error
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        why = reason(error).partition(" (")[0]  # without Pillow's count of the bytes that it left
        raise failure(f"{file}: is damaged: {why}") from error


def rgb(picture: Picture) -> Picture:
    """Any picture as 8-bit RGB; transparent parts are laid on white."""
    from PIL import Image

    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(levels: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Grey of more than 8 bits as 8 bits: floats up to 1 are fractions, integers beyond 255 have 16 bits."""
    top = float(levels.max(initial=0))
    if levels.dtype.kind == "f":
        scale = 255.0 if top <= 1 else 1.0
    else:
        scale = 255 / 65535 if levels.dtype.itemsize == 2 or top > 255 else 1.0
    return np.clip(np.rint(levels * scale), 0, 255).astype(np.uint8)
