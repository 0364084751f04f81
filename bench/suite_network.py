"""The networks alone: engine, precision and input size, as a share of what the processor multiplies, and the masks.

The peak is measured through OpenVINO in the same precision: a product of two square matrices (of 8-bit integers for
int8), which oneDNN computes with the best units that it finds. A share is operations of the network over its time,
divided by that. Every row takes turns with ONNX Runtime in fp32, which is what most programs around these networks use.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bgflow import engines, models
from bgflow.bench import matrix
from bgflow.bench.pictures import Size, pictures
from bgflow.bench.result import Absent, Row
from bgflow.bench.suite import Case, Item, Scope, timed
from bgflow.devices import device
from bgflow.engines import Engine, Precision
from bgflow.errors import BgflowError
from bgflow.models import calibration
from bgflow.stages.net import Mask
from bgflow.testing import opened

SUITE = "network"
SIZES: dict[str, tuple[tuple[int, int], ...]] = {
    "u2netp": ((320, 320), (192, 320), (160, 288)),
    "u2net": ((320, 320),),
    "selfie": ((256, 256),),
    "modnet": ((512, 896),),
}
ENGINES: dict[str, tuple[Precision, ...]] = {
    "openvino": ("fp32", "bf16", "int8"),
    "onnxruntime": ("fp32",),
    "torch": ("fp32",),
}
TINY = "selfie"  # the quickest of them
PICTURES = Size(640, 360)
PEER = "onnxruntime fp32"


@dataclass(frozen=True)
class Way:
    """One network of one size by one engine in one precision."""

    model: str
    height: int
    width: int
    engine: str
    precision: Precision

    def __str__(self) -> str:
        return f"{self.model} {self.height}x{self.width}, {self.engine} {self.precision}"

    def net(self) -> Engine:
        """The engine, not entered yet; raises BgflowError where it cannot be had."""
        found, where = models.find(self.model), device("cpu")
        layout, size = found.layout, (self.height, self.width)
        make = engines.engine(self.engine, where)
        samples = functools.partial(calibration.inputs, layout, *size)
        how: dict[str, Any] = {"ends": layout.ends(*size), "precision": self.precision, "samples": samples}
        return engines.fitted(make, found.path, layout.shape(*size), where, **how)

    def alphas(self) -> np.ndarray[Any, Any]:
        """The mattes of a few rendered pictures; raises BgflowError."""
        how: dict[str, Any] = {"height": self.height, "width": self.width, "engine": self.engine}
        with opened(Mask(model=self.model, precision=self.precision, **how)) as mask:
            return np.stack([np.array(mask(image=picture.image)) for picture in pictures(PICTURES)])


def cases(scope: Scope) -> Iterator[Item]:
    """Every model that is here; an Absent for each that is not."""
    try:
        peaks = dict(_peaks(scope))
    except ImportError as e:
        yield Absent(suite=SUITE, name="matrix products", why=f"{e}; pip install openvino")
        return
    yield from peaks.values()
    for model, sizes in SIZES.items():
        if scope.tiny and model != TINY:
            continue
        try:
            models.find(model)
        except BgflowError as e:
            yield Absent(suite=SUITE, name=model, why=str(e))
            continue
        for height, width in sizes:
            ways = [Way(model, height, width, e, p) for e, precisions in ENGINES.items() for p in precisions]
            yield from _size(scope, ways, peaks)


def _peaks(scope: Scope) -> Iterator[tuple[Precision, Row]]:
    """Operations a second, 1e9, of a large matrix product in each precision."""
    side = 128 if scope.tiny else matrix.SIDE
    for precision in ENGINES["openvino"]:
        with contextlib.suppress(BgflowError):
            product = matrix.product(precision, side)
            row = timed(SUITE, Case(f"matrix product, {precision}", product, unit="s"), scope)
            rates = [matrix.operations(side) / s / 1e9 for s in row.samples]
            note = f"{side}x{side} by {side}x{side} through OpenVINO, the processor's peak for the shares"
            yield precision, Row.measured(SUITE, row.name, "GOPS", rates, better="more", note=note)


def _size(scope: Scope, ways: list[Way], peaks: dict[Precision, Row]) -> Iterator[Item]:
    """All ways to compute one network at one size, each in turn with ONNX Runtime."""
    reference = Way(ways[0].model, ways[0].height, ways[0].width, "onnxruntime", "fp32")
    try:
        truth = reference.alphas()
    except BgflowError as e:
        yield Absent(suite=SUITE, name=str(reference), why=str(e))
        return
    found = models.find(reference.model)
    work = matrix.network_operations(found.layout, found.path, reference.height, reference.width)
    for way in ways:
        if scope.only not in str(way):
            continue
        try:
            yield _row(scope, way, reference, truth, work, peaks)
        except (BgflowError, ImportError) as e:
            yield Absent(suite=SUITE, name=str(way), why=" ".join(str(e).split())[:200])


def _row(
    scope: Scope,
    way: Way,
    reference: Way,
    truth: np.ndarray[Any, Any],
    work: int,
    peaks: dict[Precision, Row],
) -> Row:
    """One way, with its share of the peak and the distance of its masks."""
    apart = float(np.abs(way.alphas() - truth).mean())
    with contextlib.ExitStack() as stack:
        runs = {}
        for name, one in {"": way, **({PEER: reference} if way != reference else {})}.items():
            net = stack.enter_context(one.net())
            x, out = np.full(net.shape, 0.5, np.float32), np.empty(net.out_shape, np.float32)
            runs[name] = functools.partial(net, x, out)
        ours = runs.pop("")
        row = timed(SUITE, Case(str(way), ours, runs, unit="ms"), scope)
    gops = work / row.interval.value / 1e6
    share = f"{gops / peaks[way.precision].interval.value:.0%} of the peak, " if way.precision in peaks else ""
    note = f"{share}{gops:.0f} GOPS, mean |Δα| to fp32 {apart:.4f}"
    return row.model_copy(update={"note": note})
