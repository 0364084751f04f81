"""An NVIDIA GPU: CuPy arrays in its memory, kernels compiled by NVRTC, and three streams of our own.

Kernels, graphs and libraries are enqueued in order on the *compute* stream. Copies from the host go on the *up* stream
and copies to the host on the *down* stream, through page-locked memory; one stream for both would let an upload wait
behind a download, which waits for kernels. Events tie a copy to the kernels before and after it and to nothing else,
so the next frame comes up while this one is worked on. Nothing here touches the null stream or waits for the device;
`download` and `synchronise` wait for an event, asleep and without the interpreter's lock.

What keeps memory right, by hazard:

- *kernels read an upload*: the compute stream waits for each upload as soon as it is enqueued.
- *an upload overwrites what kernels still read*: it waits for them. Memory that came home to its pool was marked with
  an event when its last array died, and only that event is waited for; any other memory (scratch, a part of an array)
  waits for all kernels enqueued so far.
- *an array dies before its copy or its kernels have run*: its memory is used again on the compute stream, in order
  behind them, or by another upload, which waits as above.
- *the host refills page-locked memory*: only after the event of the copy that read it.
- *memory that a capture takes for CuPy's temporaries*: belongs to the recording and lives as long.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bgflow.devices import Host, Meter, parts
from bgflow.devices.cpu import fill, spread
from bgflow.errors import DeviceError, OutOfMemory
from bgflow.frame import Array
from bgflow.kernel import Kernel
from bgflow.nvidia import Failing, cupy_for
from bgflow.nvrtc import Loaded
from bgflow.staging import Fence, Page, Ring, mib, same_size, text_of


class Cuda:
    """One GPU, shared by all threads; `title` is its name, memory and compute capability in words."""

    simt = True

    def __init__(self, index: int, cupy: Any):
        self.name, self.cupy, self._index = f"cuda:{index}", cupy, index
        self.meter = Meter()
        about = cupy.cuda.runtime.getDeviceProperties(index)
        memory = about["totalGlobalMem"] / 2**30
        self.title = f"{about['name'].decode()}, {memory:.0f} GiB, compute capability {about['major']}.{about['minor']}"
        self._device = cupy.cuda.Device(index)
        with self._device:
            self._compute, self._up, self._down = (cupy.cuda.Stream(non_blocking=True) for _ in range(3))
        self._pool = cupy.cuda.MemoryPool()  # our own: nobody else's `free_all_blocks` or limit reaches it
        self._fences: dict[int, Fence] = {}
        self._rings: dict[int, Ring] = {}
        self._loaded: dict[Kernel, Loaded] = {}
        self._loading = threading.Lock()
        self._own = Own()
        self._failing = Failing(self.name, cupy)

    # -- memory ------------------------------------------------------------------------------------------------

    def itemsize(self, dtype: Any) -> int:
        return int(np.dtype(dtype).itemsize)

    def block(self, nbytes: int) -> Any:
        with self._device, self._compute:  # CuPy gives memory that was freed back to the same stream, in its order
            try:
                block = self._pool.malloc(nbytes)
            except self.cupy.cuda.memory.OutOfMemoryError as e:
                free, total = self._device.mem_info
                raise OutOfMemory(
                    f"{self.name}: wanted {mib(nbytes)}, but {mib(free)} of {mib(total)} are free "
                    f"and bgflow holds {mib(self._pool.total_bytes())}"
                ) from e
        self._fences[block.ptr] = fence = Fence(self._event())  # whatever CuPy used this memory for before
        fence.event.record(self._compute)
        return block

    def freed(self, block: Any) -> None:
        """Runs in `__del__`, so at any point of any thread: it takes no lock and raises nothing."""
        fence = self._fences.get(block.ptr)
        if fence is None or not fence.uploaded or sys.is_finalizing():
            return
        with contextlib.suppress(self.cupy.cuda.runtime.CUDARuntimeError):  # then it is not fresh, which is safe
            fence.event.record(self._compute)
            fence.fresh = True

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        size = math.prod(shape) * self.itemsize(dtype)
        memory = self.cupy.cuda.UnownedMemory(block.ptr, size, owner, self._index)
        return self.cupy.ndarray(shape, dtype, self.cupy.cuda.MemoryPointer(memory, 0))

    def owns(self, array: Array) -> bool:
        return isinstance(array, self.cupy.ndarray) and array.data.device_id == self._index

    def address(self, array: Array) -> int:
        """Who asks is about to use the memory on the compute stream, so the event of its last life is out of date."""
        place = array.data
        fence = self._fences.get(place.mem.ptr)
        if fence is not None:
            fence.fresh = False
        address: int = place.ptr
        return address

    # -- copies ------------------------------------------------------------------------------------------------

    def upload(self, host: Host | Sequence[Host], out: Array) -> None:
        self._refuse("an upload")
        if not out.flags.c_contiguous:
            raise DeviceError(f"upload: {text_of(out)} on {self.name} has gaps; upload into an array without")
        same_size("upload", parts(host), out)
        with self._failing, self._staged(out) as page:
            fill(parts(host), page.array(out))
            self._up.wait_event(self._settled(out, page))
            out.data.copy_from_host_async(page.memory.ptr, out.nbytes, self._up)
            page.done.record(self._up)
            self._compute.wait_event(page.done)
        self.meter.up(out.nbytes)

    def download(self, array: Array, out: Host | Sequence[Host]) -> None:
        self._refuse("a download")
        same_size("download", parts(out), array)
        if not array.flags.c_contiguous:
            with self.active():
                array = array.copy(order="C")
        with self._failing, self._staged(array) as page:
            page.ready.record(self._compute)
            self._down.wait_event(page.ready)
            array.data.copy_to_host_async(page.memory.ptr, array.nbytes, self._down)
            page.done.record(self._down)
            page.done.synchronize()
            spread(page.array(array), parts(out))
        self.meter.down(array.nbytes)

    def _settled(self, out: Array, page: Page) -> Any:
        """An event after which no kernel enqueued so far uses the memory of `out`."""
        memory = out.data.mem
        fence = self._fences.get(memory.ptr)
        if fence is not None:
            fence.uploaded = True
            if fence.fresh and memory.size == out.nbytes:
                fence.fresh = False
                return fence.event
            fence.fresh = False
        page.ready.record(self._compute)
        return page.ready

    @contextlib.contextmanager
    def _staged(self, array: Array) -> Iterator[Page]:
        """Page-locked memory for one copy of `array`."""
        size = max(int(array.nbytes), 1)
        ring = self._rings.get(size) or self._rings.setdefault(size, Ring(lambda: self._page(size)))
        page = ring.take()
        try:
            yield page
        finally:
            ring.give(page)

    def _page(self, nbytes: int) -> Page:
        memory = self.cupy.cuda.alloc_pinned_memory(nbytes)
        return Page(memory, np.frombuffer(memory, np.uint8, nbytes), self._event(), self._event())

    def _event(self) -> Any:
        with self._device:
            return self.cupy.cuda.Event(block=True, disable_timing=True)

    # -- work --------------------------------------------------------------------------------------------------

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        if 0 in extent:
            return
        loaded = self._loaded.get(kernel) or self._load(kernel)
        began = time.perf_counter_ns()
        with self._failing, self._here():
            loaded.launch(extent, values, self._stream)
        self._did(began)

    def enqueue(self, call: Callable[[int], None]) -> None:
        began = time.perf_counter_ns()
        with self._failing, self.active():
            call(self._stream.ptr)
        self._did(began)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        with self._device, self._stream:
            yield

    @contextlib.contextmanager
    def capture(self) -> Iterator[Tape]:
        if self._own.tape is not None:
            raise DeviceError("a capture cannot begin inside a capture")
        cuda = self.cupy.cuda
        pool = cuda.MemoryPool()
        tape = Tape(self, pool)
        with self._failing, self._device:
            stream = self._own.stream or cuda.Stream(non_blocking=True)
            self._own.stream = None  # comes back if the capture ends well; a broken one may leave it unusable
            with stream, cuda.using_allocator(pool.malloc):
                # relaxed: pools may ask for memory meanwhile, and other threads copy and launch as ever
                stream.begin_capture(cuda.runtime.streamCaptureModeRelaxed)
                self._own.tape, self._own.capturing = tape, stream
                try:
                    yield tape
                except BaseException:
                    with contextlib.suppress(cuda.runtime.CUDARuntimeError):
                        stream.end_capture()
                    raise
                finally:
                    self._own.tape = self._own.capturing = None
                tape.graph = stream.end_capture()
            tape.graph.upload(self._compute)
            self._own.stream = stream

    def synchronise(self) -> None:
        """Uploads are waited for by the compute stream and downloads by their callers, so this waits for all."""
        event = self._event()
        with self._failing:
            event.record(self._compute)
            event.synchronize()

    @property
    def _stream(self) -> Any:
        """Where this thread's work goes: the compute stream, or that of its capture."""
        return self._own.capturing or self._compute

    def _did(self, began: int) -> None:
        if self._own.tape is not None:
            self._own.tape.launches += 1
        else:
            self.meter.launch(1, time.perf_counter_ns() - began)

    def _here(self) -> Any:
        """This GPU as the thread's current one; entering it costs more than looking."""
        return _NOTHING if self.cupy.cuda.runtime.getDevice() == self._index else self._device

    def _load(self, kernel: Kernel) -> Loaded:
        with self._loading:
            if kernel not in self._loaded:
                with self._device:
                    self._loaded[kernel] = Loaded(self.cupy, kernel, self.address)
            return self._loaded[kernel]

    def _refuse(self, what: str) -> None:
        if self._own.tape is not None:
            raise DeviceError(f"{what} cannot be captured: its host memory is another one at the next instant")


