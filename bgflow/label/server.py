"""The labelling tool's server: its page, the pictures of one folder, and what is drawn on them. Loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import logging
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web as http

from bgflow.errors import MediaError, UsageError
from bgflow.label import mask
from bgflow.label.pictureset import Entry, PictureSet, Stale
from bgflow.label.prelabel import Prelabels
from bgflow.media.container import reason
from bgflow.media.pictures import read, rgb
from bgflow.stopping import stopping
from bgflow.web.files import files, page_folder
from bgflow.web.guard import Guard, address, bound, refused

T = TypeVar("T")
HOST = "127.0.0.1"
LABEL_BYTES = 64 * 1024 * 1024
THUMBNAIL = (160, 120)  # width and height at most
SHOWN = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}  # what every browser shows by itself
PATIENCE = 20.0  # seconds that a page waits for a pre-label before it asks again
PAGE = Path(__file__).with_name("page")
log = logging.getLogger("bgflow.label")


class LabelServer:
    """Serves one set until `stop` is set. The port is bound at once; raises UsageError when it cannot be had."""

    def __init__(self, pictures: PictureSet, port: int, prelabels: Callable[[Callable[[], None]], Prelabels]):
        self.pictures = pictures
        self.prelabels = prelabels(self._changed)
        self.socket: socket.socket = bound(HOST, port, "bgflow label", "--port ")
        self.url = address(HOST, self.socket.getsockname()[1])
        self._ready = asyncio.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thumbnail = functools.lru_cache(4096)(_thumbnail)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve, and make pre-labels, while inside."""
        self._loop = asyncio.get_running_loop()
        app = http.Application(middlewares=[Guard(HOST, self.url).middleware, _told], client_max_size=LABEL_BYTES)
        app.add_routes(
            [
                http.get("/", self._index),
                files(PAGE, page_folder()),
                http.get("/api/set", self._set),
                http.get("/api/plate", self._plate),
                http.get("/api/picture/{name}", self._picture),
                http.get("/api/thumbnail/{name}", self._small),
                http.get("/api/label/{name}", self._label),
                http.put("/api/label/{name}", self._save),
                http.get("/api/draft/{name}", self._draft),
                http.put("/api/draft/{name}", self._keep),
                http.delete("/api/draft/{name}", self._discard),
                http.get("/api/prelabel/{name}", self._prelabel),
            ]
        )
        runner = http.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await runner.setup()
        try:
            await http.SockSite(runner, self.socket).start()
            with self.prelabels:
                yield
        finally:
            await runner.cleanup()
            self.socket.close()

    def _changed(self) -> None:
        """A pre-label is ready; called from its thread."""
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                asyncio.run_coroutine_threadsafe(self._wake(), self._loop)

    async def _wake(self) -> None:
        async with self._ready:
            self._ready.notify_all()

    def _entry(self, request: http.Request) -> Entry:
        entry = self.pictures.find(request.match_info["name"])
        if entry is None:
            raise http.HTTPNotFound(text=f"the folder has no picture {request.match_info['name']!r}")
        if entry.fault:
            raise MediaError(entry.fault)
        return entry

    async def _index(self, _: http.Request) -> http.StreamResponse:
        return http.FileResponse(PAGE / "index.html")

    async def _set(self, _: http.Request) -> http.StreamResponse:
        return http.json_response(await _aside(self._about))

    def _about(self) -> dict[str, Any]:
        entries = self.pictures.look()
        self.prelabels.look()
        return {
            "folder": self.pictures.folder.resolve().name,
            "plate": self.pictures.plate is not None,
            "prelabel": self.prelabels.how,
            "note": self.prelabels.note,
            "pictures": [self._told(entry) for entry in entries],
        }

    def _told(self, entry: Entry) -> dict[str, Any]:
        state = "fault" if entry.fault else self.pictures.state(entry)
        ready = self.prelabels.ready(entry)
        if not state and self.prelabels.offers(entry):
            state = "prelabelled"
        height, width = entry.size
        about = {"name": entry.name, "seen": entry.seen, "width": width, "height": height, "state": state}
        return {**about, "waiting": not (state or ready), "fault": entry.fault}

    async def _plate(self, _: http.Request) -> http.StreamResponse:
        if self.pictures.plate is None:
            raise http.HTTPNotFound(text="the folder has no bkg.png")
        return http.FileResponse(self.pictures.plate)

    async def _picture(self, request: http.Request) -> http.StreamResponse:
        entry = self._entry(request)
        if entry.file.suffix.lower() in SHOWN:
            return http.FileResponse(entry.file)
        return http.Response(body=await _aside(_as_png, entry.file), content_type="image/png")

    async def _small(self, request: http.Request) -> http.StreamResponse:
        entry = self._entry(request)
        picture = await _aside(self._thumbnail, entry.file, entry.seen)
        return http.Response(body=picture, content_type="image/jpeg")

    async def _label(self, request: http.Request) -> http.StreamResponse:
        found = await _aside(self.pictures.label, self._entry(request))
        if found is None:
            return http.Response(status=204)
        return _plain(found[0], ETag=f'"{found[1]}"')

    async def _save(self, request: http.Request) -> http.StreamResponse:
        entry, label = await self._sent(request)
        version = await _aside(self.pictures.save, entry, label, _base(request, "If-Match"))
        return http.json_response({"version": version, "state": self.pictures.state(entry)})

    async def _draft(self, request: http.Request) -> http.StreamResponse:
        found = await _aside(self.pictures.draft, self._entry(request))
        if found is None:
            return http.Response(status=204)
        return _plain(found[0], ETag=f'"{found[1]}"', Base=f'"{found[2]}"')

    async def _keep(self, request: http.Request) -> http.StreamResponse:
        entry, label = await self._sent(request)
        base, before = _base(request, "Base"), _base(request, "If-Match")
        version = await _aside(self.pictures.keep, entry, label, base, before)
        return http.json_response({"version": version, "state": "draft"})

    async def _discard(self, request: http.Request) -> http.StreamResponse:
        entry = self._entry(request)
        await _aside(self.pictures.discard, entry, _base(request, "If-Match"))
        return http.json_response({"version": "", "state": self._told(entry)["state"]})

    async def _prelabel(self, request: http.Request) -> http.StreamResponse:
        """Waits until it is ready; 204 says that there is none, and 503 that the page may ask again."""
        entry = self._entry(request)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE), self._ready:
                self.prelabels.get(entry)  # which has it made next
                await self._ready.wait_for(lambda: self.prelabels.ready(entry))
                found = self.prelabels.get(entry)
                return http.Response(status=204) if found is None else _plain(found)
        raise http.HTTPServiceUnavailable(text="the pre-label is not ready yet")

    async def _sent(self, request: http.Request) -> tuple[Entry, mask.Label]:
        entry = self._entry(request)
        if request.content_type != "image/png":
            raise UsageError(f"the body is {request.content_type}, but must be image/png")
        data = await request.read()
        return entry, await _aside(mask.received, data, entry.size, entry.name)


