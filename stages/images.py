"""Pictures, in and out: a file, a folder, a glob or a numbered sequence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.aside import aside
from bgflow.devices import to_host
from bgflow.errors import MediaError
from bgflow.frame import Array
from bgflow.media.container import READING, MediaUsageError, no_folder, reason
from bgflow.media.pictures import found, numbered, read, upright_size
from bgflow.stage import Context

if TYPE_CHECKING:
    from PIL import Image

ALPHA_FORMATS = {"png": ".png", "webp": ".webp"}
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


class Source(Stage, use="images.source"):
    """Read pictures in natural order (2 before 10), upright, as 8-bit RGB; transparency is laid on white.

    A picture that cannot be read is reported, counted and skipped. The n-th picture has the time n/fps, skipped
    ones included; sizes may differ from one to the next.
    """

    image = Out("u8[h,w,3] rgb")
    name = Out("text", description="the picture's file name without its extension")

    path: str = Param(description="a file, a folder, a glob ('photos/*.jpg') or a pattern ('shot_%04d.png')")
    fps: float = Param(30.0, gt=0, le=1000, unit="1/s", description="pictures per second of stream time")
    loop: int = Param(0, ge=-1, description="how often to play them again: 0 once, -1 for ever")

    def sizes(self, probe: bool) -> Mapping[str, int]:
        """The number of pictures, and height and width when there is only one (others may differ)."""
        if not probe:
            return {}
        files = found(self.path)
        known = {"frames": len(files)} if not self.loop else {}
        return {**dict(zip("hw", upright_size(files[0]), strict=True)), **known} if len(files) == 1 else known

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.files = found(self.path)
        ctx.shared(READING, set[Path]).update(file.resolve() for file in self.files)
        self.time_base = 1 / Fraction(self.fps).limit_denominator(1001)

    def frames(self) -> Iterator[tuple[int, Any]]:
        bad = passes = 0
        why = ""
        while True:
            for n, file in enumerate(self.files):
                if self.ctx.stopping:
                    return
                try:
                    value = self._value(file)
                except MediaError as error:
                    if len(self.files) == 1:
                        raise
                    bad, why = bad + 1, str(error)
                    self.ctx.drop("bad image")
                    self.ctx.warn(f"{error}; skipped")
                    continue
                yield n + passes * len(self.files), value
                del value  # before the next picture asks for memory
            if bad == len(self.files):
                raise MediaError(f"{self.path}: none of its {bad} pictures can be read; the last: {why}")
            if passes == self.loop:
                return
            passes += 1
            bad = 0

    def copies(self) -> tuple[int, int]:
        return 1, 0

    def _value(self, file: Path) -> dict[str, Any]:
        picture = read(file)
        image = self.ctx.empty("image", h=picture.shape[0], w=picture.shape[1])
        self.ctx.device.upload(picture, image)
        return {"image": image, "name": file.stem}


class Sink(Stage, use="images.sink"):
    """Write every picture to a file of its own, which appears only when it is whole.

    Mattes become grey pictures, RGBA keeps its transparency. Metadata (EXIF) is not written.
    """

    image = In("u8[h,w,3] rgb | u8[h,w,4] straight | f32[h,w] alpha")
    name = In("text", optional=True, description="file names for a folder, such as the source's")

    path: str = Param(description="a folder, one file, or a pattern with the frame's number ('out/%04d.png')")
    format: Literal["auto", "png", "jpeg", "webp"] = Param(
        "auto", description="auto follows the extension; png in folders"
    )
    quality: int = Param(92, ge=1, le=100, description="of JPEG and WebP; 100 is lossless in WebP")
    compression: int = Param(3, ge=0, le=9, description="of PNG: 0 is fast and large, 9 slow and small")
    bits: Literal[8, 16] = Param(8, description="depth of mattes; 16 only in PNG")
    overwrite: bool = Param(True, description="whether existing files may go")

    def problems(self) -> Iterable[tuple[str, str]]:
        suffix = Path(self.path).suffix.lower()
        if self.format == "auto" and suffix and suffix not in FORMATS:
            yield "path", f"{suffix!r} is no picture format here; there are {', '.join(FORMATS)}"
        if self.bits == 16 and self._format() != "png":
            yield "bits", f"{self._format()} has 8 bits; write .png for 16"

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        for _, text in self.problems():
            raise MediaUsageError(f"{self.path}: {text}")
        target = Path(self.path).expanduser()
        self.number = numbered(self.path)
        self.single = target.suffix.lower() in FORMATS and self.number is None and not target.is_dir()
        self.folder = target.parent if self.single or self.number else target
        self.written: set[Path] = set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = no_folder(self.folder) if isinstance(error, FileExistsError | NotADirectoryError) else reason(error)
            raise MediaUsageError(f"{self.path}: the folder cannot be made: {why}; choose another folder") from error
        if not os.access(self.folder, os.W_OK):
            raise MediaUsageError(f"{self.path}: cannot be written: permission denied in {str(self.folder)!r}")

    def copies(self) -> tuple[int, int]:
        return 0, 1

    def process(self, image: Array, name: str | None) -> None:
        if image.ndim == 3 and image.shape[2] == 4 and self._format() not in ALPHA_FORMATS:
            raise MediaError(f"{self.path}: JPEG cannot hold transparency; write .png or .webp")
        target = self._target(name)
        if target.exists() and not self.overwrite:
            raise MediaError(f"{target}: exists already; set overwrite: true or give another name")
        if target.exists() and target.resolve() in self.ctx.shared(READING, set[Path]):
            raise MediaUsageError(f"{target}: is being read by this run; write to another folder")
        picture = self._picture(to_host(image))
        try:
            with aside(target) as part:
                picture.save(part, self._format(), **self._options())
        except OSError as error:
            n = len(self.written)
            before = f"; {n} picture{'s' * (n != 1)} before it {'is' if n == 1 else 'are'} whole" if n else ""
            raise MediaError(f"{target}: cannot be written: {reason(error)}{before}") from error
        self.written.add(target)

    def _format(self) -> str:
        return FORMATS.get(Path(self.path).suffix.lower(), "png") if self.format == "auto" else self.format

    def _options(self) -> dict[str, Any]:
        match self._format():
            case "png":
                return {"compress_level": self.compression}
            case "webp":
                return {"quality": self.quality, "lossless": self.quality == 100}
        return {"quality": self.quality}

    def _target(self, name: str | None) -> Path:
        """Where this picture goes; a second picture of the same name gets a number."""
        if self.number is not None:
            return Path(self.number(self.ctx.frame.seq)).expanduser()
        if self.single:
            if self.written:
                raise MediaError(
                    f"{self.path}: is one file, but more pictures came; give a folder or a pattern such as "
                    f"{Path(self.path).with_suffix('')!s}_%04d{Path(self.path).suffix}"
                )
            return Path(self.path).expanduser()
        stem, extension = (
            name or f"{self.ctx.frame.seq:06d}",
            {"jpeg": ".jpg"}.get(self._format(), f".{self._format()}"),
        )
        target, n = self.folder / f"{stem}{extension}", 2
        while target in self.written:
            target, n = self.folder / f"{stem}_{n}{extension}", n + 1
        return target

    def _picture(self, image: Array) -> Image.Image:
        from PIL import Image

        if image.ndim == 3:
            return Image.fromarray(image)
        top = 255 if self.bits == 8 else 65535
        level = np.rint(image * np.float32(top))
        grey = level.astype(np.uint8 if self.bits == 8 else np.uint16)
        return Image.fromarray(grey)
