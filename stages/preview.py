"""A moving picture for any browser, without WebRTC: a page of JPEGs, encoded once for all who watch."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

from bgflow import In, Param, Stage
from bgflow.devices import to_host
from bgflow.frame import Array
from bgflow.stage import Context
from bgflow.web.served import Served

if TYPE_CHECKING:
    from bgflow.web.server import Web


class Sink(Served, Stage, use="preview.sink"):
    """Show the picture as JPEGs at /preview: heavier than WebRTC, but it works in every browser."""

    image = In("u8[h,w,3] rgb")

    quality: int = Param(80, ge=1, le=95, hot=True, description="of the JPEGs")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        from bgflow.web.mjpeg import Preview

        self.preview = Preview(ctx.drop)
        self.bind(ctx)

    def attach(self, web: Web) -> None:
        self.preview.jpegs.loop = asyncio.get_running_loop()
        web.preview = self.preview

    def copies(self) -> tuple[int, int]:
        return 0, 1

    def process(self, image: Array) -> None:
        from PIL import Image

        self.settle()
        if not self.preview.watchers:
            self.ctx.drop("nobody watches")
            return
        out = io.BytesIO()
        Image.fromarray(to_host(image)).save(out, "JPEG", quality=self.quality)
        self.preview.jpegs.put(out.getvalue())
