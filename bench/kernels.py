"""Every kernel as the stages call it, timed alone beside the time in which its bytes could be copied."""

from __future__ import annotations

import collections
import contextlib
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pydantic

import bgflow.stages
from bgflow.bench.bandwidth import moved
from bgflow.bench.figures import KernelFigure
from bgflow.bench.pictures import Picture, Size, pictures
from bgflow.bench.stopwatch import Stopwatch, twin
from bgflow.devices import Device
from bgflow.errors import BgflowError
from bgflow.kernel import Kernel
from bgflow.port import In
from bgflow.stage import REGISTRY, Stage
from bgflow.testing import opened

FRAMES = 6  # a stage sees before its launches are looked at
SETS = 6  # copies of the arguments that take turns, so that a kernel does not find its own in a cache

# Beside every stage as it is by default: what reaches kernels that defaults do not.
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("preprocess.resize", {"width": 320, "height": 180}),
    ("preprocess.crop", {"left": 0.1, "top": 0.1}),
    ("compose.alpha", {"mode": "premultiplied"}),
    ("compose.replace", {"background": "gallery:dusk"}),
    ("compose.replace", {"background": "gallery:dusk", "match": 0.5, "wrap": 0.5, "contact": 0.5, "linear": 0.5}),
    ("edge.refine", {"grow": 1.0, "feather": 1.0}),
    ("mog.mask", {"shake": True}),
)


@dataclass(frozen=True)
class Launch:
    """One kernel call, with its arguments as they were before it."""

    kernel: Kernel
    stage: str
    values: tuple[Any, ...]
    count: int = 1

    @property
    def name(self) -> str:
        """Of the kernel, with its file's: names are used again in other files."""
        return f"{self.kernel.cu.stem}.{self.kernel.name}"

    @property
    def bytes(self) -> int:
        """What it has to move."""
        return moved(self.kernel, self.values)


def kernels(
    watch: Stopwatch, size: Size, copy_gbs: float | None, repeats: int, broken: dict[str, str]
) -> Iterator[KernelFigure]:
    """The figures of each kernel, for the launch of it that moves most; a stage that fails is put into `broken`."""
    for launch in launches(watch.device, size, broken):
        seconds = timed(watch, launch, repeats)
        limit = launch.bytes / (copy_gbs * 1e9) if copy_gbs else None
        yield KernelFigure(
            kernel=launch.name,
            stage=launch.stage,
            size=str(size),
            launches=launch.count,
            moved_bytes=launch.bytes,
            us=None if seconds is None else seconds * 1e6,
            share=limit / seconds if limit and seconds else None,
        )


def launches(device: Device, size: Size, broken: dict[str, str]) -> list[Launch]:
    """For every kernel that a stage launches on pictures of that size, its largest launch."""
    for module in pkgutil.iter_modules(bgflow.stages.__path__):
        importlib.import_module(f"bgflow.stages.{module.name}")
    own = sorted(use for use, cls in REGISTRY.items() if cls.__module__.startswith("bgflow.stages."))
    found: dict[str, Launch] = {}
    for use, params in (*((use, {}) for use in own), *VARIANTS):
        cls = REGISTRY[use]
        if cls.is_source() or cls.host or not cls.outputs:
            continue
        try:
            seen = launched(cls(**params), device, size)
        except (BgflowError, pydantic.ValidationError):  # it needs a parameter, a model or a library that is not here
            continue
        except Exception as e:  # the other stages' kernels are still worth something
            broken[use] = f"{type(e).__name__}: {e}"
            continue
        for launch in seen:
            old = found.get(launch.name)
            if old is None or launch.bytes > old.bytes:
                found[launch.name] = launch
    return [found[name] for name in sorted(found)]


def launched(stage: Stage, device: Device, size: Size) -> list[Launch]:
    """What one frame launches, the largest launch of each kernel."""
    with device.active(), opened(stage, device.name) as it:
        for picture in pictures(size)[: FRAMES - 1]:
            it(**inputs(stage, picture))
        with watched(device, stage.use) as seen:
            it(**inputs(stage, pictures(size)[FRAMES - 1]))
    count = collections.Counter(launch.name for launch in seen)
    largest = {launch.name: launch for launch in sorted(seen, key=lambda launch: launch.bytes)}
    return [replace(launch, count=count[name]) for name, launch in largest.items()]


def inputs(stage: Stage, picture: Picture) -> dict[str, Any]:
    """Something fitting for every input."""
    return {name: _fitting(port, picture) for name, port in stage.inputs.items()}


def _fitting(port: In, picture: Picture) -> Any:
    kind = port.types[0]
    if port.name in ("plate", "behind"):
        return picture.plate
    if kind.element == "nv12":
        return picture.nv12
    if kind.dtype == np.uint8:
        return picture.image if len(kind.dims) == 3 else np.where(picture.alpha > 0.5, 255, 0).astype(np.uint8)
    return picture.alpha


@contextlib.contextmanager
def watched(device: Device, stage: str) -> Iterator[list[Launch]]:
    """Keep what any thread launches on the device meanwhile; each launch's arguments are copied before it."""
    seen: list[Launch] = []
    launch = device.launch

    def kept(kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        copies = tuple(twin(device, v) if a.dims else v for a, v in zip(kernel.args, values, strict=True))
        seen.append(Launch(kernel, stage, copies))
        launch(kernel, extent, values)

    device.launch = kept  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        del device.launch  # the class's own shows again


def timed(watch: Stopwatch, launch: Launch, repeats: int) -> float | None:
    """Seconds of one launch among several in a row, each on arguments of its own that no cache holds."""
    if not watch.works:
        return None
    device, kernel = watch.device, launch.kernel
    sets = [
        tuple(twin(device, v) if a.dims else v for a, v in zip(kernel.args, launch.values, strict=True))
        for _ in range(SETS)
    ]
    changed = [n for n, a in enumerate(kernel.args) if a.mode == "inout"]

    def restore() -> None:
        for values in sets:
            for n in changed:
                values[n][...] = launch.values[n]

    with device.active(), device.capture() as recording:
        for values in sets:
            kernel(*values)
    seconds = watch.seconds(recording.replay, repeats, restore)
    return None if seconds is None else seconds / SETS
