"""Somebody at the end of a graph, for pictures of it: keeps some, sets values and presses buttons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bgflow import In, Param, Stage
from bgflow.bench.pictures import Host
from bgflow.frame import Array

ONLOOKER = "bgflow.bench.onlooker:Onlooker"


class Onlooker(Stage, use=ONLOOKER):
    """Keeps copies of some pictures; at the frames in `do` it asks for an action, (name, values), or sets values."""

    image = In("u8[h,w,3] rgb")
    before = In("u8[m,n,3] rgb", hold=True)

    keep: list[int] = Param(description="frames of which the pictures are kept")
    host = True

    def __init__(self, **params: Any):
        super().__init__(**params)
        self.kept: dict[tuple[int, str], Host] = {}
        self.do: Mapping[int, Any] = {}

    def process(self, image: Array, before: Array) -> None:
        n = self.ctx.frame.seq
        if n in self.keep:
            self.kept[n, "after"], self.kept[n, "before"] = np.array(image), np.array(before)
        act = self.do.get(n)
        if isinstance(act, tuple):
            self.ctx.controls.act(*act)
        elif act:
            self.ctx.controls.update(act)
