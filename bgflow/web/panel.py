"""The background that a page may choose while the graph runs; all else that it may change is in `bgflow.web.remote`.

Values that name files are not taken from the network: a background is a colour, a picture of the gallery, or one
that was sent here.
"""

from __future__ import annotations

import asyncio
import functools
import io
import re
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web as http

from bgflow.document import near
from bgflow.errors import UsageError
from bgflow.web.guard import json_body

if TYPE_CHECKING:
    from bgflow.web.server import Web

PICTURE_BYTES = 16 * 1024 * 1024
PICTURE_SIDE = 1920
PICTURES = 8
THUMBNAIL = (90, 160)
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class Panel:
    """The backgrounds of a server's interface; `web.controls` is the run's, None where there is none."""

    def __init__(self, web: Web):
        self.web = web
        self._sent: dict[str, str] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def routes(self) -> list[http.RouteDef]:
        """What aiohttp is to serve."""
        return [
            http.get("/api/backgrounds", self._backgrounds),
            http.get("/api/backgrounds/{name}", self._thumbnail),
            http.post("/api/background", self._background),
            http.post("/api/picture", self._picture),
        ]

    def close(self) -> None:
        """Throw away the pictures that were sent."""
        if self._folder:
            self._folder.cleanup()

    def _hot(self) -> list[dict[str, Any]]:
        return list(self.web.controls.list()) if self.web.controls else []

    def _replace(self) -> dict[str, Any] | None:
        """The hot parameter `background` of the graph's compose.replace, if it has one."""
        found = [it for it in self._hot() if (it["use"], it["param"]) == ("compose.replace", "background")]
        return found[0] if found else None

    def _target(self) -> str:
        """What a choice of background sets. Raises UsageError when there is no such thing."""
        found = self._replace()
        if found is None:
            raise UsageError("this graph has no background to choose; it has no compose.replace")
        return f"{found['stage']}.background"

    async def _backgrounds(self, _: http.Request) -> http.StreamResponse:
        found = self._replace()
        if found is None:
            return http.json_response({"value": None, "gallery": [], "sent": []})
        told = {"value": self.shown(found["value"]), "gallery": _gallery(), "sent": list(self._sent)}
        return http.json_response(told)

    async def _thumbnail(self, request: http.Request) -> http.StreamResponse:
        name = request.match_info["name"]
        if name not in self._sent and name not in _gallery():
            raise http.HTTPNotFound(text=f"there is no background {name!r}{near(name, _gallery())}")
        work = (
            functools.partial(_small, self._sent[name]) if name in self._sent else functools.partial(_thumbnail, name)
        )
        try:
            picture = await asyncio.get_running_loop().run_in_executor(None, work)
        except FileNotFoundError:  # newer ones came meanwhile
            raise http.HTTPNotFound(text=f"{name} is not kept any more") from None
        return http.Response(body=picture, content_type="image/jpeg")

    async def _background(self, request: http.Request) -> http.StreamResponse:
        target = self._target()
        shown = (await json_body(request, {"value": str}))["value"]
        if shown in self._sent:
            value = self._sent[shown]
        elif COLOUR.fullmatch(shown) or shown in (f"gallery:{name}" for name in _gallery()):
            value = shown
        else:
            raise UsageError(f"background is {shown!r}, but must be #rrggbb, gallery:NAME or a picture that was sent")
        self.web.controls.set(target, value)
        return http.json_response({"value": shown})

    async def _picture(self, request: http.Request) -> http.StreamResponse:
        """Take a picture as the background: the body is the file."""
        target = self._target()
        if not request.content_type.startswith("image/"):
            raise UsageError(f"the body is {request.content_type}, but must be image/…")
        data = bytearray()
        async for chunk in request.content.iter_chunked(64 * 1024):
            data += chunk
            if len(data) > PICTURE_BYTES:
                raise UsageError(f"the picture is larger than {PICTURE_BYTES // 1024 // 1024} MB")
        picture = await asyncio.get_running_loop().run_in_executor(None, _checked, bytes(data))
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="bgflow-")
        shown = f"sent:{secrets.token_urlsafe(6)}"
        path = Path(self._folder.name) / f"{shown[5:]}.png"
        path.write_bytes(picture)
        self._sent[shown] = str(path)
        while len(self._sent) > PICTURES:  # the newest few stay: the stage may just be reading one of them
            Path(self._sent.pop(next(iter(self._sent)))).unlink(missing_ok=True)
        self.web.controls.set(target, str(path))
        return http.json_response({"value": shown})

    def sent(self) -> dict[str, str]:
        """What the pictures that were sent are called, by their paths."""
        return {path: name for name, path in self._sent.items()}

    def shown(self, value: Any) -> Any:
        """A parameter's value as a browser may see it; a file's path is nobody's business there."""
        if not isinstance(value, str):
            return value
        return self.sent().get(value) or Path(value).name or value


def _gallery() -> list[str]:
    """The names of the built-in backgrounds."""
    from bgflow.media.background import gallery

    return list(gallery())


@functools.cache
def _thumbnail(name: str) -> bytes:
    from PIL import Image

    from bgflow.media.background import render

    out = io.BytesIO()
    Image.fromarray(render(name, *THUMBNAIL)).save(out, "JPEG", quality=85)
    return out.getvalue()


def _small(path: str) -> bytes:
    """A picture cut to the shape of a thumbnail."""
    from PIL import Image, ImageOps

    h, w = THUMBNAIL
    out = io.BytesIO()
    with Image.open(path) as found:
        ImageOps.fit(found, (w, h)).save(out, "JPEG", quality=85)
    return out.getvalue()


def _checked(data: bytes) -> bytes:
    """The picture decoded and written anew, upright and no larger than a background needs to be."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as found:
            if found.width * found.height > 50_000_000:
                raise UsageError(f"the picture is {found.width}x{found.height}; at most 50 megapixels are taken")
            picture = ImageOps.exif_transpose(found).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as e:
        if isinstance(e, UsageError):
            raise
        raise UsageError("the picture cannot be read; send a JPEG, PNG or WebP file") from e
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()
