"""What stands behind the subject: a colour, a picture file, a looping video, or a painting of the gallery."""

from __future__ import annotations

import difflib
from collections.abc import Hashable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from bgflow.errors import BgflowError, MediaError, UsageError
from bgflow.frame import Array
from bgflow.kernels import over, resize
from bgflow.media.clip import Clip
from bgflow.media.gallery import names as gallery
from bgflow.media.gallery import render

if TYPE_CHECKING:
    from bgflow.stage import Context

__all__ = ["Backdrop", "Colour", "Fit", "colour", "fit", "gallery", "load", "problem", "render"]

Fit: TypeAlias = Literal["cover", "contain", "stretch", "tile"]
Picture: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

PREFIX = "gallery:"
WANTED = "give a colour such as '#00b140', a picture, a video, or gallery:NAME"
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # a TIFF or MPO of several pictures is no film


class Colour(NamedTuple):
    """One colour, each part 0..255."""

    red: int
    green: int
    blue: int


class Moving(Protocol):
    """A background that has pixels; used by one thread."""

    def picture(self, time: Fraction, h: int, w: int) -> Picture:
        """What to show at `time` behind a frame of h by w, in any size; another object whenever it has changed."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class Still:
    """A picture file, upright, in its own size."""

    def __init__(self, path: Path):
        from bgflow.media import pictures

        self._image = pictures.read(path)

    def picture(self, time: Fraction, h: int, w: int) -> Picture:
        return self._image

    def close(self) -> None:
        pass


class Painting:
    """A painting of the gallery, made for the frame's size."""

    def __init__(self, name: str):
        self._name = name
        self._image: Picture | None = None

    def picture(self, time: Fraction, h: int, w: int) -> Picture:
        if self._image is None or self._image.shape[:2] != (h, w):
            self._image = render(self._name, h, w)
        return self._image

    def close(self) -> None:
        pass


def colour(text: str) -> Colour | None:
    """A colour as CSS writes it ('#00b140', 'green', 'rgb(0,177,64)'), or None when it is none."""
    from PIL import ImageColor

    try:
        return Colour(*ImageColor.getrgb(text.strip())[:3])
    except ValueError:
        return None


def problem(text: str) -> str | None:
    """What is wrong with a background as far as its text alone tells; no file is touched."""
    if text.startswith(PREFIX):
        name = text.removeprefix(PREFIX)
        near = difflib.get_close_matches(name, gallery(), 1)
        hint = f"did you mean {PREFIX}{near[0]}?" if near else f"there are {', '.join(gallery())}"
        return None if name in gallery() else f"the gallery has no {name!r}; {hint}"
    if "://" in text:
        return f"{text!r} is an address; give it to a source of its own and wire that to the input 'behind'"
    if text.startswith("#") and not colour(text):
        return f"{text!r} is no colour; write '#rrggbb', such as '#00b140'"
    return None if text.strip() else f"it is empty; {WANTED}"


def is_video(text: str) -> bool:
    """Whether a background is a video by its name, which is all that can be known before it is opened."""
    from bgflow.media.pictures import EXTENSIONS

    suffix = Path(text).suffix.lower()
    return suffix[1:].isalnum() and suffix not in EXTENSIONS and not text.startswith(PREFIX)


def load(text: str) -> Colour | Moving:
    """Open a background by its text: a colour, a file, or 'gallery:NAME'.

    Raises:
        UsageError: it is nothing of that, or the file is missing.
        MediaError: the file is neither a picture nor a video that can be read.
    """
    if wrong := problem(text):
        raise UsageError(f"background: {wrong}")
    if text.startswith(PREFIX):
        return Painting(text.removeprefix(PREFIX))
    if (found := colour(text)) is not None:
        return found
    path = Path(text).expanduser()
    if path.is_dir():
        raise UsageError(f"background: {text} is a folder; wire an images.source to the input 'behind' instead")
    if not path.exists():
        raise UsageError(f"background: {text} is no colour, and there is no such file; {_near(text, path)}")
    return _file(path)


def _near(text: str, path: Path) -> str:
    from PIL import ImageColor

    files = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
    if near := difflib.get_close_matches(path.name, files, 1):
        return f"did you mean {str(path.with_name(near[0]))!r}?"
    words = {**dict.fromkeys(ImageColor.colormap), **{name: PREFIX + name for name in gallery()}}
    near = [words[w] or w for w in difflib.get_close_matches(text, words, 1)]
    return f"did you mean {near[0]!r}?" if near else WANTED


