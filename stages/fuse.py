"""One matte from a network that knows what a person is and a background model that knows where something changed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import box, fuse, guided, morphology, resize, things
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

ROWS = 270  # the matte is shrunk and grown at this height or up to twice as large
RADIUS = 2.5  # percent of the height: how far the picture's edges are looked at
CONTRAST = 3e-4  # variance of colours in 0..1 from which on something is an edge of the picture
STEEP = 2.0  # how steep the fitted edge becomes
AROUND = 2.0  # percent of the height: neighbours of a change


class Mask(Stage, use="fuse.mask"):
    """Lets a background model, or a plate, correct the network's matte, as far as each of the two is to be believed.

    fused = alpha + believed * (up * vote * (1 - alpha) - down * (1 - vote) * alpha), fitted to the picture's edges.

    A vote is the model's: its label or, softer, its evidence, or a plate's alpha; a shadow is no vote. `believed` is 1
    after calm frames and 0 as long as the model takes everything for a subject: while the camera moves, after a change
    of light, between stills that have nothing in common. Then the network decides alone, but for what the model has
    denied it before.

    Near the network's edge both count, and where they differ, the picture's own edges decide. Farther out `up` takes a
    thing as a whole: one that the network finds half of is the subject, and a passing car is none; but a network that
    has has found few of the things lately loses that veto. Deep inside `down` is 0, because a shirt may have the wall's
    colour, unless `overrule` is set: then what the network claims and the model does not see is furniture, but for
    what lies within the model's subject, of which `fill` stays. Without votes the matte passes unchanged.
    """

    alpha = In("f32[h,w] alpha", hold=True, description="the network's matte; it may be some frames old")
    label = In("u8[h,w] label", optional=True, description="the background model's label of this instant")
    evidence = In(
        "f32[h,w]",
        optional=True,
        description="how sure it is of a subject: 0..1, a half is a guess; or a plate's alpha",
    )
    image = In("u8[h,w,3] rgb", optional=True, description="the picture, whose edges the matte is fitted to")
    fused = Out("f32[h,w] alpha", name="alpha", description="the matte of both")
    confidence = Out("f32[h,w]", description="0 is a guess, 1 is sure; less than a half where the two contradict")

    reach: float = Param(
        1.5, ge=0.1, le=20, unit="%", hot=True, description="of the height: how far off the network's edge may be"
    )
    edge: float = Param(
        0.4, ge=0, le=1, hot=True, description="how much the model counts there; 1 where no picture is wired"
    )
    overrule: float = Param(
        0.0,
        ge=0,
        le=1,
        hot=True,
        description="1 lets it deny whatever the network claims; for a frozen model that began with the empty room",
    )
    fill: float = Param(
        1.0,
        ge=0,
        le=1,
        hot=True,
        description="how much it may not deny in holes and gaps of what it sees; 0 is for models that leave none",
    )
    trust: float = Param(1.0, ge=0, le=1, hot=True, description="how much the model counts; 0 is the network alone")
    smooth: float = Param(
        0.5, ge=0, le=5, unit="%", hot=True, description="of the height: how far around a pixel labels are averaged"
    )
    nearby: float = Param(
        8.0, ge=1, le=100, unit="%", hot=True, description="of the height: how far around a pixel the model is judged"
    )

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._size = (0, 0)

    def process(
        self, alpha: Array, label: Array | None, evidence: Array | None, image: Array | None
    ) -> dict[str, Array]:
        h, w = alpha.shape
        mind, denied = self._memory(h, w)
        vote = self._vote(label, evidence, h, w)
        out = self.ctx.empty(self.fused)
        if vote is None:
            fuse.settle(alpha, alpha, alpha, mind, denied, out, 0)
            vote = out
        else:
            self._fuse(alpha, vote, image, mind, denied, out)
        if not self.ctx.wired("confidence"):
            return {"alpha": out}
        confidence = self.ctx.empty("confidence")
        fuse.confide(alpha, vote, out, mind, confidence, self.trust)
        return {"alpha": out, "confidence": confidence}

    def launches(self) -> Hashable | None:
        return () if self._size != (0, 0) else None

    def _memory(self, h: int, w: int) -> tuple[Array, Array]:
        mind = self.ctx.scratch("mind", (fuse.MIND,), np.float32)
        denied = self.ctx.scratch("denied", (h, w), np.float32)
        if self._size != (h, w):
            self._size = (h, w)
            mind.fill(0)
            denied.fill(0)
        return mind, denied

    def _bounds(self, alpha: Array, k: int) -> tuple[Array, Array]:
        """The matte shrunk and grown, k times smaller."""
        h, w = alpha.shape
        size = (-(-h // k), -(-w // k))
        small, low, high = (self.ctx.scratch(name, size, np.float32) for name in ("small", "low", "high"))
        if k == 1:
            small = alpha
        else:
            resize.area(alpha, small)
        reach = self.reach / 100 * size[0]
        morphology.grow(small, low, -reach, self.ctx.scratch)
        morphology.grow(small, high, reach, self.ctx.scratch)
        return low, high

    def _cells(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Scratch memory for what is done in cells, by names that nothing of another size has."""
        return self.ctx.scratch(f"cells.{name}", shape, dtype)

    def _vote(self, label: Array | None, evidence: Array | None, h: int, w: int) -> Array | None:
        if label is None and evidence is None:
            return None
        scratch = self.ctx.scratch
        vote = scratch("vote", (h, w), np.float32)
        if label is None:
            morphology.steepen(evidence, vote, 2)
            return vote
        if evidence is not None:
            fuse.weigh(label, evidence, vote)
            return vote
        fuse.count(label, vote)
        if smooth := round(self.smooth / 100 * h):
            box.mean(vote[None], vote[None], smooth, scratch("between", (1, h, w), np.float32))
        return vote

    def _fuse(self, alpha: Array, vote: Array, image: Array | None, mind: Array, denied: Array, out: Array) -> None:
        h, w = alpha.shape
        scratch = self.ctx.scratch
        fused, fitted = (scratch(name, (h, w), np.float32) for name in ("fused", "fitted"))
        halves = min(max(h // ROWS, 1).bit_length() - 1, 3)
        low, high = self._bounds(alpha, 2**halves)
        m, n = -(-h // fuse.CELL), -(-w // fuse.CELL)
        cells, sums = (self._cells(name, (fuse.PLANES, m, n), np.float32) for name in ("planes", "sums"))
        backing = scratch("backing", (m, n), np.float32)
        fuse.witness(low, high, vote, cells, halves, h, w)
        fuse.weigh_up(cells, mind, h * w, scratch)
        things.back_up(cells[fuse.VOTED :], backing, fuse.CELL**2, scratch)
        around = max(self.nearby / 100 * h / fuse.CELL, 1.0)
        dense, wide, inside = (scratch(name, (m, n), np.float32) for name in ("dense", "wide", "inside"))
        fuse.density(cells, dense)
        morphology.grow(dense, wide, around, self._cells)
        morphology.grow(wide, inside, -around, self._cells)
        box.mean(cells, cells, round(around), sums)
        edge = 1.0 if image is None else self.edge
        fuse.decide(
            alpha, low, high, vote, cells, backing, inside, mind, denied, fused,
            self.trust, edge, self.overrule, self.fill, halves, w,
        )  # fmt: skip
        if image is None:
            fitted = fused
        else:
            radius = max(round(RADIUS / 100 * h), 1)
            guided.refine(image, fused, fitted, radius, CONTRAST, max(radius // 4, 1), scratch, STEEP)
        fuse.settle(alpha, fused, fitted, mind, denied, out, self.trust)


class Freeze(Stage, use="fuse.freeze"):
    """What a background model shall not learn: what the network claims and what has changed since it does.

    Wire the label of a model that is not frozen itself, such as a `mog.running`, and the answer to `freeze` of the
    model that shall be. A window that the network takes for a subject has never changed, so it is learned as any wall.
    """

    alpha = In("f32[h,w] alpha", hold=True, description="the network's matte")
    label = In("u8[h,w] label", description="where something changed: a background model's label of this instant")
    held = Out("f32[h,w] alpha", name="alpha", description="the network's matte of what has changed, else 0")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._size = (0, 0)

    def process(self, alpha: Array, label: Array) -> Array:
        h, w = alpha.shape
        scratch = self.ctx.scratch
        state, change = scratch("state", (h, w), np.uint8), scratch("change", (h, w), np.float32)
        if self._size != (h, w):
            self._size = (h, w)
            state.fill(0)
        fuse.count(label, change)
        around = max(round(AROUND / 100 * h), 1)
        box.mean(change[None], change[None], around, scratch("between", (1, h, w), np.float32))
        out = self.ctx.empty(self.held)
        fuse.latch(alpha, change, state, out)
        return out

    def launches(self) -> Hashable | None:
        return () if self._size != (0, 0) else None
