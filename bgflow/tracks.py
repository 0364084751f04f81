"""Keep the numbers of subjects from frame to frame: who is who, also after one was hidden behind another.

A subject is looked for where its motion would have brought it. It is found by how much of its shape lies on a part of
the matte, by how near the two are, and by their colour, best pair first (as in Bewley et al., Simple Online and
Realtime Tracking, ICIP 2016, who compare boxes). When several come to lie in one part they are a crowd: each is kept as
it was when it was last alone, and moves on unseen, but not out of the crowd, until the parts are several again.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LAST = 255  # numbers are 1 to 255, so that they fit a picture of bytes
NEARBY = 0.3  # what being near is worth beside lying on one another
LIKE = 40.0  # levels of 255 by which colours of one subject may differ
MIXED = 0.1  # what is left of a pair of other colours: a crowd has everybody's
ENOUGH = 0.03  # a pair of less has nothing to do with each other
INSIDE = 0.3  # share of a subject that lies in a part which then holds it, too
SETTLED = 0.2  # seconds after which something new is a subject that others cannot swallow
CROWDED = 1.15  # a part this much larger than its subject holds more than that subject
STEADY = 0.4  # weight of the newest step in the speed


@dataclass(frozen=True)
class Part:
    """A connected part of a matte: its cells, i32[2,n] rows and columns, and, with a picture, their mean colour."""

    cells: Array
    tint: Array | None = None

    @property
    def area(self) -> int:
        """In cells."""
        return int(self.cells.shape[1])

    @functools.cached_property
    def centre(self) -> Array:
        """Row and column of the middle."""
        middle: Array = self.cells.mean(1)
        return middle

    @functools.cached_property
    def corners(self) -> Array:
        """The first and the last row and column: [[top, left], [bottom, right]]."""
        return np.stack([self.cells.min(1), self.cells.max(1)])


@dataclass
class Track:
    """One subject: `part` is what it looked like when it was last seen alone, at `alone`; speeds are cells a second.

    `seen` is when it was last seen at all, `born` when first; `inside` is the index of the part that holds it now, None
    while it is hidden.
    """

    number: int
    part: Part
    born: float
    alone: float
    seen: float
    inside: int | None
    speed: Array = field(default_factory=lambda: np.zeros(2))
    shift: Array = field(default_factory=lambda: np.zeros(2))

    def foresee(self, time: float, crowd: Part | None) -> None:
        """Move the shape to where it should be now; in a crowd, not beyond its borders."""
        self.shift = self.speed * (time - self.alone)
        if crowd is None:
            return
        low, high = crowd.corners - self.part.corners
        self.shift = np.where(low <= high, np.clip(self.shift, low, high), (low + high) / 2)

    def now(self, part: Part, index: int, time: float) -> None:
        """It is this part, alone."""
        if time > self.alone:
            step = (part.centre - self.part.centre) / (time - self.alone)
            self.speed = self.speed + STEADY * (step - self.speed)
        self.part, self.alone, self.seen, self.inside = part, time, time, index


class Tracks:
    """The subjects of one clip. `memory`: seconds for which a hidden one is remembered."""

    def __init__(self, memory: float) -> None:
        self.memory = memory
        self.tracks: list[Track] = []
        self._parts: Sequence[Part] = ()
        self._last = 0

    def step(self, parts: Sequence[Part], size: tuple[int, int], time: float) -> list[Track]:
        """The subjects of the next frame, at `time` seconds; every part holds one at least. `size` is the grid's."""
        for track in self.tracks:
            crowd = None
            if track.inside is not None and sum(t.inside == track.inside for t in self.tracks) > 1:
                crowd = self._parts[track.inside]
            track.foresee(time, crowd)
        self.tracks = [t for t in self.tracks if time - t.seen <= self.memory]
        on = self._overlaps(parts, size)
        owners = self._pairs(parts, on)
        owner_of = {p: self.tracks[n] for n, p in owners.items()}
        for track in self.tracks:
            track.inside = None
        for n, track in enumerate(self.tracks):
            if n not in owners and parts:
                self._join(track, parts, on[n], owner_of, time)
        for p, owner in owner_of.items():
            if any(t.inside == p and t.seen == time for t in self.tracks):
                owner.seen, owner.inside = time, p
            else:
                owner.now(parts[p], p, time)
        for p, part in enumerate(parts):
            if p not in owner_of:
                self.tracks.append(Track(self._number(), part, time, time, time, p))
        self._parts, self.tracks = parts, [t for t in self.tracks if t.seen >= t.born]
        return self.tracks

    def _join(self, track: Track, parts: Sequence[Part], on: Array, owners: dict[int, Track], time: float) -> None:
        """A subject that found no part of its own is in another's, hidden behind it if that has not grown."""
        p = int(on.argmax())
        if on[p] < INSIDE * track.part.area or p not in owners:
            return
        if track.alone - track.born < SETTLED:
            track.seen = -np.inf  # a piece that broke off for a moment is no subject
            return
        track.inside = p
        if parts[p].area >= CROWDED * owners[p].part.area:
            track.seen = time

    def _overlaps(self, parts: Sequence[Part], size: tuple[int, int]) -> Array:
        """How many cells of every subject, where it should be, lie in every part: f64[tracks, parts]."""
        owner = np.zeros((size[0] + 1, size[1] + 1), np.int32)  # the last row and column are outside
        for p, part in enumerate(parts):
            owner[part.cells[0], part.cells[1]] = p + 1
        out = np.zeros((len(self.tracks), len(parts)))
        for n, track in enumerate(self.tracks):
            y, x = track.part.cells + np.rint(track.shift).astype(np.int32)[:, None]
            off = (y < 0) | (x < 0) | (y >= size[0]) | (x >= size[1])
            hits = owner[np.where(off, size[0], y), np.where(off, size[1], x)]
            out[n] = np.bincount(hits, minlength=len(parts) + 1)[1:]
        return out

    def _pairs(self, parts: Sequence[Part], on: Array) -> dict[int, int]:
        """Which track is which part, best pair first."""
        scores = [
            (_likeness(track.part, part, track.shift, on[n, p]), n, p)
            for n, track in enumerate(self.tracks)
            for p, part in enumerate(parts)
        ]
        owners: dict[int, int] = {}
        for score, n, p in sorted(scores, reverse=True):
            if score >= ENOUGH and n not in owners and p not in owners.values():
                owners[n] = p
        return owners

    def _number(self) -> int:
        taken = {t.number for t in self.tracks}
        free = next((n for n in (*range(self._last + 1, LAST + 1), *range(1, LAST + 1)) if n not in taken), LAST)
        self._last = free
        return free


def _likeness(old: Part, new: Part, shift: Array, overlap: float) -> float:
    """How well a part fits a subject that was `old` and has moved by `shift`."""
    union = old.area + new.area - overlap
    away = float(np.hypot(*(new.centre - old.centre - shift)))
    near = max(0.0, 1 - away / (old.area**0.5 + new.area**0.5))
    score = overlap / union + NEARBY * near * min(old.area, new.area) / max(old.area, new.area)
    if old.tint is not None and new.tint is not None:
        score *= MIXED + (1 - MIXED) * float(np.exp(-np.square((old.tint - new.tint) / LIKE).sum()))
    return float(score)
