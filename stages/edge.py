"""Clean up a matte and fit its edge to the picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import guided, morphology
from bgflow.port import In, Out
from bgflow.stage import Param, Stage


class Refine(Stage, use="edge.refine"):
    """Turns a coarse matte into one that follows the picture's own edges.

    In this order, each left out when it is 0: specks and holes go, the fast guided filter fits the matte to the
    picture, its edge is made steeper, it grows or shrinks, its edge is blurred. Lengths are in % of the picture's
    height and areas in % of its area, so that a matte looks the same at any resolution. Where the matte is 0 or 1 and
    no edge is within reach of these lengths, it stays as it is.
    """

    image = In("u8[h,w,3] rgb", description="the picture that the matte belongs to")
    alpha = In("f32[h,w] alpha", hold=True, description="the coarse matte")
    refined = Out("f32[h,w] alpha", name="alpha", description="the refined matte")

    despeckle: float = Param(0.1, ge=0, le=10, unit="%", hot=True, description="area up to which a speck or hole goes")
    grow: float = Param(0.0, ge=-10, le=10, unit="%", hot=True, description="how far the edge moves out; negative: in")
    radius: float = Param(1.0, ge=0, le=20, unit="%", hot=True, description="how far the picture's edge is looked for")
    eps: float = Param(
        1e-4, ge=1e-7, le=1, hot=True, description="contrast (variance of colours in 0..1) that counts as an edge"
    )
    subsample: int = Param(4, ge=1, le=16, hot=True, description="shrinking inside the guided filter; 1 is exact, slow")
    sharpen: float = Param(1.0, ge=0, le=10, hot=True, description="how much steeper the edge becomes; 1 is twice")
    feather: float = Param(0.0, ge=0, le=10, unit="%", hot=True, description="how far the edge is blurred to each side")

    def process(self, image: Array, alpha: Array) -> Any:
        h, w = alpha.shape
        scratch = self.ctx.scratch
        out = self.ctx.empty(self.refined)
        radius, feather = (self._pixels(v, h) for v in (self.radius, self.feather / 2))  # two boxes of half its length
        if self.despeckle:
            clean = scratch("clean", (h, w), np.float32)
            morphology.despeckle(alpha, clean, self.despeckle / 100 * h * w, scratch)
            alpha = clean
        if radius:
            fitted = scratch("fitted", (h, w), np.float32)
            subsample = min(self.subsample, -(-radius // 2))
            guided.refine(image, alpha, fitted, radius, self.eps, subsample, scratch)
            alpha = fitted
        steep = scratch("steep", (h, w), np.float32) if self.grow else out
        morphology.steepen(alpha, steep, 1 + self.sharpen)
        if self.grow:
            morphology.grow(steep, out, self.grow / 100 * h, scratch)
        if feather:
            planes, between = out[None], scratch("feather", (1, h, w), np.float32)
            guided.box(planes, planes, feather, between)
            guided.box(planes, planes, feather, between)
        return out

    @staticmethod
    def _pixels(percent: float, h: int) -> int:
        """A length in whole pixels; what is not 0 % is a pixel at least."""
        return round(percent / 100 * h) or int(percent > 0)