class Own(threading.local):
    """What a thread is capturing into, and the stream that it captures with."""

    tape: Tape | None = None
    capturing: Any = None
    stream: Any = None


class Tape:
    """A CUDA graph, with the memory that CuPy took for it."""

    def __init__(self, cuda: Cuda, pool: Any):
        self.launches = 0
        self.graph: Any = None
        self._cuda, self._pool = cuda, pool
        self._lock = threading.Lock()  # CUDA leaves it to us that one graph is not launched by two threads at once

    def replay(self) -> None:
        cuda, began = self._cuda, time.perf_counter_ns()
        if cuda._own.tape is not None:
            raise DeviceError("a recording cannot be replayed inside a capture")
        if self.graph is None:
            raise DeviceError("this recording cannot be replayed: its capture has not ended well")
        with cuda._failing, cuda._here(), self._lock:
            self.graph.launch(cuda._compute)
        cuda.meter.launch(1, time.perf_counter_ns() - began)


_NOTHING = contextlib.nullcontext()


_made: dict[int, Cuda] = {}
_making = threading.Lock()


def make(index: int) -> Cuda:
    """GPU number `index`: always the same object, since its streams order the work of all.

    Raises:
        DeviceError: CuPy, NVRTC or a driver that is new enough is missing, or there is no such GPU.
    """
    with _making:
        if index not in _made:
            _made[index] = Cuda(index, cupy_for(index))
        return _made[index]
