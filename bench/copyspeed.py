"""How fast this machine copies memory on all its cores: no kernel that has to move as many bytes can be faster."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bgflow import environment

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
LEAST, MOST = 1 << 26, 1 << 28  # bytes of the array that is copied
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Copy:
    """A copy between two arrays far larger than the caches; call it to copy once, on all cores of this process.

    `nbytes` are read and as many written. `close` ends its threads.
    """

    def __init__(self, nbytes: int | None = None) -> None:
        self.nbytes = nbytes or min(max(4 * largest_cache(), LEAST), MOST)
        source, target = np.ones(self.nbytes, np.uint8), np.zeros(self.nbytes, np.uint8)  # written: pages are there
        cores = environment.cores()
        self._parts = list(zip(np.array_split(target, cores), np.array_split(source, cores), strict=True))
        self._threads = ThreadPoolExecutor(cores, "bgflow-copy")

    def __call__(self) -> None:
        for _ in self._threads.map(lambda part: np.copyto(*part), self._parts):
            pass

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()


def largest_cache() -> int:
    """Bytes of the largest cache that a core sees; 0 where the system does not tell."""
    sizes = [re.fullmatch(r"(\d+)([KMG]?)", file.read_text().strip()) for file in CACHES.glob("index*/size")]
    return max((int(m[1]) * UNITS[m[2]] for m in sizes if m), default=0)
