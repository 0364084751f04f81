"""The web server of a run: the page, the signalling of its browsers, and what the run says of itself.

It answers only requests that name this host and come from its own page, so that another web site cannot reach a
server on localhost through the user's browser (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web as http

from bgflow.errors import UsageError
from bgflow.media.container import reason
from bgflow.web.panel import Panel

if TYPE_CHECKING:
    from bgflow.web.mjpeg import Preview
    from bgflow.web.peer import Peers
    from bgflow.web.track import Camera, Stream

LOCAL = ("localhost", "127.0.0.1", "::1")
OFFER_BYTES = 64 * 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Handler = Callable[[http.Request], Awaitable[http.StreamResponse]]
log = logging.getLogger("bgflow.webrtc")


class Web:
    """One address. The socket is bound here, on any thread; everything else belongs to the run's event loop.

    Raises:
        UsageError: the address is taken or not ours, or the certificate cannot be read.
    """

    def __init__(self, host: str, port: int, cert: str | None, key: str | None, stage: str):
        self.host, self.local = host, host in LOCAL
        self.tls = _tls(cert, key, stage)
        self.socket = _bound(host, port, stage)
        self.port: int = self.socket.getsockname()[1]
        self.camera: Camera | None = None
        self.streams: dict[str, Stream] = {}
        self.preview: Preview | None = None
        self.peers: Peers | None = None
        self.controls: Any = None
        self.ready = False
        self._users = 0
        self._runner: http.AppRunner | None = None
        self._panel = Panel(self)

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        name = "127.0.0.1" if self.host in ("0.0.0.0", "::") else f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{name}:{self.port}/"

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
        log.info("open %s", self.url)
        if not self.local and not self.tls:
            log.info("browsers give their camera only to HTTPS or localhost; elsewhere set cert and key")

    async def _start(self) -> None:
        app = http.Application(middlewares=[self._guard], client_max_size=OFFER_BYTES)
        app.add_routes(
            [
                http.get("/", self._index),
                http.get("/{name:[a-z]+\\.(?:css|js|svg)}", self._file),
                http.get("/api/about", self._about),
                http.get("/api/status", self._status),
                http.post("/api/offer", self._offer),
                http.post("/api/leave", self._leave),
                http.get("/preview", self._preview_page),
                http.get("/preview.jpg", self._preview_picture),
                http.get("/preview.mjpg", self._preview_stream),
                *self._panel.routes(),
            ]
        )
        self._runner = http.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        if self.socket.fileno() < 0:
            raise asyncio.CancelledError  # the run failed meanwhile, and its last stage has given the port back
        await http.SockSite(self._runner, self.socket, ssl_context=self.tls).start()

    async def _stop(self) -> None:
        if self.peers:
            await self.peers.close_all()
        if self._runner:
            await self._runner.cleanup()
        self._panel.close()
        self.socket.close()

    @http.middleware
    async def _guard(self, request: http.Request, handler: Handler) -> http.StreamResponse:
        """Refuse what does not come from this page, and turn errors into one line of JSON."""
        asked = urlsplit(f"//{request.host}").hostname or ""
        if not self._is_ours(asked):
            return refused(403, f"this server is not called {asked!r}; open {self.url}")
        if request.method not in ("GET", "HEAD"):
            origin = request.headers.get("Origin")
            if origin is not None and urlsplit(origin).netloc != request.host:
                return refused(403, f"requests from {origin} are refused; only this server's own page may make them")
        try:
            response = await handler(request)
        except (UsageError, ValueError) as e:
            return refused(400, str(e))
        except http.HTTPError as e:
            return refused(e.status, e.text or e.reason)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _is_ours(self, name: str) -> bool:
        if name in (*LOCAL, self.host):
            return True
        if self.local:
            return False
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return name.lower().removesuffix(".local") == socket.gethostname().lower()

    async def _index(self, _: http.Request) -> http.StreamResponse:
        if not self.camera and not self.streams and self.preview:
            raise http.HTTPFound("/preview")
        return http.FileResponse(page_folder() / "index.html")

    async def _file(self, request: http.Request) -> http.StreamResponse:
        path = page_folder() / request.match_info["name"]
        if not path.is_file():
            raise http.HTTPNotFound(text=f"there is no {path.name} here")
        return http.FileResponse(path)

    async def _about(self, _: http.Request) -> http.StreamResponse:
        return http.json_response(
            {
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


def page_folder() -> Path:
    """Where the page's files are."""
    from bgflow import stages

    return Path(stages.__path__[0]) / "page"


def refused(status: int, text: str) -> http.Response:
    """One line of JSON that says why not."""
    return http.json_response({"error": text}, status=status, headers=HEADERS)


async def json_body(request: http.Request, fields: dict[str, type]) -> dict[str, Any]:
    """The request's JSON object, with these fields in it. Raises UsageError."""
    if request.content_type != "application/json":
        raise UsageError(f"the body is {request.content_type}, but must be application/json")
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise UsageError(f"the body is not JSON: {e}") from e
    for name, kind in fields.items():
        if not isinstance(body, dict) or not isinstance(body.get(name), kind):
            raise UsageError(f"the body needs {name!r}, a {kind.__name__}")
    return dict(body)


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


def _bound(host: str, port: int, stage: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
    except OSError as e:
        made.close()
        if isinstance(e, socket.gaierror) or not port:
            raise UsageError(f"{stage}: cannot serve at {host}:{port}: {reason(e)}") from e
        why = "is taken by another program" if e.errno == errno.EADDRINUSE else f"cannot be had: {reason(e)}"
        raise UsageError(f"{stage}: {host}:{port} {why}; set another port, for example {stage}.port={port + 1}") from e
    made.setblocking(False)
    return made
