"""Stages that have a web page: where it is served, and one server for all of them in a run."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import TYPE_CHECKING

from bgflow.stage import Context, Param

if TYPE_CHECKING:
    from bgflow.web.server import Web

DEFAULT_PORT = 8080


class Webs:
    """The web servers of one run, by address. A stage that names no port uses the first one there is.

    `ready` is set once every stage of the run is open and those that are served are on their page.
    """

    def __init__(self) -> None:
        self.first: Future[Web] = Future()
        self.ready = threading.Event()
        self._settled = False
        self._missing = self._open = 0
        self._webs: dict[tuple[str, int], Web] = {}
        self._lock = threading.Lock()

    def expect(self) -> None:
        """One more stage is open and will be served."""
        with self._lock:
            self._missing += 1
            self._open += 1

    def arrived(self) -> None:
        """One of those stages is on its page."""
        with self._lock:
            self._missing -= 1
        self._announce()

    def _announce(self) -> None:
        with self._lock:
            if not self._settled or self._missing or self.ready.is_set():
                return
            for web in self._webs.values():
                web.announce()
            self.ready.set()

    def at(self, address: str, port: int, cert: str | None, key: str | None, stage: str) -> Web:
        """The server at one address, bound by the first stage that asks. Raises UsageError when it cannot be had."""
        from bgflow.web.server import Web

        with self._lock:
            if (address, port) not in self._webs:
                self._webs[address, port] = Web(address, port, cert, key, stage)
            found = self._webs[address, port]
            if not self.first.done():
                self.first.set_result(found)
            return found

    def leave(self) -> None:
        """A stage has closed; the last one gives the ports back, also those of servers that never began."""
        with self._lock:
            self._open -= 1
            if not self._open:
                for web in self._webs.values():
                    web.socket.close()

    def settle(self, address: str, cert: str | None, key: str | None, stage: str) -> None:
        """Called when every stage is open: if none has named a port, the usual one is taken."""
        if not self.first.done():
            self.at(address, DEFAULT_PORT, cert, key, stage)
        self._settled = True
        self._announce()


class Served(ABC):
    """The parameters and the life of a stage that is seen on a web page; mixed into a Stage."""

    address: str = Param("127.0.0.1", description="where the page is served; 0.0.0.0: whole network, no password")
    port: int | None = Param(None, ge=0, le=65535, description="none: the page of the graph's other stages, else 8080")
    cert: str | None = Param(None, description="TLS certificate (PEM file); off localhost a camera needs HTTPS")
    key: str | None = Param(None, description="TLS private key (PEM file)")

    _settled = False

    def bind(self, ctx: Context) -> None:
        """Take the port, in `open`, so that a taken one is told before anything runs."""
        self._name = ctx.name
        self._webs: Webs = ctx.shared("webs", Webs)
        if self.port is not None:
            self._webs.at(self.address, self.port, self.cert, self.key, self._name)
        self._webs.expect()

    def settle(self) -> None:
        """Called with the first frame, which comes when every stage is open."""
        if not self._settled:
            self._settled = True
            self._webs.settle(self.address, self.cert, self.key, self._name)

    @abstractmethod
    def attach(self, web: Web) -> None:
        """Show this stage on the page; on the loop."""

    async def serve(self, ctx: Context) -> None:
        """Keep the server up until the run ends, and close its connections then."""
        import asyncio  # 18 ms that `bgflow check` need not pay

        if self.port is not None:
            web = self._webs.at(self.address, self.port, self.cert, self.key, ctx.name)
        else:
            web = await asyncio.shield(asyncio.wrap_future(self._webs.first))
        web.controls = web.controls or ctx.controls
        self.attach(web)
        async with web.running():
            self._webs.arrived()
            await asyncio.Event().wait()

    def close(self) -> None:
        """Give the port back with the last stage that is served."""
        self._webs.leave()
