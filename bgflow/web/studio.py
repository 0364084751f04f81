"""The page of a run that has none of its own, and the user's browser on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bgflow.errors import UsageError
from bgflow.loop import Loop
from bgflow.web.served import DEFAULT_PORT, Served, Webs

if TYPE_CHECKING:
    from bgflow.graph import Graph
    from bgflow.run import Run
    from bgflow.web.server import Web

PORTS = 10  # that are tried, one after the other, where none was asked for
CLOSE_SECONDS = 10
PERIOD = 0.05  # seconds between two looks at whether a run has started
HOST = "127.0.0.1"
COMMAND = "bgflow studio"


def placed(graph: Graph, host: str | None, port: int | None) -> list[str]:
    """The settings that put the page of the graph's own stages at an address; none where it has no such stages."""
    served = [(name, node.stage) for name, node in graph.nodes.items() if isinstance(node.stage, Served)]
    named = [name for name, stage in served if stage.port is not None] or [name for name, _ in served[:1]]
    said = [f"{name}.address={host}" for name, _ in served if host is not None]
    return said + [f"{name}.port={port}" for name in named if port is not None]


def own_page(graph: Graph, host: str | None, port: int | None) -> Web | None:
    """A page for a graph whose stages bring none, else None; without a port the usual one, or one of the next.

    Raises:
        UsageError: the address cannot be had.
    """
    from bgflow.web.server import Web

    if any(isinstance(node.stage, Served) for node in graph.nodes.values()):
        return None
    address, first = host or HOST, DEFAULT_PORT if port is None else port
    for n in range(PORTS if port is None else 0):
        with contextlib.suppress(UsageError):
            return Web(address, first + n, None, None, COMMAND, "--port ")
    return Web(address, first, None, None, COMMAND, "--port ")


class Studio:
    """Serves `page` beside a run, or finds the page of the run's own stages, and shows it to the user.

    `original` is the graph as its file has it, for the page to give away.
    """

    def __init__(self, original: Graph, page: Web | None, browser: bool):
        self.original, self.page, self.browser = original, page, browser

    @contextlib.contextmanager
    def beside(self, run: Run) -> Iterator[None]:
        """Serve as long as the `with` lasts."""
        loop, ended = Loop(), threading.Event()
        if self.page:
            self.page.controls, self.page.original = run.controls, self.original
            self._serving = asyncio.run_coroutine_threadsafe(_serve(self.page), loop.begun())  # a loop holds no task
        greeting = threading.Thread(target=self._greet, args=(run, ended), name=COMMAND, daemon=True)
        greeting.start()
        try:
            yield
        finally:
            ended.set()
            greeting.join(1)  # a browser of the terminal would keep it
            loop.end(CLOSE_SECONDS)

    def _greet(self, run: Run, ended: threading.Event) -> None:
        """Wait until the graph has started; then say where the page is."""
        webs = run.shared.get("webs", Webs)
        while not (run.ready.passed if self.page else webs.ready.is_set()):
            if ended.wait(PERIOD):
                return
        web = self.page or webs.first.result()
        web.original = self.original
        if self.page:
            web.announce()
        if self.browser:
            webbrowser.open(web.url)


def has_display() -> bool:
    """Whether a browser has somewhere to open."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


async def _serve(page: Web) -> None:
    async with page.running():
        await asyncio.Event().wait()