@http.middleware
async def _told(request: http.Request, handler: Callable[[http.Request], Any]) -> http.StreamResponse:
    """What pictures and labels refuse, as a status that the page understands."""
    try:
        response: http.StreamResponse = await handler(request)
    except Stale as e:
        return refused(412, str(e))
    except MediaError as e:
        return refused(409, str(e))
    return response


def serve(folder: Path, port: int, mode: Any, browser: bool) -> None:
    """Serve a folder until Ctrl-C. Raises UsageError or ModelError when that cannot be."""
    pictures = PictureSet(folder)

    async def until_stopped() -> None:
        server = LabelServer(pictures, port, lambda changed: Prelabels(pictures, mode, changed))
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        with stopping(lambda: loop.call_soon_threadsafe(stop.set)):  # the second waits for no pre-label
            async with server.running():
                log.info("%d pictures, pre-labels from %s", len(pictures.look()), server.prelabels.how or "nothing")
                if server.prelabels.note:
                    log.info("%s", server.prelabels.note)
                log.info("open %s (Ctrl-C ends)", server.url)
                if browser:
                    loop.run_in_executor(None, webbrowser.open, server.url)
                await stop.wait()

    asyncio.run(until_stopped())


async def _aside(work: Callable[..., T], *given: Any) -> T:
    """Work with files, on another thread, so that no request waits for another's."""
    return await asyncio.get_running_loop().run_in_executor(None, work, *given)


def _base(request: http.Request, header: str) -> str:
    """The version that a change is based on; every change says one, '' where there was nothing."""
    if header not in request.headers:
        raise UsageError(f"the request needs {header}, the version that was read")
    return request.headers[header].strip('"')


def _plain(label: mask.Label, **headers: str) -> http.Response:
    """A label's rows as they are: a browser's canvas may change the levels of a picture, which no mask survives."""
    response = http.Response(body=label.tobytes(), content_type="application/octet-stream", headers=headers)
    response.enable_compression()
    return response


def _as_png(file: Path) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(read(file)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _thumbnail(file: Path, _: str) -> bytes:
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as found:
            found.draft("RGB", THUMBNAIL)  # a JPEG need not be decoded in full
            picture = rgb(ImageOps.exif_transpose(found))
    except (OSError, SyntaxError, ValueError) as e:
        raise MediaError(f"{file.name}: is damaged: {reason(e)}") from e
    picture.thumbnail(THUMBNAIL)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
