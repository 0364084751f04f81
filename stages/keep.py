"""Choose whom to keep when there are several subjects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import components
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage
from bgflow.tracks import Part, Track, Tracks

STAY, LEAVE = 0.5, 0.25  # share of a subject inside the region from which it is kept, and below which no longer


class Subject(Stage, use="keep.subject"):
    """Keeps the largest subject of a matte, the one nearest to the middle, those in a region, or all that are large.

    A subject is what hangs together where alpha is at least `threshold`; hair and soft edges go with the nearest one.
    Each has a number, 1 to 255, which it keeps while it moves, while it is hidden for up to `memory` seconds, and when
    it has walked past another; with the picture wired, colours help to tell them apart. While two touch they are one,
    so what is kept of one is kept of both. The one that is kept stays so until another is `stick` times as large, or as
    near, or has been hidden for too long: as long as it may come back, nobody takes its place.
    """

    alpha = In("f32[h,w] alpha", description="the matte of all")
    image = In("u8[h,w,3] rgb", hold=True, optional=True, description="the picture, to tell subjects by their colours")
    kept = Out("f32[h,w] alpha", name="alpha", description="the matte of those that are kept")
    ids = Out("u8[h,w]", description="the number of the subject at each pixel, kept or not; 0 is none")

    mode: Literal["largest", "all", "nearest", "roi"] = Param(
        "largest", hot=True, description="whom to keep; nearest is to the middle, roi those that are half inside `roi`"
    )
    roi: str = Param("0.25 0 0.75 1", hot=True, description="left, top, right and bottom, of the width and the height")
    min_area: float = Param(0.5, ge=0, le=100, unit="%", hot=True, description="of the picture: less is no subject")
    threshold: float = Param(0.5, ge=0.01, le=1, hot=True, description="alpha from which on things hang together")
    stick: float = Param(1.3, ge=1, le=10, hot=True, description="how much better another must be to take its place")
    memory: float = Param(1.5, ge=0, le=60, unit="s", hot=True, description="how long a hidden subject is remembered")

    def problems(self) -> Iterable[tuple[str, str]]:
        try:
            left, top, right, bottom = map(float, self.roi.split())
        except ValueError:
            yield "roi", f"{self.roi!r} is not four numbers; write for example '0.25 0 0.75 1'"
            return
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            yield "roi", f"{self.roi!r} is no region; left is below right, top below bottom, all from 0 to 1"

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._tracks = Tracks(self.memory)
        self._kept: set[int] = set()
        self._grid: tuple[int, int] = (0, 0)

    def process(self, alpha: Array, image: Array | None) -> dict[str, Array]:
        h, w = alpha.shape
        k = components.cell(h)
        self._resize((-(-h // k), -(-w // k)))
        labels, parts = self._parts(alpha, image, k)
        self._tracks.memory = self.memory
        tracks = self._tracks.step(list(parts.values()), self._grid, float(self.ctx.frame.time))
        self._kept = self._choose(tracks, list(parts.values()))
        number = np.zeros(int(self._found[0, 0]) + 1, np.uint8)  # by label
        for p, label in enumerate(parts):
            number[label] = min((t.number for t in tracks if t.inside == p), key=lambda n: (n not in self._kept, n))
        chosen = {}  # for every cell
        if self.ctx.wired(self.kept):
            chosen["alpha"] = np.isin(number, list(self._kept)).astype(np.uint8)[labels]
        if self.ctx.wired(self.ids):
            chosen["ids"] = number[labels]
        there = self.ctx.scratch("chosen", (len(chosen), *self._grid), np.uint8)
        self.ctx.device.upload(list(chosen.values()), there)
        out = {name: self.ctx.empty(name) for name in chosen}
        if "alpha" in out:
            components.keep(alpha, there[0], out["alpha"], k, w)
        if "ids" in out:
            components.identify(alpha, there[-1], out["ids"], self.threshold, k, w)
        return out

    def copies(self) -> tuple[int, int]:
        """Who is who is worked out on the host: what the cells hold goes there, and the choice comes back."""
        return 1, 1

    def _resize(self, grid: tuple[int, int]) -> None:
        """Another grid is another clip: nobody is known."""
        if grid == self._grid:
            return
        self._grid, self._kept, self._tracks = grid, set(), Tracks(self.memory)
        cells = grid[0] * grid[1]
        self._seen = np.empty(11 * cells, np.uint8)
        self._labels = np.empty(grid, np.int32)
        self._queue, self._found = np.empty((1, cells), np.int32), np.empty((1, 1), np.int32)

    def _parts(self, alpha: Array, image: Array | None, k: int) -> tuple[Any, dict[int, Part]]:
        """The label of every cell, and by label the parts that are large enough."""
        h, w = alpha.shape
        there = self.ctx.scratch("cells", self._seen.shape, np.uint8)
        mass, peak, tint = _planes(there, self._grid)
        components.measure(alpha, mass, peak, k, h, w)
        if image is not None:
            components.glance(image, tint, k, h, w)
        end = there.size if image is not None else 2 * mass.nbytes
        self.ctx.device.download(there[:end], self._seen[:end])
        mass, peak, tint = _planes(self._seen, self._grid)
        components.label(peak, self._labels, self._queue, self._found, self.threshold, *self._grid)
        at = np.flatnonzero(peak >= np.float32(self.threshold))
        label = self._labels.ravel()[at]
        masses = np.bincount(label, mass.ravel()[at], int(self._found[0, 0]) + 1)
        least = max(self.min_area / 100 * h * w, 1e-9)
        parts = {}
        for number in np.flatnonzero(masses >= least):
            mine = at[label == number]
            cells = np.stack(np.divmod(mine, self._grid[1])).astype(np.int32)
            colour = tint.reshape(-1, 3)[mine].mean(0) if image is not None else None
            parts[int(number)] = Part(cells, colour)
        return self._labels, parts

    def _choose(self, tracks: Sequence[Track], parts: Sequence[Part]) -> set[int]:
        """The numbers to keep; those that were kept have the better claim."""
        there = [t for t in tracks if t.inside is not None]
        if self.mode == "all":
            return {t.number for t in there}
        if self.mode == "roi":
            inside = {t.number: self._inside(parts[t.inside]) for t in there if t.inside is not None}
            return {n for n, share in inside.items() if share >= (LEAVE if n in self._kept else STAY)}
        claims = {t.number: self._claim(t) * (self.stick if t.number in self._kept else 1) for t in tracks}
        hidden = {t.number for t in tracks if t.inside is None} - self._kept
        claims = {n: claim for n, claim in claims.items() if n not in hidden}
        return {max(claims, key=lambda n: claims[n])} if claims else set()

    def _claim(self, track: Track) -> float:
        """How large a subject is, or how near to the middle."""
        if self.mode == "largest":
            return track.part.area
        away = track.part.centre + track.shift + 0.5 - np.array(self._grid) / 2
        return 1 / (float(np.hypot(*away)) / self._grid[0] + 0.1)  # a tenth of the height is as good as the middle

    def _inside(self, part: Part) -> float:
        """The share of a part that lies in the region."""
        left, top, right, bottom = map(float, self.roi.split())
        (y, x), (m, n) = part.cells + 0.5, self._grid
        return float(((x >= left * n) & (x <= right * n) & (y >= top * m) & (y <= bottom * m)).mean())


def _planes(memory: Array, grid: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Mass and peak f32[m,n] and tint u8[m,n,3] of a grid, which lie one after the other so that they go as one."""
    size = 4 * grid[0] * grid[1]
    mass, peak = (memory[i : i + size].view(np.float32).reshape(grid) for i in (0, size))
    return mass, peak, memory[2 * size :].reshape(*grid, 3)
