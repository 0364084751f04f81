"""Steady mattes: what the network said before goes with the picture and is weighed against what it says now."""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import carry, flow, fold, pyramid
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

ROWS = 240  # of the reduced picture on which all is done, more or less
RING = 16  # pictures and flows that are kept, at most
NEARBY = 2  # pixels around each that are looked at to tell whether something new is there
CALM = 0.3  # the share of the picture that is taken to show nothing new
OVER, LEAST = 2.5, 4.0  # new is what differs by so many times the noise and so many levels of 255 besides
FEW = 0.5  # answers that the first matte is worth: it may be old, and nothing says where its edge is by now

f32 = np.float32


class History:
    """The last few pictures, grey and reduced k times, and the flow from each to the one before it.

    They lie in a ring. On an accelerator it begins with two places, and doubles when an answer is older than all that
    is in it: each place has launches of its own, to be recorded once.
    """

    def __init__(self, ctx: Context, h: int, w: int):
        self.scratch, self.size = ctx.scratch, (h, w)
        self.k = max(round(h / ROWS), 1)
        self.m, self.n = (-(-side // (self.k * flow.CELL)) * flow.CELL for side in (h, w))
        self.wanted = self.ring = RING if ctx.device.name == "cpu" else 2
        self.count = 0
        self._times: list[Fraction] = []
        self._pictures = [
            self.scratch(f"pictures {depth}", (RING, *pyramid.padded(*size)), np.uint16)
            for depth, size in enumerate(flow.sizes(self.m, self.n))
        ]
        self._sums = self.scratch("sums", (self.m, 3 * w), np.uint16)
        self._still = self.scratch("still", (2, 1, 1), f32)
        for plane in self._still:
            carry.begin(plane, 0)
        self._flows = self.scratch("flows", (RING, 2, self.m, self.n), f32)
        self.difference = self.scratch("difference", (self.m, self.n), f32)

    def turn(self, time: Fraction) -> None:
        """The picture of another instant comes."""
        if self.ring != self.wanted and (self.count + 1) % self.ring == 0:  # all lie where they would in a larger one
            self.count, self.ring = self.ring - 1, self.wanted
        self.count += 1
        self._times = [time, *self._times[: self.ring - 1]]

    def add(self, image: Array) -> None:
        """The picture of this instant."""
        now = self.pyramid(0)
        pyramid.grey(image, now[0], self.k, self._sums)
        pyramid.build(now)
        if len(self._times) > 1:
            flow.flow(now, self.pyramid(1), self.flow(0), self.difference, self._still, self.scratch)

    def is_short(self, time: Fraction) -> bool:
        """Whether `time` is before all that will be in the ring after the next turn, and a larger one has more."""
        kept = self._times[: self.ring - 1]
        return self.ring < RING and len(kept) == self.ring - 1 and time < kept[-1]

    def picture(self, age: int) -> Array:
        """The picture of `age` instants ago."""
        return self.pyramid(age)[0]

    def pyramid(self, age: int) -> list[Array]:
        """The same, and at ever smaller sizes."""
        return [p[(self.count - age) % self.ring] for p in self._pictures]

    def flow(self, age: int) -> Array:
        """The flow from the picture of `age` instants ago to the one before it."""
        return self._flows[(self.count - age) % self.ring]

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
        self._answered: Fraction | None = None

    def process(self, image: Array, alpha: Array) -> Any:
        if first := self._history is None or self._history.size != alpha.shape:
            self._history = History(self.ctx, *alpha.shape)
        past = self._history
        assert past is not None
        asked = self._turn(past)
        past.add(image)
        if first:
            matte, trust = self._state(past, 0)
            fold.shrink(alpha, matte, past.k, *alpha.shape)
            carry.begin(trust, FEW)
            carry.begin(self._same(past), 0)
        else:
            matte, trust = self._carried(past)
            if asked != self._answered:
                self._settle(past, alpha, past.age(asked), matte, trust)
        self._answered = asked
        out = self.ctx.empty(self.steady)
        fold.enlarge(matte, out, past.k)
        return out

    def launches(self) -> Hashable | None:
        past, now, asked = self._history, self.ctx.frame.time, self.ctx.time_of(self.alpha)
        if past is None or past.ring != past.wanted:
            return None
        place = past.ring, (past.count + 1) % past.ring
        if asked == self._answered:
            return place
        return None if past.is_short(asked) else (*place, 0 if asked >= now else past.age(asked) + 1)

    def replayed(self) -> None:
        assert self._history is not None
        self._answered = self._turn(self._history)

    def _turn(self, past: History) -> Fraction:
        """Go on to this instant; that of the network's answer."""
        asked = self.ctx.time_of(self.alpha)
        if asked != self._answered and past.is_short(asked):
            past.wanted = 2 * past.ring
        past.turn(self.ctx.frame.time)
        return asked

    def _state(self, past: History, age: int) -> tuple[Array, Array]:
        """Matte and trust of this instant, or of the last one."""
        mattes, trusts = (self.ctx.scratch(name, (2, past.m, past.n), f32) for name in ("mattes", "trusts"))
        turn = (past.count - age) % 2
        return mattes[turn], trusts[turn]

    def _carried(self, past: History) -> tuple[Array, Array]:
        """Matte and trust, brought here from the last instant."""
        (old_matte, old_trust), (matte, trust) = self._state(past, 1), self._state(past, 0)
        motion, limit = past.flow(0), self._limit()
        difference, brought = (self.ctx.scratch(name, (past.m, past.n), f32) for name in ("smooth", "brought"))
        carry.smooth(past.difference, difference)
        some = self.ctx.scratch("some", (-(-past.m // carry.APART), -(-past.n // carry.APART)), f32)
        carry.thin(difference, some)
        carry.limit(some, CALM, OVER, LEAST, limit, self.ctx.scratch)
        columns, slow = past.n // flow.CELL, (self.fast / 100 * past.m) ** -2
        carry.bring(
            old_matte, old_trust, motion, difference, brought, trust, limit, self.still, self.moving, slow,
            columns, past.m, past.n,
        )  # fmt: skip
        carry.fill(brought, difference, past.picture(0), matte, limit, columns, past.m, past.n)
        return matte, trust

    def _settle(self, past: History, alpha: Array, age: int, matte: Array, trust: Array) -> None:
        """Correct matte and trust by an answer of the network that is `age` instants old."""
        shape, limit = (past.m, past.n), self._limit()
        answer = self.ctx.scratch("answer", shape, f32)
        fold.shrink(alpha, answer, past.k, *alpha.shape)
        if age:
            motion, brought = past.flow_to(age), self.ctx.scratch("brought", shape, f32)
            difference = self._difference(past, motion, age)
            carry.carry(answer, motion, brought, *shape)
            carry.fill(brought, difference, past.picture(0), answer, limit, shape[1] // flow.CELL, *shape)
        else:
            difference = self._same(past)
        carry.settle(answer, difference, matte, trust, limit)

    def _difference(self, past: History, motion: Array, age: int) -> Array:
        """How much the neighbourhood of each pixel differs from what it was, 0..255."""
        rough, out = (self.ctx.scratch(name, (past.m, past.n), f32) for name in ("rough", "since"))
        now = past.picture(0)
        carry.differ(now, past.picture(age), motion, rough, *now.shape)
        carry.smooth(rough, out)
        return out

    def _same(self, past: History) -> Array:
        """How much a picture differs from itself."""
        return self.ctx.scratch("same", (past.m, past.n), f32)

    def _limit(self) -> Array:
        """From which difference between two pictures on something is new; it never leaves the device."""
        return self.ctx.scratch("limit", (1,), f32)
