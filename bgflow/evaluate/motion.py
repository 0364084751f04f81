"""Measures that need two frames: how steady a matte is in time, and whether its edge keeps up with the subject's."""

from __future__ import annotations

import numpy as np

from bgflow.evaluate.footage import Bits, Matte
from bgflow.evaluate.stills import distance

MOVING = 0.5  # pixels a frame from which an edge counts as moving
FAR = 16.0  # pixels; an edge that is off by more has been missed, not delayed


class Motion:
    """Steadiness over one clip; `add` its frames in order, then ask for `figures`.

    dtssd: 100 times the root of the mean squared difference between the changes of matte and truth from one frame to
    the next (Erofeev et al., BMVC 2015), mean over the frames.

    flicker: of the pixels whose truth (at a half) stayed what it was since the last frame, those whose result flipped,
    per thousand.

    lag: how many pixels the result's edge is behind the truth's, along its motion. With signed distances to the edge
    (positive inside), at each pixel beside the truth's edge: v = truth now - truth before is how fast the edge moves
    outwards, e = result now - truth now how far the result's edge lies outside. The mean of -e where v is at least
    MOVING, and that of e where v is at most -MOVING, are averaged, so that a matte which is merely too fat or too thin
    has a lag of 0. |e| is cut at FAR. A clip without such motion has no lag.
    """

    def __init__(self) -> None:
        self._before: tuple[Matte, Matte, Matte] | None = None
        self._changes: list[float] = []
        self._flips: list[float] = []
        self._ahead: list[float] = []
        self._behind: list[float] = []

    def add(self, alpha: Matte, truth: Matte) -> None:
        """The next frame; all are of one size."""
        found, true = alpha >= 0.5, truth >= 0.5
        depth = signed_distance(true)
        if self._before and self._before[0].shape == alpha.shape:
            old_alpha, old_truth, old_depth = self._before
            change = (alpha - old_alpha) - (truth - old_truth)
            self._changes.append(100 * float(np.sqrt(np.square(change).mean(dtype=np.float64))))
            static = (old_truth >= 0.5) == true
            flips = int(np.count_nonzero(((old_alpha >= 0.5) != found) & static))
            self._flips.append(1000 * flips / max(int(np.count_nonzero(static)), 1))
            self._lag(found, depth, old_depth)
        self._before = (alpha, truth, depth)

    def _lag(self, found: Bits, depth: Matte, before: Matte) -> None:
        edge = np.abs(depth) < 1
        if not edge.any() or not found.any():
            return
        speed = (depth - before)[edge]
        off = np.clip((signed_distance(found) - depth)[edge], -FAR, FAR)
        out, back = (speed >= MOVING) & (speed <= FAR), (speed <= -MOVING) & (speed >= -FAR)
        self._ahead += (-off[out]).tolist()
        self._behind += off[back].tolist()

    def figures(self) -> dict[str, float]:
        """What there was to measure."""
        out = {}
        if self._changes:
            out = {"dtssd": float(np.mean(self._changes)), "flicker": float(np.mean(self._flips))}
        if self._ahead and self._behind:
            out["lag"] = float(np.mean(self._ahead) + np.mean(self._behind)) / 2
        return out


def signed_distance(bits: Bits) -> Matte:
    """Pixels from the edge of `bits`, half a pixel at the nearest: positive inside, negative outside."""
    half = np.float32(0.5)
    signed: Matte = np.where(bits, distance(~bits) - half, half - distance(bits))
    return signed
