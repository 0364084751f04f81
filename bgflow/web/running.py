"""The graphs that this user runs on this machine: where their pages are, so that nobody has to be told."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bgflow.aside import aside

PATIENCE = 1.0  # seconds in which a page of this machine is surely reached


class Running(NamedTuple):
    """One page: its address, the process that serves it, and its certificate where it has one."""

    url: str
    pid: int
    cert: str | None


def folder() -> Path:
    """Where each page has a file; the user's own."""
    import platformdirs

    return platformdirs.user_state_path("bgflow", appauthor=False) / "running"


def enlist(url: str, cert: str | None) -> Callable[[], None]:
    """Put a page of this process on the list; returns what takes it off. A folder that cannot be had is no failure."""
    entry = Running(url, os.getpid(), str(Path(cert).absolute()) if cert else None)
    file = folder() / f"{entry.pid}-{url.rstrip('/').rpartition(':')[2]}.json"
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with aside(file) as part:
            part.write_text(json.dumps(entry._asdict()), "utf-8")

    def leave() -> None:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)

    return leave


def running() -> list[Running]:
    """Every page on the list that answers, in the order of their processes; the others are taken off."""
    found = []
    for file in folder().glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            entry = Running(**json.loads(file.read_text("utf-8")))
            if _answers(entry.url):
                found.append(entry)
            else:
                file.unlink(missing_ok=True)
    return sorted(found, key=lambda it: (it.pid, it.url))


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE).close()
    except OSError:
        return False
    return True
