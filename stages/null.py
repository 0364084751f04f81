"""An end for wires whose values nobody needs: measuring, warming up, checking a graph."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from bgflow import In, Stage
from bgflow.stage import Context


class Sink(Stage, use="null.sink"):
    """Take anything on any device, keep nothing, and count it in `count`."""

    value = In("any")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.count = 0

    def process(self, value: Any) -> None:
        self.count += 1

    def launches(self) -> Hashable:
        return ()

    def replayed(self) -> None:
        self.count += 1
