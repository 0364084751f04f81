"""Files that are replaced whole or not at all: written beside their place, renamed; nobody ever reads half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def aside(file: str | Path, *, durable: bool = False) -> Iterator[Path]:
    """A new path beside `file` to write to; it takes the file's place when the block ends, and is gone when it raises.

    `durable` holds also when the machine loses its power, and takes some milliseconds. Any number of threads and
    processes may write one file: the last to end is what stays. Raises OSError, as the block itself may.
    """
    file = Path(file)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        if durable:
            _sync(part)
        part.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    if durable and os.name == "posix":  # elsewhere a folder cannot be opened
        _sync(file.parent)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
