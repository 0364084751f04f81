"""What copies to and from a GPU need: page-locked memory, and what is known of the block at the other end."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bgflow.devices import Host
from bgflow.errors import DeviceError
from bgflow.frame import Array

DEPTH = 3  # page-locked buffers of one size, before a copy waits for an earlier one


class Page:
    """Page-locked memory for one copy at a time; `ready`: the copy may begin, `done`: it has ended."""

    def __init__(self, memory: Any, raw: Host, ready: Any, done: Any):
        self.memory, self.raw, self.ready, self.done = memory, raw, ready, done

    def array(self, like: Array) -> Host:
        """The memory in the shape and dtype of an array of the device."""
        shaped: Host = self.raw[: like.nbytes].view(like.dtype).reshape(like.shape)
        return shaped


class Ring:
    """Pages of one size; the one whose copy began first is used first, and its copy waited for."""

    def __init__(self, make: Callable[[], Page]):
        self._make, self._made, self._lock = make, 0, threading.Lock()
        self._pages: collections.deque[Page] = collections.deque()

    def take(self) -> Page:
        with self._lock:
            page = self._pages.popleft() if self._pages else None
            if page is not None and not page.done.done and self._made < DEPTH:
                self._pages.appendleft(page)
                page = None
            self._made += page is None
        if page is None:
            return self._make()
        page.done.synchronize()
        return page

    def give(self, page: Page) -> None:
        """For the next copy, which waits for `page.done`."""
        with self._lock:
            self._pages.append(page)


class Fence:
    """What is known of one block: whether uploads go there, and the event after which it was free."""

    __slots__ = ("event", "fresh", "uploaded")

    def __init__(self, event: Any):
        self.event = event
        self.fresh = True  # the block was not used since the event
        self.uploaded = False  # until then, an event would never be waited for


def text_of(array: Array) -> str:
    """An array's dtype and shape, for messages."""
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"


def same_size(what: str, host: Sequence[Host], array: Array) -> None:
    """Refuse a copy between memory of different sizes."""
    found = sum(part.size for part in host)
    if found != array.size:
        raise DeviceError(f"{what}: {found} elements of the host for {text_of(array)}; it takes {array.size}")


def mib(nbytes: int) -> str:
    """So many bytes, for messages."""
    return f"{nbytes / 2**20:.1f} MiB"
