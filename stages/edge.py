"""Clean up a matte and fit its edge to the picture."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal

import numpy as np

from bgflow.devices import to_host
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.kernels import box, guided, matting, morphology, resize
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage


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
    radius: float = Param(0.5, ge=0, le=20, unit="%", hot=True, description="how far the picture's edge is looked for")
    eps: float = Param(
        1e-4, ge=1e-7, le=1, hot=True, description="contrast (variance of colours in 0..1) that counts as an edge"
    )
    subsample: int = Param(4, ge=1, le=16, hot=True, description="shrinking inside the guided filter; 1 is exact, slow")
    sharpen: float = Param(0.1, ge=0, le=10, hot=True, description="how much steeper the edge becomes; 1 is twice")
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
        steep = scratch("steep", (h, w), np.float32) if self.grow else out
        if radius:
            subsample = min(self.subsample, -(-radius // 2))
            guided.refine(image, alpha, steep, radius, self.eps, subsample, scratch, 1 + self.sharpen)
        else:
            morphology.steepen(alpha, steep, 1 + self.sharpen)
        if self.grow:
            morphology.grow(steep, out, self.grow / 100 * h, scratch)
        if feather:
            planes, between = out[None], scratch("feather", (1, h, w), np.float32)
            box.mean(planes, planes, feather, between)
            box.mean(planes, planes, feather, between)
        return out

    def ladder(self) -> Iterable[Mapping[str, Any]]:
        """Specks may stay; at last the edge is not fitted to the picture any more."""
        if self.despeckle:
            yield {"despeckle": 0.0}
        if self.radius:
            yield {"radius": 0.0}

    def launches(self) -> Hashable:
        return ()

    @staticmethod
    def _pixels(percent: float, h: int) -> int:
        """A length in whole pixels; what is not 0 % is a pixel at least."""
        return round(percent / 100 * h) or int(percent > 0)


class Matte(Stage, use="edge.matte"):
    """Solves alpha anew where the matte is in doubt, from the colours on both sides: for hair and soft edges.

    Doubt is where both subject and background are within `band`. It wants a matte whose edge is nearly right: put
    `edge.refine` before it. `fast` solves at most `budget` pixels, the most doubtful first, and takes as long for
    every picture. `closed-form` (Levin, Lischinski and Weiss, PAMI 30, 2008) solves all of them at once, on the CPU,
    and takes seconds, and a minute to compile in its first run: for stills.
    """

    image = In("u8[h,w,3] rgb", description="the picture that the matte belongs to")
    alpha = In("f32[h,w] alpha", hold=True, description="the matte, right but for its edge")
    solved = Out("f32[h,w] alpha", name="alpha", description="the matte with its edge solved")

    band: float = Param(2.0, ge=0.1, le=20, unit="%", hot=True, description="how far from the edge alpha is in doubt")
    budget: int = Param(
        80_000, ge=16, le=2**24, unit="px", hot=True, description="pixels solved at most; 320,000 suits 4K"
    )
    quality: Literal["fast", "closed-form"] = Param(
        "fast", description="closed-form needs pip install 'bgflow[matting]'"
    )

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        if self.quality == "closed-form":
            try:
                import pymatting
            except ImportError:
                raise UsageError("edge.matte: closed-form needs pymatting; pip install 'bgflow[matting]'") from None
            self._closed_form: Any = pymatting.estimate_alpha_cf

    def process(self, image: Array, alpha: Array) -> Array:
        out = self.ctx.empty(self.solved)
        band = self.band / 100 * alpha.shape[0]
        if self.quality == "fast":
            matting.refine(image, alpha, out, band, self.budget, self.ctx.scratch)
        else:
            self._solve(image, alpha, out, band)
        return out

    def copies(self) -> tuple[int, int]:
        """None, but for `closed-form`: picture and trimap go to the host, and the matte comes back."""
        return (0, 0) if self.quality == "fast" else (1, 2)

    def launches(self) -> Hashable | None:
        return () if self.quality == "fast" else None

    def _solve(self, image: Array, alpha: Array, out: Array, band: float) -> None:
        """Closed-form matting, on the host, of a trimap made from the doubt."""
        trimap = self.ctx.scratch("trimap", alpha.shape, np.float32)
        around, _ = matting.doubt(image, alpha, band, self.ctx.scratch)
        resize.matte(around, trimap)
        picture, marks = to_host(image), to_host(trimap)
        subject, rest = marks >= 1 - matting.SURE, marks <= matting.SURE
        if not subject.any() or not rest.any():
            out[...] = alpha  # nothing to compare with
            return
        marks = np.where(subject, 1.0, np.where(rest, 0.0, 0.5))
        solved = self._closed_form(picture / 255.0, marks)
        self.ctx.device.upload(np.ascontiguousarray(solved, np.float32), out)
