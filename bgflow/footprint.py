"""Give memory back that only the start of a run needed.

A library's code stays resident once it was read: LLVM's, which has loaded the kernels and is not called again, is
70 MB, and what of OpenVINO compiles a network 20. The pages are clean copies of files, so they may be forgotten; what
still runs is mapped again at its next use, from the system's cache of files, in microseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

from bgflow.frame import WARM_UP

SHRINKS = (1, WARM_UP, 3 * WARM_UP)  # frames after which much of what was needed so far is not needed any more
MADV_DONTNEED = 4  # of sys/mman.h on Linux
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) ")


def shrink() -> None:
    """Forget code that was not called for, and let the heap's free end go; a few milliseconds. Linux with glibc."""
    with contextlib.suppress(OSError, AttributeError):  # another system, or C library
        libc = ctypes.CDLL(None)
        libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for start, size in clean():
            libc.madvise(start, size, MADV_DONTNEED)
        libc.malloc_trim(0)


def clean() -> Iterator[tuple[int, int]]:
    """Address and size of each mapping of a file that nothing can write, and of which no page differs from the file."""
    start = size = 0
    for line in Path("/proc/self/smaps").read_text("utf-8", "replace").splitlines():
        if mapping := MAPPING.match(line):
            first, end, rights, inode = mapping.groups()
            start, size = int(first, 16), int(end, 16) - int(first, 16)
            if "w" in rights or inode == "0":
                size = 0
        elif size and line.startswith("Anonymous:") and line.split()[1] == "0":  # of pages that were written
            yield start, size
