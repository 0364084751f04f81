"""The web server of a run: the page, the signalling of its browsers, and what the run says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web as http

from bgflow.errors import UsageError
from bgflow.media.container import reason
from bgflow.web import running
from bgflow.web.files import files, page_folder
from bgflow.web.guard import LOCAL, Guard, address, bound, json_body
from bgflow.web.look import Looks
from bgflow.web.outline import outline
from bgflow.web.panel import Panel
from bgflow.web.recipe import recipe
from bgflow.web.remote import Remote

if TYPE_CHECKING:
    from bgflow.graph import Graph
    from bgflow.planning import Plan
    from bgflow.web.mjpeg import Preview
    from bgflow.web.peer import Peers
    from bgflow.web.track import Camera, Stream

OFFER_BYTES = 64 * 1024
log = logging.getLogger("bgflow.webrtc")


class Web:
    """One address. The socket is bound here, on any thread; everything else belongs to the loop that serves it.

    `option` is how `stage` is told another port.

    Raises:
        UsageError: the address is taken or not ours, or the certificate cannot be read.
    """

    def __init__(self, host: str, port: int, cert: str | None, key: str | None, stage: str, option: str = ""):
        self.host, self.local = host, host in LOCAL
        self.tls, self.cert = _tls(cert, key, stage), cert
        self.socket = bound(host, port, stage, option or f"{stage}.port=")
        self.port: int = self.socket.getsockname()[1]
        self.camera: Camera | None = None
        self.streams: dict[str, Stream] = {}
        self.preview: Preview | None = None
        self.peers: Peers | None = None
        self.controls: Any = None
        self.original: Graph | None = None
        """The graph as its file has it, where what runs was changed for looking at it."""
        self.ready = False
        self._users = 0
        self._runner: http.AppRunner | None = None
        self.panel, self._remote, self._looks = Panel(self), Remote(self), Looks(self)
        self._leave_list: Callable[[], None] | None = None

    @property
    def plan(self) -> Plan:
        """What the run does. Raises UsageError where there is none."""
        if self.controls is None or self.controls.taps is None:
            raise UsageError("this server has no run")
        found: Plan = self.controls.taps.plan
        return found

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        return address(self.host, self.port, tls=self.tls is not None)

    def take_camera(self, camera: Camera, stage: str) -> None:
        """Let this page feed a camera stage. Raises UsageError when it feeds another already."""
        if self.camera is not None:
            raise UsageError(f"{stage}: the page at {self.url} has a camera already; give {stage}.port another number")
        self.camera = camera

    def show(self, stream: Stream) -> None:
        """Show a result on this page."""
        stream.pictures.loop = asyncio.get_running_loop()
        self.streams[stream.name] = stream

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while at least one stage is inside; the last one out closes every connection."""
        self._users += 1
        try:
            if self._users == 1:
                await self._start()
            yield
        finally:
            self._users -= 1
            if not self._users:
                await self._stop()

    def announce(self) -> None:
        """Tell the page and the user that the run has begun; any thread."""
        self.ready = True
        self._leave_list = running.enlist(self.url, self.cert)
        log.info("open %s", self.url)
        if not self.local and not self.tls:
            log.info("browsers give their camera only to HTTPS or localhost; elsewhere set cert and key")

    async def _start(self) -> None:
        app = http.Application(middlewares=[Guard(self.host, self.url).middleware], client_max_size=OFFER_BYTES)
        app.add_routes(
            [
                http.get("/", self._index),
                files(page_folder()),
                http.get("/api/about", self._about),
                http.get("/api/status", self._status),
                http.post("/api/offer", self._offer),
                http.post("/api/leave", self._leave),
                http.get("/preview", self._preview_page),
                http.get("/preview.jpg", self._preview_picture),
                http.get("/preview.mjpg", self._preview_stream),
                *self.panel.routes(),
                *self._remote.routes(),
                *self._looks.routes(),
                http.get("/api/graph", self._graph),
                http.get("/api/graph.yaml", self._recipe),
            ]
        )
        self._runner = http.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        if self.socket.fileno() < 0:
            raise asyncio.CancelledError  # the run failed meanwhile, and its last stage has given the port back
        await http.SockSite(self._runner, self.socket, ssl_context=self.tls).start()

    async def _stop(self) -> None:
        if self._leave_list:
            self._leave_list()
        if self.peers:
            await self.peers.close_all()
        await self._remote.close()
        await self._looks.close()
        if self._runner:
            await self._runner.cleanup()
        await self._looks.end()
        self.panel.close()
        self.socket.close()

    async def _index(self, _: http.Request) -> http.StreamResponse:
        if not self.controls and self.preview:
            raise http.HTTPFound("/preview")
        return http.FileResponse(page_folder() / "index.html")

    async def _about(self, _: http.Request) -> http.StreamResponse:
        return http.json_response(
            {
                "graph": self.plan.graph.name if self.controls else None,
                "camera": self.camera.want if self.camera else None,
                "streams": list(self.streams),
                "preview": self.preview is not None,
                "stun": self.peers.stun if self.peers else [],
            }
        )

    async def _status(self, request: http.Request) -> http.StreamResponse:
        camera = None
        if self.camera:
            yours = bool(self.camera.peer) and self.camera.peer == request.query.get("peer")
            camera = {**self.camera.status(), "yours": yours}
        streams = {name: stream.status() for name, stream in self.streams.items()}
        keeper = self.controls.keeper if self.controls else None
        slo = keeper.status() if keeper else None
        return http.json_response({"ready": self.ready, "camera": camera, "streams": streams, "slo": slo})

    async def _graph(self, _: http.Request) -> http.StreamResponse:
        return http.json_response(outline(self.plan, self.controls))

    async def _recipe(self, request: http.Request) -> http.StreamResponse:
        """The graph's file with the values as they are now; whoever is on another machine sees no folders of this."""
        graph, private = self.original or self.plan.graph, request.remote not in LOCAL
        work = functools.partial(recipe, graph, self.controls, self.panel.sent(), private)
        text = await asyncio.get_running_loop().run_in_executor(None, work)
        return http.Response(text=text, content_type="application/yaml")

    async def _offer(self, request: http.Request) -> http.StreamResponse:
        body = await json_body(request, {"sdp": str, "role": str})
        role = body["role"]
        if role not in ("camera", "viewer", "both"):
            raise UsageError(f"role is {role!r}, but must be camera, viewer or both")
        camera, stream = None, None
        if role != "viewer":
            camera = self.camera
            if camera is None:
                raise UsageError("this graph takes no camera; it has no webrtc.source")
        if role != "camera":
            name = body.get("stream") or next(iter(self.streams), "")
            if name not in self.streams:
                raise UsageError(f"there is no stream {name!r} here; there are {', '.join(self.streams) or 'none'}")
            stream = self.streams[name]
        assert self.peers
        peer, sdp = await self.peers.answer(body["sdp"], request.remote or "", camera, stream)
        return http.json_response({"peer": peer, "type": "answer", "sdp": sdp})

    async def _leave(self, request: http.Request) -> http.StreamResponse:
        body = await json_body(request, {"peer": str})
        if self.peers:
            await self.peers.close(body["peer"])
        return http.json_response({})

    def _previewed(self) -> Preview:
        if self.preview is None:
            raise http.HTTPNotFound(text="this graph has no preview.sink")
        return self.preview

    async def _preview_page(self, _: http.Request) -> http.StreamResponse:
        self._previewed()
        return http.FileResponse(page_folder() / "preview.html")

    async def _preview_picture(self, request: http.Request) -> http.StreamResponse:
        return await self._previewed().picture(request)

    async def _preview_stream(self, request: http.Request) -> http.StreamResponse:
        return await self._previewed().stream(request)


def _tls(cert: str | None, key: str | None, stage: str) -> ssl.SSLContext | None:
    if not cert and not key:
        return None
    if not (cert and key):
        raise UsageError(f"{stage}: TLS needs both cert and key; {'key' if cert else 'cert'} is missing")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as e:
        raise UsageError(f"{stage}: cannot use cert {cert!r} with key {key!r}: {reason(e)}") from e
    return context
