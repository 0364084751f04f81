"""The Gaussians of a background model: arrays on a device, their age, and the file they can be kept in."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from bgflow.aside import aside
from bgflow.devices import to_host
from bgflow.errors import MediaError, ModelError
from bgflow.frame import Array
from bgflow.kernels.modes import LEVEL, ONE, SPREAD, TILE
from bgflow.kernels.mog import TURNS
from bgflow.kernels.tiles import LANES, tiles
from bgflow.stage import Context

Host = np.ndarray[Any, Any]
VERSION = 1


class Gaussians:
    """One Gaussian per pixel: what a stage remembers of its stream.

    `age` counts frames since the model was new. Every method belongs to the stage's thread, between two frames.
    A file is an `.npz` of plain planes (`var` [h,w], `mean` [h,w,3], for a mixture with the modes first), so that it
    depends neither on the device nor on how the arrays are laid out there.
    """

    def __init__(self, ctx: Context, use: str):
        self.ctx, self.use = ctx, use
        self.age = 0
        self.size = (0, 0)
        self.source = ""
        self.arrays: dict[str, Array] = {}

    def shapes(self, h: int, w: int) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shape and dtype of the arrays by name."""
        return {"gauss": ((h, tiles(w), TILE), np.float32)}

    def pack(self, arrays: dict[str, Host], w: int) -> dict[str, Host]:
        """The planes of a file from the arrays."""
        planes = untiled(arrays["gauss"], w)
        return {"var": planes[0], "mean": np.moveaxis(planes[1:], 0, -1)}

    def unpack(self, planes: dict[str, Host], h: int, w: int) -> dict[str, Host]:
        """The arrays from the planes of a file; raises ValueError when they cannot be a model."""
        both = np.concatenate([planes["var"][None], np.moveaxis(planes["mean"], -1, 0)])
        if both.shape[-2:] != (h, w) or both.dtype != np.float32 or not np.isfinite(both).all():
            raise ValueError("planes of another size, or not numbers")
        return {"gauss": tiled(both)}

    def allocate(self, h: int, w: int) -> None:
        """Take the arrays for a picture of h x w; their contents are undefined."""
        self.size = (h, w)
        shapes = self.shapes(h, w)
        self.arrays = {n: self.ctx.scratch(f"model.{n}", shape, dtype) for n, (shape, dtype) in shapes.items()}

    def fit(self, h: int, w: int) -> None:
        """Make the model one for pictures of h x w, new if it was for another size.

        Raises:
            ModelError: it came from a file and has another size.
        """
        if self.size == (h, w):
            self.source = ""
            return
        was = "x".join(map(str, self.size[::-1]))
        if self.source:
            raise ModelError(
                f"{self.source}: holds a background of {was}, but the picture is {w}x{h}; resize the picture to {was}, "
                "or learn a new background without `load`"
            )
        if self.age:
            self.ctx.warn(f"the picture is {w}x{h} now instead of {was}: the background is learned anew")
        self.allocate(h, w)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first."""
        self.age = 0
        if "gauss" in self.arrays:
            self.arrays["gauss"].fill(0)

    def save(self, path: str) -> None:
        """Write the model to `path`, whole or not at all; raises MediaError."""
        host = {n: to_host(a) for n, a in self.arrays.items()}
        planes: dict[str, Any] = self.pack(host, self.size[1])
        try:
            with aside(path) as part, part.open("wb") as file:
                np.savez(file, version=VERSION, use=self.use, age=self.age, size=self.size, **planes)
        except OSError as e:
            raise MediaError(f"{path}: the background cannot be saved: {e.strerror}; give a folder with space") from e

    def load(self, path: str) -> None:
        """Go on from a saved model; raises ModelError and leaves this one as it was when the file is not right."""
        try:
            with np.load(path, allow_pickle=False) as file:
                planes = dict(file)
            version, use, age = int(planes["version"]), str(planes["use"]), int(planes["age"])
            h, w = map(int, planes["size"])
            if version == VERSION and use == self.use:
                host = self.unpack(planes, h, w)
        except OSError as e:
            why = e.strerror or "it is no file that `save` wrote"
            raise ModelError(f"{path}: the background cannot be loaded: {why}; `save: {path}` makes it") from e
        except (ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as e:
            raise ModelError(
                f"{path}: is no background that bgflow saved, or is damaged; `save: {path}` makes it"
            ) from e
        if version != VERSION:
            raise ModelError(
                f"{path}: has format {version}, but this bgflow reads {VERSION}; save it again with this one"
            )
        if use != self.use:
            raise ModelError(f"{path}: holds a background of {use}, but this is {self.use}; save one with {self.use}")
        self.allocate(h, w)
        for n, values in host.items():
            self.ctx.device.upload(values, self.arrays[n])
        self.age, self.source = age, path


class Mixture(Gaussians):
    """Up to `most` Gaussians per pixel."""

    def __init__(self, ctx: Context, use: str, most: int):
        super().__init__(ctx, use)
        self.most = most

    def shapes(self, h: int, w: int) -> dict[str, tuple[tuple[int, ...], Any]]:
        return {
            "modes": ((h, w), np.uint8),
            "weight": ((self.most, h, w), np.uint16),
            "gauss": ((self.most, h, tiles(w), TILE), np.uint16),
            "turn": ((1,), np.int32),
        }

    def reset(self) -> None:
        self.age = 0  # a mode that is not in use needs no zeros
        for name in ("modes", "turn"):
            if name in self.arrays:
                self.arrays[name].fill(0)

    def pack(self, arrays: dict[str, Host], w: int) -> dict[str, Host]:
        modes = arrays["modes"]
        most = max(1, int(modes.max()))
        used = np.arange(most)[:, None, None] < modes
        planes = np.where(used, untiled(arrays["gauss"][:most], w), np.float32(0))
        weight = np.where(used, arrays["weight"][:most] / ONE, np.float32(0))
        mean = np.moveaxis(planes[1:], 0, -1) / LEVEL
        return {"modes": modes, "weight": weight, "var": planes[0] / SPREAD, "mean": mean, "turn": arrays["turn"]}

    def unpack(self, planes: dict[str, Host], h: int, w: int) -> dict[str, Host]:
        units = {"var": rounded(planes["var"], SPREAD), "mean": rounded(planes["mean"], LEVEL)}
        gauss = super().unpack(units, h, w)["gauss"].astype(np.uint16)
        modes, weight = planes["modes"], planes["weight"]
        fine = modes.dtype == np.uint8 and weight.dtype == np.float32 and np.isfinite(weight).all()
        if not fine or modes.shape != (h, w) or weight.shape != (*gauss.shape[:1], h, w) or modes.max() > len(weight):
            raise ValueError("planes that do not belong together")
        n = min(len(weight), self.most)  # the lightest modes go where a file holds more
        missing = ((0, self.most - n), (0, 0), (0, 0))
        return {
            "modes": np.minimum(modes, n),
            "weight": np.pad(rounded(weight[:n], ONE).astype(np.uint16), missing),
            "gauss": np.pad(gauss[:n], (*missing, (0, 0))),
            "turn": planes.get("turn", np.zeros(1, np.int32)).reshape(1).astype(np.int32) % TURNS,
        }


def rounded(plane: Host, units: np.float32) -> Host:
    """Numbers in units of which 16 bits are kept."""
    kept: Host = np.clip(np.rint(plane * units), 0, np.iinfo(np.uint16).max)
    return kept


def untiled(gauss: Host, w: int) -> Host:
    """Planes [4,...,h,w] of variance, red, green and blue from tiles [...,h,t,256]."""
    rows = np.moveaxis(gauss.reshape(*gauss.shape[:-1], 4, LANES), -2, 0)
    return rows.reshape(*rows.shape[:-2], -1)[..., :w]


def tiled(planes: Host) -> Host:
    """Tiles [...,h,t,256] from planes [4,...,h,w]."""
    w = planes.shape[-1]
    t = tiles(w)
    padded = np.pad(planes, [(0, 0)] * (planes.ndim - 1) + [(0, t * LANES - w)])
    rows = np.moveaxis(padded.reshape(*padded.shape[:-1], t, LANES), 0, -2)
    return np.ascontiguousarray(rows.reshape(*rows.shape[:-2], TILE))
