"""A folder of pictures and what is known of each: its label, the draft of one, or nothing yet.

Beside `3.png` lie `3_mask.png` and, where something is unknown, `3_trimap.png`. Drafts, which are not finished, are in
the folder `.drafts` until the label is saved. `bkg.png` is the plate: the empty scene.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from bgflow.errors import BgflowError, MediaError, UsageError
from bgflow.label import mask
from bgflow.label.mask import Label
from bgflow.media.container import near, reason
from bgflow.media.pictures import EXTENSIONS, natural, upright_size

PLATE = "bkg.png"
MADE = ("_mask", "_trimap")  # how the stems of files end that are made here


class Stale(BgflowError):
    """Somebody else has written the label since it was read; nothing was overwritten."""


@dataclass(frozen=True)
class Entry:
    """One picture: `seen` changes with its file; `size` is height and width, or `fault` says why there are none."""

    file: Path
    seen: str
    size: tuple[int, int] = (0, 0)
    fault: str = ""

    @property
    def name(self) -> str:
        """What the page calls it."""
        return self.file.name

    @property
    def mask(self) -> Path:
        """Its mask's file."""
        return self.file.with_name(f"{self.file.stem}_mask.png")

    @property
    def trimap(self) -> Path:
        """Its trimap's file."""
        return self.file.with_name(f"{self.file.stem}_trimap.png")

    @property
    def draft(self) -> Path:
        """Its draft's file."""
        return self.file.parent / ".drafts" / f"{self.file.name}.png"


class PictureSet:
    """The pictures of a folder by name; `look` sees those that came meanwhile. Any thread may call.

    Raises:
        UsageError: the folder is missing, empty or cannot be written, or two pictures would share one mask.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        if not folder.is_dir():
            wrong = "is a file; give its folder" if folder.exists() else f"no such folder{near(folder)}"
            raise UsageError(f"{folder}: {wrong}")
        self._entries: dict[str, Entry] = {}
        self._empty: dict[str, tuple[str, bool]] = {}
        self._lock = threading.Lock()
        self.look()
        if not self._entries:
            raise UsageError(f"{folder}: holds no picture to label; pictures end in {', '.join(sorted(EXTENSIONS))}")
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as e:
            raise UsageError(f"{folder}: masks cannot be written here: {reason(e)}") from e

    @property
    def plate(self) -> Path | None:
        """The picture of the empty scene, if there is one."""
        file = self.folder / PLATE
        return file if file.is_file() else None

    def look(self) -> list[Entry]:
        """All pictures, in the order in which people count.

        Raises:
            UsageError: two of them would share one mask.
            MediaError: the folder has gone.
        """
        try:
            files = sorted((p for p in self.folder.iterdir() if _is_picture(p)), key=natural)
        except OSError as e:
            raise MediaError(f"{self.folder}: cannot be read: {reason(e)}") from e
        stems: dict[str, Path] = {}
        for file in files:
            if (other := stems.setdefault(file.stem, file)) != file:
                wrong = f"{other.name} and {file.name} would share {file.stem}_mask.png"
                raise UsageError(f"{self.folder}: {wrong}; rename one of them")
        with self._lock:
            known = self._entries
            self._entries = {p.name: _entry(p, known.get(p.name)) for p in files}
            return list(self._entries.values())

    def find(self, name: str) -> Entry | None:
        """The picture of this name; files that are no picture of the folder are not found."""
        return self._entries.get(name)

    def state(self, entry: Entry) -> str:
        """`done`, `empty` (done: background only), `draft`, or `` for a picture that nobody has touched."""
        if entry.draft.is_file():
            return "draft"
        if not entry.mask.is_file():
            return ""
        now = mask.version(entry.mask)
        if self._empty.get(entry.name, ("",))[0] != now:
            self._empty[entry.name] = now, mask.empty(entry.mask)
        return "empty" if self._empty[entry.name][1] else "done"

    def version(self, entry: Entry) -> str:
        """Of the saved label; '' where there is none."""
        return mask.version(entry.mask, entry.trimap)

    def label(self, entry: Entry) -> tuple[Label, str] | None:
        """The saved label and its version. Raises MediaError when its file is not to be used."""
        with self._lock:
            if not entry.mask.is_file():
                return None
            trimap = mask.read(entry.trimap, entry.size) if entry.trimap.is_file() else None
            return mask.joined(mask.read(entry.mask, entry.size), trimap), self.version(entry)

    def save(self, entry: Entry, label: Label, base: str) -> str:
        """Write mask and trimap, and throw the draft away; returns the new version.

        Raises:
            Stale: the saved label is not `base`, of which this one is a change.
            MediaError: the files cannot be written.
        """
        made, trimap = mask.split(label)
        with self._lock:
            if self.version(entry) != base:
                was = "changed" if entry.mask.is_file() else "removed"
                raise Stale(f"{entry.mask.name} was {was} meanwhile, in another window or by another program")
            if trimap is None:
                entry.trimap.unlink(missing_ok=True)
            else:
                mask.write(entry.trimap, mask.png(trimap))
            mask.write(entry.mask, mask.png(made))
            self._discard(entry)
            return self.version(entry)

    def draft(self, entry: Entry) -> tuple[Label, str, str] | None:
        """An unfinished label, its version, and the version of the saved label that it is a change of."""
        from PIL import Image

        with self._lock:
            if not entry.draft.is_file():
                return None
            with contextlib.suppress(MediaError, UsageError), Image.open(entry.draft) as picture:
                base = str(picture.info.get("Comment", ""))
                found = mask.received(entry.draft.read_bytes(), entry.size, entry.name)
                return found, mask.version(entry.draft), base
            return None

    def keep(self, entry: Entry, label: Label, base: str, before: str) -> str:
        """Keep an unfinished label; returns its version. Raises Stale when the draft is not the one of `before`."""
        with self._lock:
            self._is_draft(entry, before)
            try:
                entry.draft.parent.mkdir(exist_ok=True)
            except OSError as e:
                raise MediaError(f"{entry.draft.parent}: cannot be made: {reason(e)}") from e
            mask.write(entry.draft, mask.png(label, base))
            return mask.version(entry.draft)

    def discard(self, entry: Entry, before: str) -> None:
        """Throw a draft away. Raises Stale when it is not the one of `before`."""
        with self._lock:
            self._is_draft(entry, before)
            self._discard(entry)

    @staticmethod
    def _is_draft(entry: Entry, version: str) -> None:
        if version != mask.version(entry.draft):
            raise Stale(f"another window draws on {entry.name}")

    @staticmethod
    def _discard(entry: Entry) -> None:
        entry.draft.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are in it, or it is not there
            entry.draft.parent.rmdir()


def _is_picture(file: Path) -> bool:
    ours = file.name == PLATE or file.name.startswith(".") or file.stem.endswith(MADE)
    return file.suffix.lower() in EXTENSIONS and not ours and file.is_file()


def _entry(file: Path, known: Entry | None) -> Entry:
    seen = mask.version(file)
    if known and known.seen == seen:
        return known
    try:
        return Entry(file, seen, upright_size(file))
    except MediaError as e:
        return Entry(file, seen, fault=str(e).removeprefix(f"{file.parent}/"))
