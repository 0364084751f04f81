"""Look at any outputs of a running graph: as one picture, or as pictures of one frame that the looker asks for in turn.

Nobody queues: a looker gets the newest frame when it asks for the next one, and what came meanwhile is passed over. A
picture is drawn and coded on threads of its own, never on one of the graph's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode
from aiohttp import web as http

from bgflow.devices import to_host
from bgflow.document import near
from bgflow.errors import UsageError
from bgflow.web.outline import types
from bgflow.web.view import Drawn, draw, look_of

if TYPE_CHECKING:
    from bgflow.tap import Shot, Taps
    from bgflow.web.server import Web

LOOKERS = 8
AT_ONCE = 4  # outputs of one look
LEAST, USUAL, MOST = 16, 640, 3840  # px of a picture's width
SPACING = 1 / 30  # seconds from one picture to the next, at least
PATIENCE = 1.0  # seconds until outputs that have given nothing are not waited for any more
LONGEST = 10.0  # seconds that a single picture is waited for
THREADS = 2
log = logging.getLogger("bgflow.look")


class Looks:
    """`/api/look` of one server; `web.controls` is the run's."""

    def __init__(self, web: Web):
        self.web = web
        self._lookers = 0
        self._sockets: set[http.WebSocketResponse] = set()
        self._threads = ThreadPoolExecutor(THREADS, "bgflow:look")

    def routes(self) -> list[http.RouteDef]:
        """What aiohttp is to serve."""
        return [
            http.get("/api/look", self._follow),
            http.get("/api/look/{name}.jpg", self._one),
        ]

    async def close(self) -> None:
        """Say goodbye to everybody."""
        for socket in list(self._sockets):
            await socket.close()

    async def end(self) -> None:
        """Give the threads back, when nobody is left who might want one."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    @property
    def _taps(self) -> Taps:
        taps: Taps | None = self.web.controls.taps if self.web.controls else None
        if taps is None:
            raise UsageError("this server has no run; there is nothing to look at")
        return taps

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """One of the few places there are."""
        if self._lookers >= LOOKERS:
            raise UsageError(f"{LOOKERS} look already, and more would slow the graph down; close one")
        self._lookers += 1
        try:
            yield
        finally:
            self._lookers -= 1

    async def _one(self, request: http.Request) -> http.StreamResponse:
        """The next picture of one output."""
        taps, name = self._taps, request.match_info["name"]
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise http.HTTPForbidden(text="other pages may not look; open this server's own")
        try:
            checked(taps, [name])
        except UsageError as e:
            raise http.HTTPNotFound(text=str(e)) from None
        with self._place(), Looker(taps, self._threads) as looker:
            looker.want({"show": [name], "width": _number(request.query.get("width", str(USUAL)))})
            try:
                async with asyncio.timeout(LONGEST):
                    header, jpegs = await looker.next()
                    while not jpegs[0]:
                        header, jpegs = await looker.next()
            except TimeoutError:
                text = f"{name} has given nothing for {LONGEST:g} s"
                raise http.HTTPServiceUnavailable(text=text) from None
        return http.Response(body=jpegs[0], content_type="image/jpeg", headers={"Frame": str(header["frame"])})

    async def _follow(self, request: http.Request) -> http.StreamResponse:
        """Take {"show": […], "width": 640, "next": true}; send a frame's pictures for each `next`."""
        taps = self._taps
        with self._place(), Looker(taps, self._threads) as looker:
            socket = http.WebSocketResponse(heartbeat=20, max_msg_size=16 * 1024)
            await socket.prepare(request)
            self._sockets.add(socket)
            sending = asyncio.create_task(_send(socket, looker))
            try:
                async for message in socket:
                    if message.type == http.WSMsgType.TEXT:
                        try:
                            looker.want(_read(message.data))
                        except ValueError as e:
                            await socket.send_json({"error": str(e)})
            finally:
                self._sockets.discard(socket)
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        return socket


async def _send(socket: http.WebSocketResponse, looker: Looker) -> None:
    """Send one look after the other, each when it was asked for."""
    try:
        while True:
            await looker.asked.wait()
            looker.asked.clear()
            began = time.monotonic()
            header, jpegs = await looker.next()
            head = json.dumps(header).encode()
            await socket.send_bytes(b"".join((len(head).to_bytes(4, "big"), head, *jpegs)))
            await asyncio.sleep(SPACING - (time.monotonic() - began))
    except ConnectionError:
        pass
    except Exception as e:  # something that cannot be drawn; nobody shall wait for it for ever
        log.warning("a look has failed: %s: %s", type(e).__name__, e)
        await socket.close(code=WSCloseCode.INTERNAL_ERROR)


