"""The camera's movement between two pictures, as an affine map, whatever else moves in them.

A search over whole pixels of a small picture finds it roughly; robust least squares on a larger one make it exact,
first as a shift and then, where that says more, with turn, zoom and shear (Baker and Matthews, "Lucas-Kanade 20 years
on", IJCV 56, 2004). Differences of brightness and contrast are fitted along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bgflow.devices import to_host
from bgflow.frame import Array
from bgflow.kernels import resize, steady
from bgflow.kernels.label import label_alpha
from bgflow.stage import Context

Host = np.ndarray[Any, Any]

ROWS = 180  # of the picture that is fitted, at most
SMALLER = 4  # times, is the picture that is searched
REACH = 1 / 8  # of the picture's sides that are searched in every direction
NEARER = 0.01  # levels by which a shift must fit better for every pixel that it is longer
CLEAR = 0.95  # of the difference without a shift is the most that a shift may leave, or it is chance
COARSE = (24.0, 12.0)  # levels that brightness may differ by, in each step on the picture that is searched
SHIFTS = (12.0, 8.0, 6.0)  # on the larger one
COARSE_TURNS, TURNS = (24.0, 16.0, 12.0, 12.0), (12.0, 8.0, 6.0, 6.0)  # and while turn, zoom and shear are fitted
TURN = 0.3  # px in the picture's corners: a smaller turn, zoom or shear is none
FAINT = 0.25  # of the reference's contrast: a picture with less has none of its details, but perhaps noise
STIFF = 1e-3  # weight of no turn, beside that of the picture
KEPT = 0.1  # px: when the movement has changed less since the last picture, it is the same one, only more exact
ALMOST, GOOD = 0.9, 0.6  # and when the picture fits almost as well as the last one, and well
STRAY = 1.5  # pixels of the picture that is searched: a fit that ends further off has nothing to hold it
PLAIN = 0.01  # of all pixels must have a slope, or nothing can be said
LOOKS = 2 + len(COARSE + SHIFTS + COARSE_TURNS + TURNS)  # copies to the host for one picture, at most; else one


@dataclass(frozen=True)
class Motion:
    """Where the pixels of the reference are in the picture, and how sure that is.

    `map` f64[3,3] takes homogeneous (x, y, 1), in pixels from the top left corner. Brightness there is `gain` times
    the reference's and `offset` more, after 128 was taken from both. `fits` is the share of the reference's slopes
    that the picture has too, 1 where there are none.
    """

    map: Host = field(default_factory=lambda: np.eye(3))
    gain: float = 1.0
    offset: float = 0.0
    fits: float = 1.0

    def reach(self, h: int, w: int) -> float:
        """How far the corner of a picture that moves most does, in pixels."""
        return _reach(self.map - np.eye(3), h, w)

    def shift(self, h: int, w: int) -> tuple[float, float]:
        """How far the middle of a picture goes, in pixels to the right and down."""
        x, y, _ = self.map @ [w / 2, h / 2, 1] - [w / 2, h / 2, 1]
        return float(x), float(y)


class Finder:
    """Finds the motion of one picture after the other; its memory is the stage's scratch."""

    def __init__(self, ctx: Context):
        self.ctx = ctx
        self._last = Motion()

    def find(self, image: Array, reference: Array, subject: Array | None) -> Motion:
        """How `image` has moved from `reference`, both u8[h,w,3]; see `Steady.align` for `subject`."""
        k = max(-(-min(image.shape[:2]) // ROWS), 1)
        m, n = image.shape[0] // k, image.shape[1] // k
        pair = self._brightness("image", image, k), self._brightness("reference", reference, k)
        trust = self._trust(subject, m, n)
        fit = Fit(self.ctx, self._last, m * k, n * k)
        moved = fit.step(*pair, trust, SHIFTS[-1])
        if moved > KEPT or fit.fits < max(ALMOST * self._last.fits, GOOD):
            fit = self._afresh(pair, trust, m * k, n * k)
        self._last = fit.motion
        return self._last

    def _afresh(self, pair: tuple[Array, Array], trust: Array, h: int, w: int) -> Fit:
        """The fit, wherever the last picture was."""
        size = -(-trust.shape[0] // SMALLER), -(-trust.shape[1] // SMALLER)
        small = self._scratch("small image", size, np.float32), self._scratch("small reference", size, np.float32)
        for of, out in zip(pair, small, strict=True):
            resize.area(of, out)
        few = self._scratch("few", size, np.uint8)
        resize.nearest(trust, few)
        start = self._search(small, few, h, w)
        fit = Fit(self.ctx, start, h, w)
        for scale in COARSE:
            fit.step(*small, few, scale)
        for scale in SHIFTS:
            fit.step(*pair, trust, scale)
        if _reach(fit.map - start.map, h, w) > STRAY * h / size[0]:
            fit = Fit(self.ctx, Motion(), h, w)
            fit.step(*pair, trust, SHIFTS[-1])
            fit.map = np.eye(3)
            return fit
        if fit.seen and fit.bends() > TURN:
            turned = Fit(self.ctx, fit.motion, h, w)
            for scale in COARSE_TURNS:
                turned.step(*small, few, scale, turn=True)
            for scale in TURNS:
                turned.step(*pair, trust, scale, turn=True)
            if turned.fits > fit.fits:
                return turned
        return fit

    def _scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        return self.ctx.scratch(f"steady.{name}", shape, dtype)

    def _brightness(self, name: str, picture: Array, k: int) -> Array:
        """A picture's brightness, k times smaller and smoothed."""
        shape = picture.shape[0] // k, picture.shape[1] // k
        rough, out = self._scratch("rough", shape, np.float32), self._scratch(name, shape, np.float32)
        steady.brightness(picture, rough, k)
        steady.smooth(rough, out, *shape)
        return out

    def _trust(self, subject: Array | None, m: int, n: int) -> Array:
        """How much every pixel of the larger picture counts."""
        trust, matte = self._scratch("trust", (m, n), np.uint8), self._scratch("subject", (m, n), np.float32)
        if subject is None:
            trust.fill(255)
            return trust
        if subject.dtype == np.uint8:
            label = self._scratch("label", (m, n), np.uint8)
            resize.nearest(subject, label)
            label_alpha(label, matte)
        else:
            resize.nearest(subject, matte)
        steady.trust(matte, trust)
        return trust

    def _search(self, pair: tuple[Array, Array], trust: Array, h: int, w: int) -> Motion:
        """The best of all shifts by whole pixels."""
        m, n = trust.shape
        details = [self._scratch(f"detail {i}", (m, n), np.uint8) for i in range(2)]
        for source, out in zip(pair, details, strict=True):
            steady.detail(source, out, m, n)
        rows, columns = 2 * int(m * REACH) + 1, 2 * int(n * REACH) + 1
        costs = self._scratch("costs", (rows, columns), np.float32)
        steady.search(*details, trust, costs, rows, columns, m, n)
        cost = to_host(costs)
        dy, dx = np.indices(cost.shape) - np.array(cost.shape)[:, None, None] // 2
        best = np.unravel_index(np.argmin(cost + NEARER * np.hypot(dy, dx)), cost.shape)
        if cost[best] > CLEAR * cost[rows // 2, columns // 2]:
            return Motion()
        return Motion(np.array([[1, 0, dx[best] * w / n], [0, 1, dy[best] * h / m], [0, 0, 1]]))


class Fit:
    """A motion that each step makes better, on any of the pictures' sizes."""

    def __init__(self, ctx: Context, start: Motion, h: int, w: int):
        self.ctx, self.h, self.w = ctx, h, w
        self.map, self.gain, self.offset, self.fits = start.map, start.gain, start.offset, 1.0
        self.seen = False
        self._normal: tuple[Host, float, Host, int, int]

    @property
    def motion(self) -> Motion:
        """What is found; no motion where there is nothing to see, or nothing of the reference."""
        return Motion(self.map, self.gain, self.offset, self.fits) if self.seen else Motion(fits=self.fits)

    def bends(self) -> float:
        """How far a turn, zoom or shear would have taken the corners in the last step, in pixels."""
        m, n = self._normal[3:]
        wrong = solve(*self._normal, turn=True) / self.gain
        wrong[:2, 2] = -wrong[:2, :2] @ [n / 2, m / 2]
        return _reach(wrong, m, n) * self.h / m

    def step(self, image: Array, reference: Array, trust: Array, scale: float, turn: bool = False) -> float:
        """One step of Gauss and Newton on pictures f32[m,n] whose pixels may differ by `scale` levels; its length."""
        m, n = image.shape
        shape = (-(-m // steady.CELL), -(-n // steady.CELL))
        cells = self.ctx.scratch(f"steady.cells {m}", (*shape, steady.SUMS), np.float32)
        size = np.array([self.w / n, self.h / m, 1.0])
        local = self.map * size[None] / size[:, None]
        light = (self.gain, self.offset, scale)
        steady.fit_cells(image, reference, trust, cells, *local[:2].ravel(), *light, m, n)
        sums = to_host(cells).astype(np.float64)
        p, q, pp, pq, _, _, weight, most = np.moveaxis(sums[..., 5:], -1, 0)
        self.seen = bool(most.sum() > PLAIN * m * n)
        if not self.seen:
            self.fits = 1.0
            return 0.0
        rest = float(q.sum() - self.gain * p.sum() - self.offset * weight.sum())
        self._normal = sums, rest, local[:2, :2] - np.eye(2), m, n
        wrong = solve(*self._normal, turn) / self.gain
        back = np.linalg.inv(np.eye(3) + wrong * size[:, None] / size[None])
        self.map = self.map @ back
        self.fits = float(weight.sum() / most.sum())
        alike = _slope(p, q, pp, pq, weight)
        self.seen = alike > FAINT or self.fits < FAINT
        gain = _slope(*(of.sum() for of in (p, q, pp, pq, weight)))
        self.gain = float(np.clip(gain, 0.5, 2))
        self.offset = float((q.sum() - self.gain * p.sum()) / weight.sum())
        return _reach(back - np.eye(3), self.h, self.w)


def _slope(p: Host, q: Host, pp: Host, pq: Host, weight: Host) -> float:
    """How much q changes with p, within each cell and taken together; 1 where p does not change."""
    n = weight + 1e-9
    return float(((pq - p * q / n).sum() + 1e-6) / ((pp - p * p / n).sum() + 1e-6))


def solve(sums: Host, rest: float, bent: Host, m: int, n: int, turn: bool) -> Host:
    """What is wrong with a map, f64[3,3], by least squares over the sums of all cells.

    The unknowns are pixels: the shift of the picture's middle, and how much further its corners move. `bent` is how
    much the map turns already, and the wish that it did not keeps a picture with few slopes from being bent.
    """
    rows, columns = sums.shape[:2]
    radius = np.hypot(m, n) / 2
    y = np.minimum((np.arange(rows) + 0.5) * steady.CELL, m) - m / 2
    x = np.minimum((np.arange(columns) + 0.5) * steady.CELL, n) - n / 2
    bend = (a.ravel() / radius for a in np.meshgrid(x, y)) if turn else ()
    basis = np.stack([np.ones(rows * columns), *bend])  # what each unknown moves, by cells
    cells = sums.reshape(rows * columns, -1)
    count = 2 * len(basis)
    left = ((basis[:, None] * basis).reshape(-1, rows * columns) @ cells[:, [0, 1, 1, 2]]).reshape(-1, count // 2, 2, 2)
    left = left.swapaxes(1, 2).reshape(count, count)
    right = basis @ cells[:, 3:5]
    even = basis @ cells[:, 9:11]  # what a change of light would do as well
    weight = cells[:, 11].sum()
    left -= np.outer(even, even) / weight
    right -= even * rest / weight
    firm = STIFF * (left[0, 0] + left[1, 1]) / 2
    if turn:
        right[1:] += firm * radius * bent.T
    found = np.linalg.solve(left + (firm + 1e-9) * np.eye(count), right.ravel()).reshape(-1, 2)
    wrong = np.zeros((3, 3))
    wrong[:2, 2] = found[0]
    if turn:
        wrong[:2, :2] = found[1:].T / radius
        wrong[:2, 2] -= wrong[:2, :2] @ [n / 2, m / 2]
    return wrong


def _reach(change: Host, h: float, w: float) -> float:
    """How far a change of the map takes the corner that it takes furthest, in pixels."""
    corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]]).T
    return float(np.hypot(*(change @ corners)[:2]).max())
