"""Masks by any network that is declared: one of bgflow's models, or an own file and how to read it."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage, engines, models
from bgflow.batching import Stream
from bgflow.engines import Engine, Precision
from bgflow.errors import ModelError
from bgflow.frame import Array
from bgflow.kernels import resize, span, tensor
from bgflow.models import calibration
from bgflow.models.ends import read
from bgflow.models.layout import near_multiple
from bgflow.stage import Context

SMALLER = (0.8, 0.6)  # of the input's length, on the way down a ladder
LEAST = 96  # px below which a network finds no people any more


class Mask(Stage, use="net.mask"):
    """Finds the subject of a picture with a network and gives its alpha, at the picture's size.

    `model` is a name, a file with U²-Net's layout, or a declaration: {path: my.onnx, input: image, output: mask,
    size: [256, 256], mean: [0, 0, 0], std: [1, 1, 1], layout: nhwc, activation: sigmoid}. What is left out is as
    U²-Net has it.

    `scale: fixed` takes the network's map, 0..1, as it is; `minmax` is what U²-Net's authors do: the picture is divided
    by its brightest value and the map stretched to fill 0..1. In a video that makes every alpha depend on the two most
    extreme pixels of its own frame, so the mask flickers with a passing highlight, and a frame without a subject
    becomes a full-scale picture of the network's noise; hence it is for stills only.

    `batch: 8` shares the network with all stages of this process that ask for the same: up to 8 of their pictures are
    answered at once. A picture leaves when nobody is left to wait for, or after `max_wait_us`. That is for a GPU, where
    a network of one picture leaves much idle; on a few cores it gains little.

    A network with a memory starts afresh with a picture of another size and with one that is not later than the last.
    """

    image = In("u8[h,w,3] rgb | nv12[h,w]")
    alpha = Out("f32[h,w] alpha")

    model: str | dict[str, Any] = Param(
        description="a name from `bgflow models list`, a network's file, or its declaration"
    )
    engine: str = Param("auto", description="auto, or what runs the network: openvino, onnxruntime, tensorrt, torch")
    precision: Precision = Param(
        "auto",
        description="auto: fp16 on a GPU; on a processor int8 where that costs the mask least, else bf16, else fp32",
    )
    height: int = Param(
        0, ge=0, le=8192, unit="px", hot=True, slow=True, description="rows of its input; 0 is the model's own"
    )
    width: int = Param(
        0, ge=0, le=8192, unit="px", hot=True, slow=True, description="columns of its input; 0 is the model's own"
    )
    scale: Literal["fixed", "minmax"] = Param("fixed", description="fixed for video, minmax for stills")
    memory: bool = Param(True, description="false for pictures that do not follow each other: every one is the first")
    threads: int = Param(0, ge=0, le=256, description="cores the network may use; 0 is all of them")
    batch: int = Param(
        0, ge=0, le=64, description="pictures of several such stages that leave together; 0: a network of its own"
    )
    max_wait_us: int = Param(
        2000, ge=0, le=1_000_000, unit="µs", description="how long a picture waits for those of other stages"
    )

    _engine: Engine | None = None
    compares = False
    """Whether its networks compare the picture with a plate."""

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
        if layout.plate != self.compares:
            wants, right = ("a plate", "plate.net") if layout.plate else ("no plate", "net.mask")
            yield "model", f"{model.name} takes {wants} beside the picture; use {right} for it"
        for name in ("height", "width"):
            if getattr(self, name) % layout.multiple:
                yield name, near_multiple(getattr(self, name), layout.multiple)

    def ladder(self) -> Iterable[Mapping[str, Any]]:
        """Smaller inputs, which cost about two thirds and one third."""
        try:
            layout = models.get(self.model).layout
        except ModelError:
            return  # `problems` tells
        if not self.height and layout.resize != "stretch":
            return  # its input has the picture's shape, which is not known yet
        size = last = (self.height, self.width) if self.height else layout.size
        for scale in SMALLER:
            rows, columns = (round(n * scale / layout.multiple) * layout.multiple for n in size)
            if min(rows, columns) >= LEAST and (rows, columns) != last:
                last = rows, columns
                yield {"height": rows, "width": columns}

    def copies(self) -> tuple[int, int]:
        """None, but for an engine of the CPU that stands in where a GPU has none of its own."""
        if self._engine:
            staged = not engines.native(self._make, self.ctx.device)
        else:
            staged = self.engine in engines.known() and not engines.on_accelerators(self.engine)
        return (1, 1) if staged else (0, 0)

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._model = models.find(self.model)
        self.layout = self._model.layout
        self._size = self._seen = (0, 0)
        self._last = -1
        self._coming: tuple[tuple[int, int], Future[Engine]] | None = None
        self._loader = ThreadPoolExecutor(1, f"bgflow:{ctx.name} loads")
        self._make = engines.engine(self.engine, ctx.device)
        if not engines.native(self._make, ctx.device):
            ctx.warn(f"the network runs on the CPU, with two copies a frame; {engines.GPU_ENGINES} keeps it on the GPU")
        if self.height or self.layout.resize == "stretch":
            self._load(self._input_size(1, 1))
        else:  # its input has the picture's shape, which the first frame tells
            read(self._model.path, self.layout.shape(*self.layout.size), self.layout.ends(*self.layout.size))

    def process(self, image: Array) -> Array:
        net = self._follow(picture_size(image))
        alpha = self.ctx.empty(self.alpha)
        with self._ends(net) as (x, y):
            self._prepare(image, x)
            net(x, y)
            resize.matte(self._matte(y), alpha)
        return alpha

    def launches(self) -> Hashable | None:
        if self._engine is None or not self._engine.capturable or self._seen == (0, 0):
            return None  # the first picture, or its size, may load a network and empties its memory
        return self._engine.turn, self._afresh()

    def replayed(self) -> None:
        self._last = self.ctx.frame.pts
        assert self._engine  # else it had no launches
        self._engine.replayed()

    def close(self) -> None:
        self._unload()
        self._dismiss()
        self._loader.shutdown()

    def _input_size(self, height: int, width: int) -> tuple[int, int]:
        return (self.height, self.width) if self.height else self.layout.fitted(height, width)

    def _afresh(self) -> bool:
        """Whether the network's memory would begin anew with this instant."""
        return not self.memory or self.ctx.frame.pts <= self._last

    def _follow(self, seen: tuple[int, int]) -> Engine:
        """The network for pictures of this size, with the memory that suits this instant."""
        net, wanted = self._engine, self._input_size(*seen)
        if net is None or (wanted != self._size and not self._may_wait(seen)):
            net = self._load(wanted)
        elif wanted != self._size:
            net = self._exchange(net, wanted)
        if self._afresh() or seen != self._seen:
            net.reset()
        self._last, self._seen = self.ctx.frame.pts, seen
        return net

    def _ends(self, net: Engine) -> AbstractContextManager[tuple[Array, Array]]:
        """Where the network's picture and its answer are."""
        if isinstance(net, Stream):
            return net.place()
        shapes = {"x": net.shape, "y": net.out_shape}
        x, y = (self.ctx.scratch(name, shape, np.float32) for name, shape in shapes.items())
        return nullcontext((x, y))

    def _may_wait(self, seen: tuple[int, int]) -> bool:
        """Whether the present network can go on while another size is loaded, because only a parameter has changed."""
        return seen == self._seen and self.ctx.device.name == "cpu" and self.batch < 2

    def _exchange(self, net: Engine, size: tuple[int, int]) -> Engine:
        """The network of another size once it is loaded, on a thread of its own, so that no frame waits; else `net`."""
        if self._coming is None or self._coming[0] != size:
            self._dismiss()
            self._coming = size, self._loader.submit(self._made, size)
        coming = self._coming[1]
        if not coming.done():
            return net
        self._coming = None
        return self._use(coming.result(), size)

    def _dismiss(self) -> None:
        """Close a network that is being loaded and is not wanted any more."""
        if self._coming and not self._coming[1].cancel():
            self._coming[1].add_done_callback(lambda it: it.exception() or it.result().__exit__(None, None, None))
        self._coming = None

    def _load(self, size: tuple[int, int]) -> Engine:
        self._unload()
        return self._use(self._made(size), size)

    def _made(self, size: tuple[int, int]) -> Engine:
        layout, where = self.layout, self.ctx.device

        def make(count: int) -> Engine:
            return engines.fitted(
                self._make,
                self._model.path,
                (count, *layout.shape(*size)[1:]),
                where,
                ends=layout.ends(*size),
                precision=self.precision,
                threads=self.threads,
                samples=functools.partial(calibration.inputs, layout, *size),
            )

        net = make(1)
        if self.batch > 1:
            same = self._model.sha256, layout.model_dump_json(), size, self._make, self.precision, self.threads
            key = (*same, where.name, self.batch, self.max_wait_us)
            net = Stream(key, make, where, self.batch, self.max_wait_us)
        return net.__enter__()

    def _use(self, net: Engine, size: tuple[int, int]) -> Engine:
        self._unload()
        self._engine, self._size = net, size
        self._map = _map_shape(net.path, net.out_shape, self.layout.layout)
        text = "%s by %s in %s at %d x %d"
        self.ctx.log.info(text, self._model.name, self._make.package, net.precision, *size[::-1])
        return net

    def _unload(self) -> None:
        if isinstance(self._engine, Stream):
            self.ctx.note(batching=self._engine.counters())
        if self._engine:
            self._engine.__exit__(None, None, None)
            self._engine = None

    def _prepare(self, image: Array, x: Array) -> None:
        """The picture as the network wants it: (colour - mean) / std, colour in 0..1."""
        layout, plain = self.layout, self.scale == "fixed"
        mean, std = (layout.mean, layout.std) if plain else ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        if image.ndim == 2:
            tensor.fill_nv12(image, *self._seen, x, mean, std, layout.layout, self.ctx.scratch)
        else:
            tensor.fill(image, x, mean, std, layout.layout, self.ctx.scratch)
        if not plain:
            span.under_peak(x, layout.mean, layout.std, layout.layout, self.ctx.scratch)

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
            span.stretch(found, self.ctx.scratch)
        return found


def picture_size(image: Array) -> tuple[int, int]:
    """Height and width of a picture in RGB, or in NV12, which has its chroma below."""
    rows, columns = image.shape[:2]
    return (rows * 2 // 3 if image.ndim == 2 else rows), columns


def _map_shape(path: Path, shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """The answer's dims without the batch: channels, rows, columns in the order of the layout."""
    inner = shape[1:] if len(shape) > 2 else shape
    if len(inner) not in (2, 3) or (len(shape) > 2 and shape[0] != 1):
        raise ModelError(f"{path}: its output is f32{list(shape)}; wanted a map, f32[1,?,?,?], f32[1,?,?] or f32[?,?]")
    return inner if len(inner) == 3 else (1, *inner) if layout == "nchw" else (*inner, 1)
