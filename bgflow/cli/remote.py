"""Talk to a running graph from the command line, through its page."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bgflow.document import Document, is_text
from bgflow.errors import UsageError
from bgflow.web.running import running

TIMEOUT = 10.0


def ask(path: str, body: Mapping[str, Any], url: str = "") -> dict[str, Any]:
    """POST to the graph at `url`, or to the only one that this user runs here; its answer.

    Raises:
        UsageError: there is none, several, or it refuses.
    """
    cert = None
    if not url:
        url, cert = _only()
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--url {url}: must be an address such as http://127.0.0.1:8080")
    try:
        connection = _connection(parts.scheme, parts.hostname, parts.port, cert)
        connection.request("POST", f"/api/{path}", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as e:
        why = getattr(e, "strerror", None) or str(e) or type(e).__name__
        raise UsageError(f"no graph answers at {url}: {why.lower()}; start one, or give another --url") from e
    if answer.status != http.client.OK:
        raise UsageError(str(told.get("error", f"{url} answers {answer.status}")))
    return dict(told)


def _only() -> tuple[str, str | None]:
    """The address of the one graph that runs."""
    found = running()
    if not found:
        raise UsageError("no graph with a page runs here; start one that has a webrtc.* or preview.sink, or give --url")
    if len(found) > 1:
        raise UsageError(f"several graphs run here; choose one with --url: {', '.join(it.url for it in found)}")
    return found[0].url, found[0].cert


def _connection(scheme: str, host: str, port: int | None, cert: str | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    context = ssl.create_default_context()
    if cert:  # the very one that the run on this machine was given, whatever name it is for
        context.load_verify_locations(cert)
        context.check_hostname = False
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)


def value_of(text: str) -> Any:
    """A value as a graph's file has it: 0.5, true, or a word."""
    if is_text(text):
        return text
    document = Document("value", text)
    if document.problems:
        raise UsageError(document.problems[0].text)
    return document.data
