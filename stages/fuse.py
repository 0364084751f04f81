"""One matte from a network that knows what a person is and a background model that knows where something changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import fuse, guided, morphology
from bgflow.port import In, Out
from bgflow.stage import Param, Stage


class Mask(Stage, use="fuse.mask"):
    """Lets the background model correct the network's matte, but only near that matte's edge.

    fused = median(S, alpha + trust * (c * vote * (1 - alpha) - s * (1 - vote) * alpha), G)

    S and G are alpha shrunk and grown by `reach`. vote is the share of the neighbours whose label is subject; a shadow
    is background. s is how much of S nearby the model sees as subject, c how much outside of G it leaves background:
    a model that has got used to somebody who sits still has no say in what is background, and one that takes a change
    of light for a crowd none in what is subject. Deep inside and far outside of its matte the network decides alone: a
    passing car is no subject, and a shirt in the wall's colour is. Without a label the matte passes unchanged.
    """

    alpha = In("f32[h,w] alpha", hold=True, description="the network's matte; it may be some frames old")
    label = In("u8[h,w] label", optional=True, description="the background model's label of this instant")
    fused = Out("f32[h,w] alpha", name="alpha", description="the matte of both")

    reach: float = Param(
        3.0, ge=0.1, le=20, unit="%", hot=True, description="of the height: how far off the network's edge may be"
    )
    trust: float = Param(
        1.0, ge=0, le=1, hot=True, description="how much the model counts there; 0 is the network alone"
    )
    smooth: float = Param(
        0.5, ge=0, le=5, unit="%", hot=True, description="of the height: how far around a pixel its neighbours vote"
    )
    nearby: float = Param(
        12.0, ge=1, le=100, unit="%", hot=True, description="of the height: how far around a pixel the model is judged"
    )

    def process(self, alpha: Array, label: Array | None) -> Any:
        h, w = alpha.shape
        scratch = self.ctx.scratch
        out = self.ctx.empty(self.fused)
        if label is None:
            morphology.steepen(alpha, out, 1)
            return out
        low, high, vote, between = (scratch(name, (h, w), np.float32) for name in ("low", "high", "vote", "between"))
        morphology.grow(alpha, low, -self.reach / 100 * h, scratch)
        morphology.grow(alpha, high, self.reach / 100 * h, scratch)
        fuse.count(label, vote)
        if smooth := round(self.smooth / 100 * h):
            guided.box(vote[None], vote[None], smooth, between[None])
        cells = (4, -(-h // fuse.CELL), -(-w // fuse.CELL))
        evidence, sums = scratch("evidence", cells, np.float32), scratch("sums", cells, np.float32)
        fuse.witness(low, high, vote, evidence, h, w)
        guided.box(evidence, evidence, max(round(self.nearby / 100 * h / fuse.CELL), 1), sums)
        fuse.decide(alpha, low, high, vote, evidence, out, self.trust)
        return out
