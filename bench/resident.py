"""The memory of a process that is in the machine's memory now: its resident set."""

from __future__ import annotations

import os
from pathlib import Path

MB = 1e6
"""Bytes in a megabyte, as every row of the bench counts them."""


def resident(process: int | str = "self") -> int:
    """Bytes of a process, its libraries' too, by its number; 0 when it is gone or the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):  # nothing is in the file of a process that is just ending
        return 0
