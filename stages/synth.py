"""A scene that needs no camera: moving subjects whose alpha, colour and background are known exactly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import figure, scene
from bgflow.port import Out
from bgflow.scene import Scene
from bgflow.stage import Context, Param, Stage


class Source(Stage, use="synth.source"):
    """Renders people, or plain shapes, in front of a background, with the ground truth beside the picture.

    Without noise, image = alpha * foreground + (1 - alpha) * plate, rounded, at every pixel of every frame. The same
    parameters give the same bits, and a frame is what it is whichever frames came before and whichever ports are wired.
    """

    image = Out("u8[h,w,3] rgb", description="what the camera sees")
    alpha = Out("f32[h,w] alpha", description="how much of each pixel is subject, exactly")
    foreground = Out("u8[h,w,3] rgb", description="the subject's own colour, unmixed; black where alpha is 0")
    plate = Out("u8[h,w,3] rgb", description="the background in the same light and with its shadows, nobody before it")
    label = Out("u8[h,w] label", description="255 where alpha is a half or more, 127 where a shadow falls, else 0")

    width: int = Param(640, ge=1, le=16384, unit="px", description="width of the picture")
    height: int = Param(360, ge=1, le=16384, unit="px", description="height of the picture")
    fps: Fraction = Param(Fraction(30), gt=0, le=1000, unit="1/s", description="frame rate; '30000/1001' is exact")
    count: int = Param(0, ge=0, description="frames to make; 0 never ends")
    seed: int = Param(0, ge=0, lt=2**31, description="another number is another scene of the same kind")
    subjects: int = Param(1, ge=0, le=16, description="how many there are")
    shape: Literal["person", "ellipse", "disc"] = Param("person", description="what the subjects are")
    size: float = Param(
        1.0, ge=0.05, le=2, description="scale; a person of 1 is framed from the chest up, of 0.35 from head to foot"
    )
    edge: float = Param(0.0, ge=0, le=64, unit="px", description="width of the soft edge; 0 is hard, antialiased")
    hair: float = Param(0.0, ge=0, le=1, description="length of the fine hair around a person's head; 0 is none")
    speed: float = Param(1.0, ge=0, le=10, description="how fast the subjects move; 0 stands still")
    enter: int = Param(0, ge=0, unit="frames", description="the subjects come in after this many frames of plate")
    leave: int = Param(0, ge=0, unit="frames", description="the subjects walk out from this frame on; 0 is never")
    background: Literal["flat", "gradient", "textured", "room"] = Param("room", description="what is behind them")
    shadow: float = Param(0.0, ge=0, le=1, description="light that a subject's shadow takes from the wall")
    exposure: float = Param(0.0, ge=-4, le=4, unit="EV", description="step of the exposure at `exposure_at`")
    exposure_at: int = Param(0, ge=0, unit="frames", description="the frame at which the exposure steps")
    noise: float = Param(
        0.0, ge=0, le=64, unit="levels", description="standard deviation of the sensor's noise, of 255"
    )
    shake: float = Param(0.0, ge=0, le=64, unit="px", description="how far the camera shakes at most, along each axis")

    def sizes(self, probe: bool) -> Mapping[str, int]:
        return {"h": self.height, "w": self.width} | ({"frames": self.count} if self.count else {})

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.time_base = 1 / self.fps
        self.scene = Scene(**{f.name: getattr(self, f.name) for f in fields(Scene)})
        margin = self.scene.margin
        self._backdrop = ctx.scratch("backdrop", (self.height + 2 * margin, self.width + 2 * margin, 3), np.float32)
        palette = self._upload("palette", self.scene.palette())
        style = scene.BACKGROUNDS.index(self.background)
        scene.backdrop(self._backdrop, palette, style, self.seed, margin, self.height, self.width)

    def copies(self) -> tuple[int, int]:
        return int(self.subjects > 0), 0  # where the figures are

    def frames(self) -> Iterator[tuple[int, Any]]:
        for n in itertools.count():
            if self.ctx.stopping or (self.count and n >= self.count):
                return
            yield n, self.render(n)

    def render(self, n: int) -> dict[str, Array]:
        """The wired outputs of frame n."""
        ports = [p for p in self.outputs if self.ctx.wired(p)]
        picture = "image" in ports
        need = {
            "alpha": picture or not {"alpha", "foreground", "label"}.isdisjoint(ports),
            "foreground": picture or "foreground" in ports,
            "plate": picture or "plate" in ports,
            "shade": picture or not {"plate", "label"}.isdisjoint(ports),
        }
        made = {name: self._canvas(name, name in ports) for name, wanted in need.items() if wanted}
        dx, dy = self.scene.camera(n)
        figures = self.scene.figures(n)
        gain = 2.0 ** (self.exposure / 2.2) if n >= self.exposure_at else 1.0  # on levels coded with a gamma of 2.2
        shadows = self.scene.shadows(figures, dx, dy)
        table = self._upload("figures", np.concatenate([figures, shadows])) if len(figures) else None
        if need["alpha"]:
            self._draw(figures, table, dx, dy, gain, made["alpha"], made.get("foreground"))
        if need["shade"]:
            self._shade(shadows, table, made["shade"])
        if need["plate"]:
            left, top = self.scene.margin - dx, self.scene.margin - dy
            x, y = math.floor(left), math.floor(top)
            scene.light(self._backdrop, made["shade"], made["plate"], y, x, top - y, left - x, gain, self.shadow)
        if picture:
            made["image"] = self.ctx.empty("image", h=self.height, w=self.width)
            key = self.scene.key(n)
            scene.develop(made["alpha"], made["foreground"], made["plate"], made["image"], self.noise, key)
        if "label" in ports:
            made["label"] = self.ctx.empty("label", h=self.height, w=self.width)
            scene.annotate(made["alpha"], made["shade"], made["label"], self.shadow)
        return {p: made[p] for p in ports}

    def _draw(
        self, rows: Any, table: Array, dx: float, dy: float, gain: float, alpha: Array, foreground: Array | None
    ) -> None:
        """Draw the figures, from back to front, each in its own box."""
        alpha.fill(0)
        if foreground is not None:
            foreground.fill(0)
        if not len(rows):
            return
        layer = self._canvas("layer", False)
        soft = max(self.edge, 1.0)
        for i, row in enumerate(rows):
            x0, x1 = (min(max(round(float(row[k]) + dx), 0), self.width) for k in (figure.LEFT, figure.RIGHT))
            y0, y1 = (min(max(round(float(row[k]) + dy), 0), self.height) for k in (figure.TOP, figure.BOTTOM))
            if x0 >= x1 or y0 >= y1:
                continue
            box = np.s_[y0:y1, x0:x1]
            figure.silhouette(table, i, layer[box], x0 - dx, y0 - dy, soft)
            scene.cover(layer[box], alpha[box])
            if foreground is not None:
                figure.paint(table, i, layer[box], alpha[box], foreground[box], x0 - dx, y0 - dy, soft, gain)

    def _shade(self, rows: Any, table: Array, shade: Array) -> None:
        """Draw the shadows of the figures, which follow them in the table, on their coarse grid."""
        shade.fill(0)
        if self.shadow == 0 or not len(rows):
            return
        layer = self._canvas("shadow", False)
        for i, row in enumerate(rows):
            if row[figure.UNIT] > 0:
                figure.silhouette(table, len(rows) + i, layer, -1, -1, max(float(row[figure.UNIT]) / 3, 1.0))
                scene.cover(layer, shade)

    def _canvas(self, name: str, wired: bool) -> Array:
        """An output's array, or scratch memory for what only other outputs need."""
        if wired:
            return self.ctx.empty(name, h=self.height, w=self.width)
        dtype = np.uint8 if name in ("foreground", "plate") else np.float32
        h, w = (self.height, self.width) if name not in ("shade", "shadow") else scene.grid(self.height, self.width)
        return self.ctx.scratch(name, (h, w, 3) if dtype == np.uint8 else (h, w), dtype)

    def _upload(self, name: str, host: np.ndarray[Any, Any]) -> Array:
        there = self.ctx.scratch(name, host.shape, host.dtype)
        self.ctx.device.upload(host, there)
        return there
