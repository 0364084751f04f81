"""What takes long to make of a network and suits one machine only, kept on disk: plans, compiled networks, ranges.

A file's name has the hash of its key in it, and its first lines the key itself and the hash of the rest. So whatever
the key tells apart lies in files of its own, and a file that was cut short or changed is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from bgflow.aside import aside
from bgflow.errors import DeviceError

T = TypeVar("T")
log = logging.getLogger("bgflow.models")

Key = Mapping[str, object]
UNUSED = 60 * 24 * 3600.0  # seconds after which what can be made again in seconds is thrown away


def folder() -> Path:
    """Where they lie: `engines` in `BGFLOW_CACHE`, else in the user's cache folder."""
    import platformdirs

    base = os.environ.get("BGFLOW_CACHE") or platformdirs.user_cache_dir("bgflow", appauthor=False)
    return Path(base).expanduser().absolute() / "engines"


def place(name: str, key: Key) -> Path:
    """The file for this key; `name` is for people, its suffix says what is inside."""
    stem, dot, suffix = name.rpartition(".")
    return folder() / f"{stem}-{_digest(_line(key))[:16]}{dot}{suffix}"


def kept(name: str, key: Key, make: Callable[[], bytes], take: Callable[[bytes], T | None]) -> T:
    """What `take` makes of the file's contents; where it is missing, damaged or not taken, `make` gives them anew.

    One process makes it, others that want it wait.

    Raises:
        DeviceError: the folder cannot be written, or what was just made is not taken.
    """
    import filelock

    file = place(name, key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{file}.lock")
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=0)
        if not lock.is_locked:
            log.info("%s is being made by another process; waiting for it", file.name)
            lock.acquire()
    except OSError as e:
        raise DeviceError(f"{file.parent}: cannot be written: {e.strerror}; BGFLOW_CACHE names another folder") from e
    try:
        if (there := found(name, key, take)) is not None:
            return there
        data = make()
        write(file, _head(data, key) + data)
        if (there := take(data)) is None:
            raise DeviceError(f"{file}: what was just made is not taken back; see the messages before")
        return there
    finally:
        lock.release()


def found(name: str, key: Key, take: Callable[[bytes], T | None]) -> T | None:
    """What `take` makes of the file's contents; None where it is missing, damaged or not taken."""
    file = place(name, key)
    if (data := _read(file, key)) is None:
        return None
    if (taken := take(data)) is None:
        log.info("%s does not fit here any more; it is made anew", file.name)
    with contextlib.suppress(OSError):  # somebody else's folder
        os.utime(file)
    return taken


def keep(name: str, key: Key, data: bytes) -> None:
    """Have `data` there the next time. It takes seconds to make, so a folder that cannot be written is no failure.

    Files of its kind that nobody has used for two months go.
    """
    file = place(name, key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, _head(data, key) + data)
        _prune(file.suffix)
    except (OSError, DeviceError) as e:
        log.info("%s is not kept: %s", file.name, e)


def _prune(suffix: str) -> None:
    """Throw away the files of one kind that were not used for long."""
    for file in folder().glob(f"*{suffix}"):
        with contextlib.suppress(OSError):  # another process has just done so
            if time.time() - file.stat().st_mtime > UNUSED:
                file.unlink()


def write(file: Path, data: bytes) -> None:
    """Write beside the file and rename, so that nobody reads half of it; raises DeviceError when the disk is full."""
    try:
        with aside(file) as part:
            part.write_bytes(data)
    except OSError as e:
        raise DeviceError(f"{file}: cannot be written: {e.strerror}; BGFLOW_CACHE names another folder") from e


def _head(data: bytes, key: Key) -> bytes:
    return f"{_line(key)}\n{_digest(data)}\n".encode()


def _read(file: Path, key: Key) -> bytes | None:
    """What follows the head; None where the file is missing or has another head."""
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        log.info("%s cannot be read: %s", file, e.strerror)
        return None
    line, _, rest = found.partition(b"\n")
    said, _, data = rest.partition(b"\n")
    if line != _line(key).encode() or said != _digest(data).encode():
        log.info("%s is damaged; it is made anew", file.name)
        return None
    return data


def _line(key: Key) -> str:
    return json.dumps(key, sort_keys=True, default=str)


def _digest(data: str | bytes) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