def _file(path: Path) -> Moving:
    """A picture where Pillow knows the file, else a video; an animated picture is a video if FFmpeg can play it."""
    from PIL import Image

    try:
        with Image.open(path) as found:
            animated = found.format in ANIMATED and getattr(found, "n_frames", 1) > 1
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        from bgflow.media.pictures import EXTENSIONS

        return Still(path) if path.suffix.lower() in EXTENSIONS else Clip(path)
    if animated:
        try:
            return Clip(path)
        except MediaError:
            pass  # FFmpeg plays no animated WebP: show its first picture
    return Still(path)


def fit(source: Array, out: Array, how: Fit) -> None:
    """Bring u8[m,n,3] to the size of `out`, on the device where both live.

    `cover` fills and cuts off what is too much, `contain` shows all between black bars, `stretch` ignores the
    proportions, `tile` repeats the picture in its own size.
    """
    (m, n), (h, w) = source.shape[:2], out.shape[:2]
    if how == "tile":
        over.tile(source, out)
        return
    if how == "cover":
        a, b = max(min(m, round(n * h / w)), 1), max(min(n, round(m * w / h)), 1)
        y, x = (m - a) // 2, (n - b) // 2
        source = source[y : y + a, x : x + b]
    elif how == "contain":
        a, b = max(min(h, round(w * m / n)), 1), max(min(w, round(h * n / m)), 1)
        y, x = (h - a) // 2, (w - b) // 2
        if (a, b) != (h, w):
            over.fill((0, 0, 0), out)
        out = out[y : y + a, x : x + b]
    resize.area(source, out)


class Backdrop:
    """The background of one stage, fitted to its frames; the fitting is kept until something changes."""

    def __init__(self, ctx: Context, text: str):
        """Load `text`; raises UsageError or MediaError as `load` does."""
        self._ctx, self._text, self._loaded = ctx, text, load(text)
        self._source: Array | None = None
        self._fitted: Array | None = None
        self._state: tuple[Fit, int, int] | None = None
        self._by_wire = False

    def behind(self, text: str, how: Fit, h: int, w: int, wired: Array | None) -> Array | Colour:
        """What to put behind this instant's frame of h by w: `wired` when there is one, else what `text` names.

        A new `text` that cannot be loaded leaves the old background where it is, and warns.
        """
        if text != self._text:
            self._change(text)
        self._by_wire = wired is not None
        if wired is None and isinstance(self._loaded, Colour):
            return self._loaded
        if wired is not None:
            if self._ctx.device.name != "cpu":  # a replayed recording does not see whether it is the one before
                return self._fit(wired, how, h, w)
            source = wired
        else:
            assert not isinstance(self._loaded, Colour)
            source = self._loaded.picture(self._ctx.frame.time, h, w)
        if source is not self._source or self._state != (how, h, w):
            self._source, self._state = source, (how, h, w)
            self._fitted = self._fit(source, how, h, w)
        return self._fitted

    def settled(self, text: str) -> Hashable | None:
        """What `behind` will give, or None when it has something to load, to copy or to fit before.

        Another size of the frames is not seen here.
        """
        if self._by_wire:
            return "wired"
        if text != self._text:
            return None
        if isinstance(self._loaded, Colour):
            return self._loaded
        if isinstance(self._loaded, Clip) or self._fitted is None:
            return None
        return self._ctx.device.address(self._fitted)

    def close(self) -> None:
        """Give files and memory back."""
        if not isinstance(self._loaded, Colour):
            self._loaded.close()
        self._source = self._fitted = None

    def _change(self, text: str) -> None:
        self._text = text
        try:
            new = load(text)
        except BgflowError as error:
            self._ctx.warn(f"{error}; the old background stays")
            return
        self.close()
        self._loaded = new

    def _fit(self, source: Array, how: Fit, h: int, w: int) -> Array:
        if not self._ctx.device.owns(source):
            here = self._ctx.scratch("background as it is", source.shape, np.uint8)
            self._ctx.device.upload(source, here)
            source = here
        if source.shape == (h, w, 3):
            return source
        fitted = self._ctx.scratch("background", (h, w, 3), np.uint8)
        fit(source, fitted, how)
        return fitted
