"""Who may ask a server of this machine: only whoever names this host and comes from its own page.

So another web site cannot reach a server on localhost through the user's browser (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web as http

from bgflow.errors import UsageError
from bgflow.media.container import reason

LOCAL = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Handler = Callable[[http.Request], Awaitable[http.StreamResponse]]


class Guard:
    """What stands before the handlers of a server at `host`; `url` is the address that a refusal names."""

    def __init__(self, host: str, url: str):
        self.host, self.url, self.local = host, url, host in LOCAL

    @http.middleware
    async def middleware(self, request: http.Request, handler: Handler) -> http.StreamResponse:
        """Refuse what does not come from this page, and turn errors into one line of JSON."""
        asked = urlsplit(f"//{request.host}").hostname or ""
        if not self._is_ours(asked):
            return refused(403, f"this server is not called {asked!r}; open {self.url}")
        if request.method not in ("GET", "HEAD") or "Upgrade" in request.headers:  # any site may ask for a WebSocket
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


def address(host: str, port: int, tls: bool = False) -> str:
    """What to open in a browser."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http{'s' if tls else ''}://{name}:{port}/"


def bound(host: str, port: int, who: str, option: str) -> socket.socket:
    """A listening socket; port 0 is any that is free. `option` is how `who` is told another port, such as `--port `.

    Raises:
        UsageError: the address is taken, or not ours.
    """
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
    except OSError as e:
        made.close()
        if isinstance(e, socket.gaierror) or not port:
            raise UsageError(f"{who}: cannot serve at {host}:{port}: {reason(e)}") from e
        why = "is taken by another program" if e.errno == errno.EADDRINUSE else f"cannot be had: {reason(e)}"
        raise UsageError(f"{who}: {host}:{port} {why}; set another port, for example {option}{port + 1}") from e
    made.setblocking(False)
    return made


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
