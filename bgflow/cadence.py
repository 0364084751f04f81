"""`every: auto`: a stage runs when its picture has moved enough since it last ran, or when time is up.

The picture is compared with the one of the last run, on a coarse grid of samples in cells of four by four. A cell has
changed when its mean absolute difference stands out of the noise, which is taken from the calmest cells.

Where the picture lies on an accelerator such a stage runs at every instant: there is time for that, whereas to look at
the cells would cost a copy to the host, which waits for everything enqueued before it.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pydantic

from bgflow.devices import device_of
from bgflow.frame import Array, Pool
from bgflow.port import Port

CALM = 0.2  # the share of cells that are taken to show noise and nothing else
OVER, LEAST = 1.8, 2.0  # a cell has changed from so many times the noise and so many levels of 255 on
LOUD = 10.0  # the noise before it is known: of the worst of webcams in the dark
FALL = 0.9  # the noise after the same picture has come again, which tells little of it: some cameras repeat pictures
RISE = 1.02  # the most by which the noise grows from instant to instant: light that comes on at once is no noise


class Auto(pydantic.BaseModel):
    """What `every` may say instead of a number: `auto`, or for example `{motion: 2, seconds: 0.5, least: 3}`."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    motion: float = pydantic.Field(0.5, ge=0, le=100, description="share of the picture that must have changed, in %")
    seconds: float = pydantic.Field(1.0, gt=0, allow_inf_nan=False, description="after which the stage runs anyhow")
    least: int = pydantic.Field(1, ge=1, description="instants from one run to the next, however much moves")


def is_picture(port: Port) -> bool:
    """Whether a port carries what `every: auto` can watch."""
    return any(kind.element == "u8" and len(kind.dims) == 3 for kind in port.types)


class Watch:
    """Watches the picture of one stage, on the device where it lies; only the cells' means leave that."""

    def __init__(self, auto: Auto):
        self.auto = auto
        self._ran: Fraction | None = None
        self._rested = 0
        self._noise = 0.0
        self._shape: tuple[int, ...] = ()

    def is_due(self, time: Fraction, picture: Array) -> bool:
        """Whether the stage runs at this instant; if so, later pictures are compared with this one."""
        self._rested += 1
        if self._ran is None or picture.shape != self._shape or not 0 <= time - self._ran < self.auto.seconds:
            due = True
        else:
            due = self._rested >= self.auto.least and self._moved(picture) >= self.auto.motion
        if due:
            self._keep(picture)
            self._ran, self._rested = time, 0
        return due

    def _keep(self, picture: Array) -> None:
        """Make this picture the one that later ones are compared with."""
        from bgflow.kernels import change  # not before a run: `bgflow check` needs no kernels

        if picture.shape != self._shape:
            self._shape = picture.shape
            where = device_of(picture)
            samples, cells = change.grid(*picture.shape[:2])
            self._samples = Pool(where, samples, np.uint8, planned=1).take()
            self._change = Pool(where, cells, np.float32, planned=1).take()
            self._cells = np.empty(cells, np.float32)
            self._noise = LOUD
        change.sample(picture, self._samples)

    def _moved(self, picture: Array) -> float:
        """How much of the picture has changed since the last run, in %."""
        from bgflow.kernels import change

        change.compare(picture, self._samples, self._change)
        device_of(picture).download(self._change, self._cells)
        shown = self._cells[self._cells > 0]  # black bars and burnt-out skies have no noise to learn from
        rank = int(CALM * (shown.size - 1))
        calm = float(np.partition(shown, rank)[rank]) if shown.size else FALL * self._noise
        self._noise = min(calm, self._noise * RISE + 0.01)
        return 100 * float(np.mean(self._cells > OVER * self._noise + LEAST))
