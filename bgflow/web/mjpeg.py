"""A moving picture as a stream of JPEGs, which every browser shows without a script (multipart/x-mixed-replace)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from aiohttp import web as http

from bgflow.web.latest import LatestToLoop

BOUNDARY = "bgflow-picture"


class Preview:
    """The newest JPEG of a sink and the browsers that wait for it; all but `jpegs.put` belongs to the loop."""

    def __init__(self, lost: Callable[[str], None]):
        self.watchers = 0
        self.jpegs: LatestToLoop[bytes] = LatestToLoop(self._show, lambda: lost("loop busy"))
        self._number = 0
        self._jpeg = b""
        self._came = asyncio.Event()

    def _show(self, jpeg: bytes) -> None:
        self._number, self._jpeg = self._number + 1, jpeg
        self._came.set()
        self._came = asyncio.Event()

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1

    async def _after(self, number: int) -> tuple[int, bytes]:
        while self._number <= number:
            await self._came.wait()
        return self._number, self._jpeg

    async def picture(self, _: http.Request) -> http.StreamResponse:
        """Send the next picture."""
        with self._watching():
            _number, jpeg = await self._after(self._number)
        return http.Response(body=jpeg, content_type="image/jpeg")

    async def stream(self, request: http.Request) -> http.StreamResponse:
        """Send every picture that this browser is fast enough for, until it leaves."""
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        response = http.StreamResponse(headers={"Content-Type": kind, "Cache-Control": "no-store"})
        await response.prepare(request)
        number = self._number
        with self._watching(), contextlib.suppress(ConnectionError):
            while True:
                number, jpeg = await self._after(number)
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                await response.write(b"".join((head.encode(), jpeg, b"\r\n")))
        return response
