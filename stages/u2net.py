"""Masks by a salient-object network: U²-Net (Qin et al., Pattern Recognition 2020, https://arxiv.org/abs/2005.09007)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from bgflow import In, Out, Param, Stage, engines, models
from bgflow.engines import Precision
from bgflow.errors import ModelError
from bgflow.frame import Array
from bgflow.kernels import resize
from bgflow.stage import Context


class Mask(Stage, use="u2net.mask"):
    """Finds the subject of a picture with U²-Net and gives its alpha, at the picture's size.

    The picture is stretched to the network's input, and the network's map is stretched back.

    `scale: fixed` takes the network's map, 0..1, as it is; `minmax` is what the authors do: the picture is divided by
    its brightest value and the map stretched to fill 0..1. In a video that makes every alpha depend on the two most
    extreme pixels of its own frame, so the mask flickers with a passing highlight, and a frame without a subject
    becomes a full-scale picture of the network's noise; hence it is for stills only.
    """

    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    model: str = Param("u2netp", description="a name from `bgflow models list`, or an .onnx file of the same layout")
    engine: str = Param("auto", description="auto, or what runs the network: openvino, onnxruntime")
    precision: Precision = Param(
        "auto", description="arithmetic of the network; auto is bf16 where the processor has it, else fp32"
    )
    height: int = Param(320, ge=32, le=2048, unit="px", description="rows of the network's input")
    width: int = Param(320, ge=32, le=2048, unit="px", description="columns of the network's input; 192x320 suits 16:9")
    scale: Literal["fixed", "minmax"] = Param("fixed", description="fixed for video, minmax for stills")
    threads: int = Param(0, ge=0, le=256, description="cores the network may use; 0 is all of them")

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.engine not in ("auto", *engines.known()):
            yield "engine", engines.unknown(self.engine)
        try:
            step = models.get(self.model).layout.multiple
        except ModelError as e:
            yield "model", str(e)
            return
        for name in ("height", "width"):
            if rest := getattr(self, name) % step:
                low = getattr(self, name) - rest
                near = f"{low} or {low + step}" if low else str(step)
                yield name, f"{getattr(self, name)} is not a multiple of {step}; {near} would be"

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        model = models.find(self.model)
        self.layout = model.layout
        make = engines.engine(self.engine, ctx.device)
        shape = (1, 3, self.height, self.width)
        self._engine = make(
            model.path, shape, output=model.layout.output, precision=self.precision, threads=self.threads
        ).__enter__()
        native = ctx.device.name.partition(":")[0] in make.devices
        self._net = self._engine if native else engines.Staged(self._engine, ctx.device, shape, (1, 1, *shape[2:]))
        ctx.log.info("%s by %s in %s", self.model, make.package, self._engine.precision)

    def process(self, image: Array) -> Array:
        size = self.height, self.width
        x = self.ctx.scratch("x", (1, 3, *size), np.float32)
        y = self.ctx.scratch("y", (1, 1, *size), np.float32)
        alpha = self.ctx.empty(self.alpha)
        self._prepare(image, x)
        self._net(x, y)
        if self.scale == "minmax":
            _stretch(y)
        resize.matte(y[0, 0], alpha)
        return alpha

    def close(self) -> None:
        self._engine.__exit__(None, None, None)

    def _prepare(self, image: Array, x: Array) -> None:
        """The picture as the network wants it: (colour - mean) / std, colour in 0..1."""
        peak = 1.0
        if self.scale == "minmax":
            resize.to_tensor(image, x[0], (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
            peak = float(x.max()) or 1.0
        mean, std = self.layout.mean, self.layout.std
        resize.to_tensor(image, x[0], tuple(m * peak for m in mean), tuple(s * peak for s in std))


def _stretch(y: Array) -> None:
    """Scale `y` in place so that it fills 0..1; a constant map stays."""
    low, high = float(y.min()), float(y.max())
    if high > low:
        y -= np.float32(low)
        y *= np.float32(1.0 / (high - low))
