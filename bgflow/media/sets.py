"""A set of pictures of one scene on disk: the empty scene, people in it, and a manifest that says what they are."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.aside import aside
from bgflow.devices import Host
from bgflow.errors import MediaError

STEP = 4  # pixels from one that is looked at for the exposure to the next
DARK = 8  # levels below which a plate's pixel tells nothing of the gain


class PictureSet:
    """A new folder `set{n}` in `path`; n is the next that is free, also when others look for one at this moment.

    Every file appears whole or not at all, the manifest after the picture that it tells of.

    Raises:
        MediaError: the folder, or a file in it, cannot be written.
    """

    def __init__(self, path: str, camera: str, consent: str):
        root = Path(path).expanduser()
        try:
            root.mkdir(parents=True, exist_ok=True)
            self.folder = _new(root)
        except OSError as e:
            raise MediaError(f"{path}: no set can be made there: {(e.strerror or str(e)).lower()}") from e
        self._plate: Host | None = None
        self._count = 0
        self._about: dict[str, Any] = {
            "set": self.folder.name,
            "created": _now(),
            "size": [0, 0],
            "device": {"camera": camera or "unknown", "system": f"{platform.system()} {platform.machine()}"},
            "consent": consent,
            "files": {},
        }

    def add_plate(self, plate: Host, quality: float, time: float) -> str:
        """Write `bkg.png`; returns what it is called, such as set1/bkg.png."""
        self._plate = np.ascontiguousarray(plate[::STEP, ::STEP])
        self._about["size"] = [plate.shape[1], plate.shape[0]]
        return self._add("bkg.png", plate, {"quality": round(quality, 4), "stream_s": time})

    def add(self, picture: Host, time: float) -> str:
        """Write the next `{k}.png`; returns what it is called."""
        name = f"{self._count}.png"
        told = self._add(name, picture, {"gain": self._gain(picture), "stream_s": time})
        self._count += 1
        return told

    def _add(self, name: str, picture: Host, facts: dict[str, Any]) -> str:
        from PIL import Image

        data = io.BytesIO()
        Image.fromarray(picture).save(data, "PNG", compress_level=1)
        file, body = self.folder / name, data.getvalue()
        _write(file, body)
        mean = [round(float(v), 2) for v in picture[::STEP, ::STEP].mean((0, 1))]
        entry = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body), "time": _now(), "mean": mean, **facts}
        self._about["files"][name] = entry
        _write(self.folder / "manifest.json", (json.dumps(self._about, indent=2, ensure_ascii=False) + "\n").encode())
        return f"{self.folder.name}/{name}"

    def _gain(self, picture: Host) -> list[float] | None:
        """How much brighter each channel is than in the plate: the median ratio, which people in it do not move."""
        seen, plate = picture[::STEP, ::STEP].reshape(-1, 3), self._plate
        if plate is None or plate.size != seen.size:
            return None
        flat = plate.reshape(-1, 3)
        good = (flat >= DARK).all(1) & (flat < 250).all(1)
        if not good.any():
            return None
        return [round(float(v), 4) for v in np.median(seen[good] / flat[good].astype(np.float32), 0)]


def _new(root: Path) -> Path:
    """The first `set{n}` beyond those there are; making it is what claims it."""
    numbers = [int(m[1]) for p in root.iterdir() if (m := re.fullmatch(r"set(\d+)", p.name))]
    n = max(numbers, default=0) + 1
    while True:
        folder = root / f"set{n}"
        try:
            folder.mkdir()
        except FileExistsError:
            n += 1
        else:
            return folder


def _write(file: Path, body: bytes) -> None:
    try:
        with aside(file) as part:
            part.write_bytes(body)
    except OSError as e:
        raise MediaError(f"{file}: cannot be written: {(e.strerror or str(e)).lower()}") from e


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
