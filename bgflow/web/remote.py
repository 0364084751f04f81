"""Set values, ask for actions and follow a run from outside: as REST, and as one WebSocket for all of it.

What comes from the network must not name files: a text is one of the parameter's own choices, a colour, numbers, or a
painting of the gallery.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web as http

from bgflow.errors import UsageError
from bgflow.web.guard import json_body

if TYPE_CHECKING:
    from bgflow.controls import Controls
    from bgflow.web.server import Web

T = TypeVar("T")
PLAIN = re.compile(r"#[0-9a-fA-F]{6}|gallery:[a-z0-9-]+|(?=.*\d)[-+\d. ]+")
PATIENCE = 2.0  # seconds until somebody who set a value or asked for an action is told that no frame has come
PERIOD = 1.0  # seconds between two figures
BACKLOG = 256  # events that a slow reader may be behind before it is let go
NO_FRAME = "no frame has come since, and it waits for one; start the camera"


class Remote:
    """`/api/controls`, `/api/set`, `/api/act` and `/api/live` of one server; `web.controls` is the run's."""

    def __init__(self, web: Web):
        self.web = web
        self._sockets: set[http.WebSocketResponse] = set()

    async def close(self) -> None:
        """Say goodbye to everybody."""
        for socket in list(self._sockets):
            await socket.close()

    def routes(self) -> list[http.RouteDef]:
        """What aiohttp is to serve."""
        return [
            http.get("/api/controls", self._list),
            http.post("/api/set", self._set),
            http.post("/api/act", self._act),
            http.get("/api/live", self._live),
        ]

    @property
    def _controls(self) -> Controls:
        if self.web.controls is None:
            raise UsageError("this server has no run; nothing can be set")
        found: Controls = self.web.controls
        return found

    async def _list(self, _: http.Request) -> http.StreamResponse:
        if self.web.controls is None:
            return http.json_response({"controls": [], "actions": []})
        shown = self.web.panel.shown
        controls = [{**it, **{k: shown(it[k]) for k in ("value", "file")}} for it in self._controls.list()]
        return http.json_response({"controls": controls, "actions": self._controls.actions()})

    async def _set(self, request: http.Request) -> http.StreamResponse:
        return http.json_response(await self._take(await json_body(request, {})))

    async def _act(self, request: http.Request) -> http.StreamResponse:
        body = await json_body(request, {"action": str})
        return http.json_response(await self._ask(body["action"], body.get("values")))

    async def _take(self, values: Any) -> dict[str, Any]:
        """Set values, all or none; the answer has the first frame that they hold for."""
        if not isinstance(values, dict) or not values:
            raise UsageError('the body must be an object such as {"stage.param": 1}')
        known = {f"{it['stage']}.{it['param']}": it for it in self._controls.list()}
        for target, value in values.items():
            about = known.get(target, {"file": None, "schema": {}})
            if isinstance(value, str) and value == self.web.panel.shown(about["file"]):
                values[target] = about["file"]  # back to what the graph says itself, which may well be a file
            elif not _harmless(value, about["schema"]):
                raise UsageError(
                    f"{target} is {value!r}, but what is set from outside names no files: give one of its choices, "
                    "a colour such as #2f52cf, gallery:NAME, or a number"
                )
        frame = await _soon(self._controls.update(values))
        return {"frame": frame} if frame is not None else {"frame": None, "message": NO_FRAME}

    async def _ask(self, action: str, values: Any) -> dict[str, Any]:
        """Ask for an action and wait for its answer."""
        if values is not None and not isinstance(values, dict):
            raise UsageError("values is an object of the action's parameters")
        asked = self._controls.act(action, values)
        done = await _soon(asked)
        if done is None:
            if asked.cancel():
                raise UsageError(f"{action}: no frame has come, so it was not done; start the camera")
            done = await asyncio.wrap_future(asked)
        return {"message": done.message, "frame": done.frame}

    async def _live(self, request: http.Request) -> http.StreamResponse:
        """Take {"id": 1, "set": {…}} and {"id": 2, "act": "stage.action", "values": {…}}; tell all that happens."""
        controls, loop = self._controls, asyncio.get_running_loop()
        socket = http.WebSocketResponse(heartbeat=20, max_msg_size=64 * 1024)
        await socket.prepare(request)
        events: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

        def put(event: Mapping[str, Any]) -> None:
            if events.qsize() < BACKLOG:
                events.put_nowait(event)
            elif request.transport:
                request.transport.abort()

        def follow(event: Mapping[str, Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed in this very moment
                loop.call_soon_threadsafe(put, event)

        tasks = _Tasks()
        self._sockets.add(socket)
        try:
            with controls.news.followed(follow):
                tasks.start(self._send(socket, events))
                tasks.start(self._figures(put))
                async for message in socket:
                    if message.type == http.WSMsgType.TEXT:
                        tasks.start(self._answer(message.data, put))
        finally:
            self._sockets.discard(socket)
            tasks.cancel_all()
        return socket

    async def _send(self, socket: http.WebSocketResponse, events: asyncio.Queue[Mapping[str, Any]]) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                event = dict(await events.get())
                if event["type"] == "values":
                    event["values"] = {k: self.web.panel.shown(v) for k, v in event["values"].items()}
                await socket.send_str(json.dumps(event))

    async def _figures(self, put: Any) -> None:
        if self._controls.figures is None:
            return
        figures = self._controls.figures()
        while True:
            await asyncio.sleep(PERIOD)
            put({"type": "figures", **figures.read()})

    async def _answer(self, text: str, put: Any) -> None:
        """Do what one message asks for, and tell its sender how that went."""
        number = None
        try:
            asked = json.loads(text)
            if not isinstance(asked, dict) or ("set" in asked) == ("act" in asked):
                raise UsageError('a message is {"set": {…}} or {"act": "stage.action"}')
            number = asked.get("id")
            if "set" in asked:
                told = await self._take(asked["set"])
            else:
                told = await self._ask(str(asked["act"]), asked.get("values"))
            put({"type": "answer", "id": number, **told})
        except ValueError as e:
            put({"type": "answer", "id": number, "error": str(e)})


class _Tasks:
    """The tasks of one connection."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def cancel_all(self) -> None:
        for task in list(self._running):
            task.cancel()


async def _soon(future: Future[T]) -> T | None:
    """A future's result; None when it has none in time, and it goes on waiting then."""
    waiting = asyncio.wrap_future(future)
    waiting.add_done_callback(lambda it: it.cancelled() or it.exception())  # nobody may be left to look at it
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(asyncio.shield(waiting), PATIENCE)
    return None


def _harmless(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value cannot name a file; what the parameter does not take at all is refused elsewhere."""
    if isinstance(value, str):
        return value in schema.get("enum", ()) or bool(PLAIN.fullmatch(value))
    return value is None or isinstance(value, bool | int | float)