class Looker:
    """Somebody who looks: at what, how large, and what he has seen. It belongs to the event loop."""

    def __init__(self, taps: Taps, threads: ThreadPoolExecutor):
        self._taps, self._threads = taps, threads
        self._types = types(taps.plan.graph)
        self._loop = asyncio.get_running_loop()
        self._show: list[str] = []
        self._width = USUAL
        self.asked = asyncio.Event()
        """Whether he waits for the next look."""
        self._came = asyncio.Event()
        self._waits = False
        self._last: Fraction | None = None
        self._since = 0.0
        self._taken = contextlib.ExitStack()

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, *_: object) -> None:
        self._taken.close()

    def want(self, said: dict[str, Any]) -> None:
        """Take one message. Raises UsageError, and then all stays as it was."""
        if unknown := sorted(said.keys() - {"show", "width", "next"}):
            raise UsageError(f"a look has no {unknown[0]!r}{near(unknown[0], ('show', 'width', 'next'))}")
        show, width = said.get("show", self._show), said.get("width", self._width)
        checked(self._taps, show)
        if isinstance(width, bool) or not isinstance(width, int) or not LEAST <= width <= MOST:
            raise UsageError(f"width is a number of pixels from {LEAST} to {MOST}, not {width!r}")
        if (show, width) != (self._show, self._width):
            self._last = None
        if show != self._show:
            self._show, self._since = list(show), time.monotonic()
            with self._taken:  # which is left after the new one is there, so that what both have stays
                self._taken = contextlib.ExitStack()
                self._taken.enter_context(self._taps.looking(frozenset(show), self._tell))
        self._width = width
        self._came.set()
        if said.get("next"):
            if not show:
                raise UsageError('say what to look at: {"show": ["stage.output"], "next": true}')
            self.asked.set()

    def _tell(self) -> None:
        """An instant is over; called on the threads of stages."""
        if self._waits:
            self._waits = False
            with contextlib.suppress(RuntimeError):  # the loop was closed in this very moment
                self._loop.call_soon_threadsafe(self._came.set)

    async def next(self) -> tuple[dict[str, Any], list[bytes]]:
        """The header and the JPEGs of the next frame of what is wanted then."""
        while True:
            self._waits = True  # before looking: what comes meanwhile sets the event
            self._came.clear()
            patient = time.monotonic() < self._since + PATIENCE
            show, width = self._show, self._width
            if show and (shot := self._taps.pick(show, self._last, patient)):
                self._waits, self._last = False, shot.time
                return await self._loop.run_in_executor(self._threads, self._drawn, show, width, shot)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), PATIENCE if patient else None)

    def _drawn(self, show: Sequence[str], width: int, shot: Shot) -> tuple[dict[str, Any], list[bytes]]:
        """On a thread of its own."""
        pictures, jpegs = [], []
        for key, sample, age in zip(show, shot.samples, shot.ages, strict=True):
            kind = self._types[key]
            drawn = draw(to_host(sample.value), kind, width) if sample else Drawn(b"", 0, 0)
            jpegs.append(drawn.jpeg)
            about = {"of": key, "type": str(kind), "look": look_of(kind), "age": age, "bytes": len(drawn.jpeg)}
            size = {"width": drawn.width, "height": drawn.height, "low": drawn.low, "high": drawn.high}
            pictures.append({**about, **size})
        return {"frame": shot.frame, "time_s": round(float(shot.time), 6), "pictures": pictures}, jpegs


def checked(taps: Taps, show: Any) -> None:
    """Raise UsageError for what cannot be looked at."""
    graph = taps.plan.graph
    if not isinstance(show, list) or not all(isinstance(it, str) for it in show):
        raise UsageError('show is a list of outputs: ["stage.output"]')
    if len(show) > AT_ONCE:
        raise UsageError(f"{len(show)} outputs are too many for one look; show {AT_ONCE} at most")
    known = types(graph)
    for key in show:
        if key in known:
            continue
        name, _, out = key.partition(".")
        if name not in graph.nodes:
            raise UsageError(f"no stage is named {name!r}{near(name, graph.nodes)}")
        stage = graph.nodes[name].stage
        if out in stage.outputs:
            raise UsageError(f"{key} is {stage.outputs[out].type}, which cannot be drawn as a picture")
        shown = [it.partition(".")[2] for it in known if it.startswith(f"{name}.")]
        raise UsageError(f"{name} ({stage.use}) has no output {out!r}{near(out, shown) or '; it is a sink'}")


def _read(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except json.JSONDecodeError as e:
        raise UsageError(f"the message is not JSON: {e}") from e
    if not isinstance(said, dict):
        raise UsageError('a message is {"show": ["stage.output"], "width": 640, "next": true}')
    return said


def _number(text: str) -> Any:
    return int(text) if text.isdecimal() else text
