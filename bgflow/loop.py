"""The event loop of a run, on a thread of its own, for stages that talk to the network."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Loop:
    """An asyncio loop that is started when it is first wanted; any thread may ask for it, one ends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def begun(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        import asyncio

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="bgflow:loop")
                self._thread.start()
            return self._loop

    def end(self, patience: float) -> None:
        """Cancel what still runs, wait so many seconds for it, and close; nothing where it was never begun."""
        if self._loop is None or self._thread is None:
            return
        import asyncio

        loop = self._loop
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_cancel_rest(), loop).result(patience)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _cancel_rest() -> None:
    """Cancel all tasks but this one, and see them end."""
    import asyncio

    rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
