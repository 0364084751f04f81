"""The stage `plate.net`: whoever is not on the clean plate, found by a small network that was trained for it."""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from bgflow import In, Param
from bgflow.batching import Stream
from bgflow.frame import Array
from bgflow.kernels import tensor
from bgflow.media import plate as plates
from bgflow.stage import Context
from bgflow.stages import net


class Net(net.Mask, use="plate.net"):
    """Finds whoever is not on the clean plate with a network, and gives its alpha at the picture's size.

    It is `net.mask` for networks that compare the picture with the plate: bgflow's own, `plate`, or one of `bgflow
    train plate`. Light, shadows, noise and a camera that was pushed a little are what it was trained to overlook; it
    knows no people, so whatever is new in the scene is a subject. Its input has about 240 rows. Until there is a plate
    nothing is sent. The plate is prepared once, for as long as it stays.
    """

    plate = In("u8[h,w,3] rgb", hold=True, optional=True, description="the plate; it goes before `path`")

    model: str | dict[str, Any] = Param("plate", description="a name from `bgflow models list`, or a declaration")
    path: str = Param("", description="a picture file of the empty scene, of the size of the frames")
    scale: Literal["fixed"] = Param("fixed", description="the network's map is taken as it is")

    compares = True

    def open(self, ctx: Context) -> None:
        self._file = plates.load(self.path, ctx)
        self._behind: Array | None = None
        self._held: tuple[Any, ...] = ()
        self._warm = False
        super().open(ctx)

    def process(self, image: Array, plate: Array | None = None) -> Any:
        h, w = net.picture_size(image)
        self._behind = self._file if plate is None else plate
        if self._behind is None:
            if not self._warm:  # load the network and take the memory now, and not when it matters
                self._behind = self.ctx.scratch("blank", (h, w, 3), np.uint8)
                super().process(image)
                self._warm, self._held, self._behind = True, (), None
            return None
        plates.fits(self.path, self._behind, h, w)
        return super().process(image)

    def launches(self) -> Hashable | None:
        return super().launches() if self._held and self._held[1] == self._age() else None

    def _age(self) -> Fraction | None:
        """Of which instant a wired plate is; where it lies does not tell, for another may come to lie there."""
        return self.ctx.time_of("plate") if self.ctx.wired("plate") else None

    def _prepare(self, image: Array, x: Array) -> None:
        super()._prepare(image, x[:, :3])
        plate, layout, held = self._behind, self.layout, self._held
        assert plate is not None  # else there was nothing to prepare
        age, shared = self._age(), isinstance(self._engine, Stream)  # whose place in a batch is another each time
        if shared or not held or held[0] is not plate or held[1:] != (age, x.shape):
            tensor.fill(plate, x[:, 3:], layout.mean, layout.std, layout.layout, self.ctx.scratch)
            self._held = plate, age, x.shape
