"""Masks by any network that is declared: one of bgflow's models, or an own file and how to read it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage, engines, models
from bgflow.engines import Precision
from bgflow.errors import ModelError
from bgflow.frame import Array
from bgflow.kernels import resize, tensor
from bgflow.models.ends import read
from bgflow.models.layout import near_multiple
from bgflow.stage import Context


class Mask(Stage, use="net.mask"):
    """Finds the subject of a picture with a network and gives its alpha, at the picture's size.

    `model` is a name, a file with U²-Net's layout, or a declaration: {path: my.onnx, input: image, output: mask,
    size: [256, 256], mean: [0, 0, 0], std: [1, 1, 1], layout: nhwc, activation: sigmoid}. What is left out is as
    U²-Net has it.

    `scale: fixed` takes the network's map, 0..1, as it is; `minmax` is what U²-Net's authors do: the picture is divided
    by its brightest value and the map stretched to fill 0..1. In a video that makes every alpha depend on the two most
    extreme pixels of its own frame, so the mask flickers with a passing highlight, and a frame without a subject
    becomes a full-scale picture of the network's noise; hence it is for stills only.

    A network with a memory starts afresh with a picture of another size and with one that is not later than the last.
    """

    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    model: str | dict[str, Any] = Param(
        description="a name from `bgflow models list`, a network's file, or its declaration"
    )
    engine: str = Param("auto", description="auto, or what runs the network: openvino, onnxruntime")
    precision: Precision = Param(
        "auto", description="arithmetic of the network; auto is bf16 where the processor has it, else fp32"
    )
    height: int = Param(0, ge=0, le=8192, unit="px", description="rows of the network's input; 0 is the model's own")
    width: int = Param(0, ge=0, le=8192, unit="px", description="columns of the network's input; 0 is the model's own")
    scale: Literal["fixed", "minmax"] = Param("fixed", description="fixed for video, minmax for stills")
    memory: bool = Param(True, description="false for pictures that do not follow each other: every one is the first")
    threads: int = Param(0, ge=0, le=256, description="cores the network may use; 0 is all of them")

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.engine not in ("auto", *engines.known()):
            yield "engine", engines.unknown(self.engine)
        if bool(self.height) != bool(self.width):
            yield "height", "height and width go together; give both, or neither for the model's own size"
        try:
            model = models.get(self.model)
            layout = model.layout
            if isinstance(self.model, dict):  # it is there, so its tensors can be compared before anything is opened
                read(model.path, layout.shape(*layout.size), layout.ends(*layout.size))
        except ModelError as e:
            yield "model", str(e)
            return
        for name in ("height", "width"):
            if getattr(self, name) % layout.multiple:
                yield name, near_multiple(getattr(self, name), layout.multiple)

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._model = models.find(self.model)
        self.layout = self._model.layout
        self._engine: Any = None
        self._size = self._seen = (0, 0)
        self._last = -1
        self._make = engines.engine(self.engine, ctx.device)
        if self.height or self.layout.resize == "stretch":
            self._load(self._input_size(1, 1))
        else:  # its input has the picture's shape, which the first frame tells
            read(self._model.path, self.layout.shape(*self.layout.size), self.layout.ends(*self.layout.size))

    def process(self, image: Array) -> Array:
        self._follow(image.shape[:2])
        x = self.ctx.scratch("x", self.layout.shape(*self._size), np.float32)
        y = self.ctx.scratch("y", self._engine.out_shape, np.float32)
        alpha = self.ctx.empty(self.alpha)
        self._prepare(image, x)
        self._net(x, y)
        resize.matte(self._matte(y), alpha)
        return alpha

    def close(self) -> None:
        self._unload()

    def _input_size(self, height: int, width: int) -> tuple[int, int]:
        return (self.height, self.width) if self.height else self.layout.fitted(height, width)

    def _follow(self, seen: tuple[int, int]) -> None:
        """Have the network for pictures of this size, and with the memory that suits this instant."""
        if (wanted := self._input_size(*seen)) != self._size:
            self._load(wanted)
        time, before = self.ctx.frame.pts, self._last
        self._last = time
        if not self.memory or seen != self._seen or time <= before:
            self._engine.reset()
        self._seen = seen

    def _load(self, size: tuple[int, int]) -> None:
        self._unload()
        shape, ends = self.layout.shape(*size), self.layout.ends(*size)
        path, device = self._model.path, self.ctx.device
        engine = self._make(path, shape, ends=ends, precision=self.precision, threads=self.threads)
        self._engine = engine.__enter__()
        self._size = size
        self._map = _map_shape(path, self._engine.out_shape, self.layout.layout)
        native = device.name.partition(":")[0] in self._make.devices
        self._net = engine if native else engines.Staged(engine, device, shape, engine.out_shape)
        text = "%s by %s in %s at %d x %d"
        self.ctx.log.info(text, self._model.name, self._make.package, engine.precision, *size[::-1])

    def _unload(self) -> None:
        if self._engine:
            self._engine.__exit__(None, None, None)
            self._engine = None

    def _prepare(self, image: Array, x: Array) -> None:
        """The picture as the network wants it: (colour - mean) / std, colour in 0..1."""
        layout, peak = self.layout, 1.0
        if self.scale == "minmax":
            tensor.fill(image, x, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), layout.layout, self.ctx.scratch)
            peak = float(x.max()) or 1.0
        mean, std = tuple(m * peak for m in layout.mean), tuple(s * peak for s in layout.std)
        tensor.fill(image, x, mean, std, layout.layout, self.ctx.scratch)

    def _matte(self, y: Array) -> Array:
        """The network's answer as one map 0..1."""
        layout = self.layout
        maps = y.reshape(self._map)
        rows, columns, channels = maps.shape if layout.layout == "nhwc" else (*maps.shape[1:], maps.shape[0])
        if layout.activation == "none" and channels == 1:
            found = maps.reshape(rows, columns)
        else:
            found = self.ctx.scratch("map", (rows, columns), np.float32)
            tensor.matte(maps, found, layout.activation, layout.channel, layout.layout)
        if self.scale == "minmax":
            _stretch(found)
        return found


def _map_shape(path: Path, shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """The answer's dims without the batch: channels, rows, columns in the order of the layout."""
    inner = shape[1:] if len(shape) > 2 else shape
    if len(inner) not in (2, 3) or (len(shape) > 2 and shape[0] != 1):
        raise ModelError(f"{path}: its output is f32{list(shape)}; wanted a map, f32[1,?,?,?], f32[1,?,?] or f32[?,?]")
    return inner if len(inner) == 3 else (1, *inner) if layout == "nchw" else (*inner, 1)


def _stretch(y: Array) -> None:
    """Scale `y` in place so that it fills 0..1; a constant map stays."""
    low, high = float(y.min()), float(y.max())
    if high > low:
        y -= np.float32(low)
        y *= np.float32(1.0 / (high - low))
