"""What a process that runs graphs changes for itself at its start: `bgflow` does so, and what measures it."""

from __future__ import annotations

import contextlib
import ctypes
import sys

SWITCH = 0.0005  # seconds; a busy Python thread delays every hand-over by up to this long
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # of malloc.h
LARGE = 1 << 20  # bytes


def prepare() -> None:
    """Hand the interpreter over sooner, and use one heap; to be called before there are other threads."""
    sys.setswitchinterval(SWITCH)
    _share_heap()


def _share_heap() -> None:
    """Have all threads take memory from one heap, each of whose own would keep what its thread freed: 50 MB in all.

    What is as large as a frame is mapped for itself and given back when it is freed. Else glibc would take it from the
    heap from the first such free on, and keep 30 MB between what is still in use.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_ARENA_MAX, 1)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
