"""A shaking camera held still: pictures are moved to where the background model has learned its own, labels back."""

from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import warp
from bgflow.motion import Finder, Motion
from bgflow.stage import Context

CALM = 0.1  # px: a smaller movement is none
FITS = 0.5  # of the reference's slopes must be in the picture, or it shows something else
OVERLAP = 0.8  # of the reference that must be in the picture


class Steady:
    """Moves pictures to the place of a reference, and labels back.

    It belongs to one stage and is used on its thread. `moved` becomes true when the camera has been somewhere else
    for `patience` frames; the stage then forgets its model and calls `reset`.
    """

    def __init__(self, ctx: Context, patience: int = 15):
        self._ctx, self.patience = ctx, patience
        self.reset()

    def reset(self) -> None:
        """Take the next picture as the first one of a new place: nothing has moved."""
        self._finder = Finder(self._ctx)
        self._lost = 0
        self._take(Motion())
        self.shift = (0.0, 0.0)
        """By how many pixels the middle of the picture has moved, to the right and down."""

    @property
    def moved(self) -> bool:
        """Whether the camera looks at something else than the reference, and has for a while."""
        return self._lost >= self.patience

    def align(self, image: Array, reference: Array, subject: Array | None) -> Array:
        """The picture at the reference's place: itself where nothing has moved, else an array until the next call.

        Both are u8[h,w,3]; what the picture does not show there has the reference's colours. `subject`, a label
        u8[h,w] or a matte f32[h,w], says which pixels tell little of the camera; it may be late, and wrong. Where the
        two have too little in common the last movement is taken again.
        """
        h, w = image.shape[:2]
        found = self._finder.find(image, reference, subject)
        dx, dy = found.shift(h, w)
        if found.fits < FITS or (1 - abs(dx) / w) * (1 - abs(dy) / h) < OVERLAP:
            self._lost += 1
        else:
            self._lost = 0
            self._take(found if found.reach(h, w) >= CALM else Motion())
            self.shift = found.shift(h, w)
        if self.still:
            return image
        out = self._ctx.scratch("steady.picture", image.shape, np.uint8)
        warp.picture(image, reference, out, self._there)
        return out

    def ahead(self, matte: Array) -> Array:
        """A matte f32[h,w] of the picture at the reference's place, as `align` moves the picture."""
        if self.still:
            return matte
        out = self._ctx.scratch("steady.matte", matte.shape, np.float32)
        warp.matte(matte, out, self._there)
        return out

    def back(self, label: Array, out: Array) -> None:
        """Move a label u8[h,w] from the reference's place to where the camera sees it; not in place."""
        warp.label(label, out, self._here)

    def back_alpha(self, alpha: Array, out: Array) -> None:
        """Move a matte f32[h,w] from the reference's place to where the camera sees it; not in place."""
        warp.matte(alpha, out, self._here)

    def _take(self, motion: Motion) -> None:
        self._there, self._here = warp.six(motion.map), warp.six(np.linalg.inv(motion.map))
        self.still = bool(np.array_equal(motion.map, np.eye(3)))
        """Whether the picture is where the reference is; then not a bit of it changes."""
