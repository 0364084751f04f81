"""Steady mattes: what the network said before goes with the picture and is weighed against what it says now."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import carry, flow, guided, resize
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

ROWS = 240  # of the reduced picture on which all is done, more or less
RING = 16  # pictures and flows that are kept
NEARBY = 2  # pixels around each that are looked at to tell whether something new is there
CALM = 0.3  # the share of the picture that is taken to show nothing new
OVER, LEAST = 2.5, 4.0  # new is what differs by so many times the noise and so many levels of 255 besides
FEW = 0.5  # answers that the first matte is worth: it may be old, and nothing says where its edge is by now

f32 = np.float32


class History:
    """The last few pictures, grey and reduced k times, and the flow from each to the one before it."""

    def __init__(self, ctx: Context, h: int, w: int):
        self.scratch, self.size = ctx.scratch, (h, w)
        self.k = max(round(h / ROWS), 1)
        self.m, self.n = -(-h // self.k), -(-w // self.k)
        self._times: list[Fraction] = []
        self._count = 0
        self._pictures = self.scratch("pictures", (RING, *flow.padded(self.m, self.n)), f32)
        self._flows = self.scratch("flows", (RING, 2, self.m, self.n), f32)

    def add(self, time: Fraction, image: Array) -> None:
        """The picture of this instant."""
        self._count += 1
        self._times = [time, *self._times[: RING - 1]]
        flow.grey(image, self.picture(0), self.k, self.m, self.n, *self.size)
        if len(self._times) > 1:
            flow.flow(self.picture(0), self.picture(1), self.flow(0), self.scratch)

    def picture(self, age: int) -> Array:
        """The picture of `age` instants ago."""
        return self._pictures[(self._count - age) % RING]

    def flow(self, age: int) -> Array:
        """The flow from the picture of `age` instants ago to the one before it."""
        return self._flows[(self._count - age) % RING]

    def age(self, time: Fraction) -> int:
        """How many instants ago it was `time`, or the last picture before; the oldest there is for what is older."""
        return next((n for n, t in enumerate(self._times) if t <= time), len(self._times) - 1)

    def flow_to(self, age: int) -> Array:
        """The flow from this picture to the one of `age` instants ago, 1 or more."""
        total = self.flow(0)
        for n in range(1, age):
            longer = self.scratch(f"total {n % 2}", (2, self.m, self.n), f32)
            flow.chain(total, self.flow(n), longer, self.m, self.n)
            total = longer
        return total


class Stabilise(Stage, use="time.stabilise"):
    """Steadies a matte, and brings one that is some frames old to the present instant.

    The last result is carried along dense optical flow to this picture, and the network only corrects it; where the
    picture shows what was not there before, or the network is sure of the opposite again and again, the network is
    believed. A matte of an earlier instant is first carried over the frames since then, so that the edge is where the
    subject is now, whatever the network's `every` is and however late it comes.

    The matte must come from a stage that runs at the network's instants, because only then is its time stamp that of
    the picture it shows. All is done on a picture of about 240 rows; sharp edges are the part of `edge.refine`, which
    belongs after this stage.
    """

    image = In("u8[h,w,3] rgb", description="the picture of this instant")
    alpha = In("f32[h,w] alpha", hold=True, description="the network's matte; it may be some frames old")
    steady = Out("f32[h,w] alpha", name="alpha", description="the matte of this instant")

    still: float = Param(
        0.12, ge=0.01, le=1, hot=True, description="how much of the past is forgotten per frame where nothing moves"
    )
    moving: float = Param(
        0.4, ge=0.01, le=1, hot=True, description="how much of it is forgotten where something moves; 1 is all"
    )
    fast: float = Param(1.0, ge=0.01, le=100, unit="%", hot=True, description="of the height per frame: full motion")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._history: History | None = None
        self._turn = 0
        self._answered: Fraction | None = None

    def process(self, image: Array, alpha: Array) -> Any:
        if first := self._history is None or self._history.size != alpha.shape:
            self._history = History(self.ctx, *alpha.shape)
        past = self._history
        assert past is not None
        past.add(self.ctx.frame.time, image)
        asked = self.ctx.time_of(self.alpha)
        if first:
            matte, trust = self._state()
            resize.area(alpha, matte)
            carry.begin(trust, FEW)
        else:
            matte, trust, limit = self._carried(past)
            if asked != self._answered:
                self._settle(past, alpha, past.age(asked), matte, trust, limit)
        self._answered = asked
        out = self.ctx.empty(self.steady)
        resize.matte(matte, out)
        return out

    def _state(self) -> tuple[Array, Array]:
        """Matte and trust of this turn."""
        assert self._history is not None
        m, n = self._history.m, self._history.n
        mattes, trusts = (self.ctx.scratch(name, (2, m, n), f32) for name in ("mattes", "trusts"))
        return mattes[self._turn], trusts[self._turn]

    def _carried(self, past: History) -> tuple[Array, Array, float]:
        """Matte and trust, brought here from the last instant, and from which difference on something is new."""
        old_matte, old_trust = self._state()
        self._turn = 1 - self._turn
        matte, trust = self._state()
        motion = past.flow(0)
        difference = self._difference(past, motion, 1)
        limit = OVER * self._noise(difference) + LEAST
        carry.carry(old_matte, motion, difference, past.picture(0), matte, limit, past.m, past.n)
        fast = self.fast / 100 * past.m
        carry.fade(old_trust, motion, difference, trust, limit, self.still, self.moving, fast, past.m, past.n)
        return matte, trust, limit

    def _settle(self, past: History, alpha: Array, age: int, matte: Array, trust: Array, limit: float) -> None:
        """Correct matte and trust by an answer of the network that is `age` instants old."""
        shape = past.m, past.n
        answer = self.ctx.scratch("answer", shape, f32)
        resize.area(alpha, answer)
        if age:
            motion, brought = past.flow_to(age), self.ctx.scratch("brought", shape, f32)
            difference = self._difference(past, motion, age)
            carry.carry(answer, motion, difference, past.picture(0), brought, limit, *shape)
            answer = brought
        else:
            difference = self.ctx.scratch("difference", shape, f32)
            carry.begin(difference, 0)
        carry.settle(answer, difference, matte, trust, limit)

    def _difference(self, past: History, motion: Array, age: int) -> Array:
        """How much the neighbourhood of each pixel differs from what it was, 0..255."""
        out, between = (self.ctx.scratch(name, (past.m, past.n), f32) for name in ("difference", "sums"))
        now = past.picture(0)
        carry.differ(now, past.picture(age), motion, out, *now.shape)
        guided.box(out[None], out[None], NEARBY, between[None])
        return out

    def _noise(self, difference: Array) -> float:
        """What the calm part of the picture differs by; some kilobytes leave the device for it."""
        m, n = difference.shape
        some = self.ctx.scratch("some", (-(-m // carry.APART), -(-n // carry.APART)), f32)
        carry.thin(difference, some)
        host = np.empty(some.shape, f32)
        self.ctx.device.download(some, host)
        rank = int(CALM * (host.size - 1))
        return float(np.partition(host.ravel(), rank)[rank])
