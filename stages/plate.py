"""The clean plate, a picture of the scene without anybody: take one, and find whoever is not on it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.action import action
from bgflow.devices import to_host
from bgflow.errors import MediaError, UsageError
from bgflow.frame import Array
from bgflow.kernels import guided, match, morphology, plate, resize, walker
from bgflow.media import plate as plates
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage
from bgflow.stages.platenet import Net as Net  # of this family too

BANDS = 90  # frames over which an automatic plate is worked out, a band of rows in each
FEW = 3  # samples before an automatic plate is worked out at all
GRAIN = 8.0  # noise of the plate, in levels, that halves its quality
ROWS = 240  # of the picture that is compared, about
DETAIL = 4  # pixels of that picture: windows in which the matte is fitted to the full one
CONTRAST = 1e-4  # variance of colours, in 0..1, that counts as an edge there
STEEP = 3.0  # how steep the edge becomes
POOR = 0.5  # quality below which the user is told


class Capture(Stage, use="plate.capture"):
    """Takes a clean plate: after a countdown from a few seconds of footage, or `auto` from all of it.

    Each pixel keeps `samples` colours, taken while nothing moved around it, which costs 3 * samples + 20 bytes a pixel
    (191 MB at 1080p with 24); the plate is the mean of those that agree. Somebody may walk through. The countdown is
    told, second by second, and begins again when another plate is asked for (`take`). With `auto`, plates are sent for
    as long as the stream runs; what an alpha marks as subject never enters, and without one whoever stays in place for
    half of `memory` becomes background.
    On an accelerator a sample, and a plate that is ready, each bring a few numbers to the host.

    quality = coverage * (1 - motion) / (1 + (noise / 8)**2): the share of the plate that half of its samples agree
    on, the share of the picture that moved on average, and the standard deviation of the samples in levels.
    """

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True, optional=True, description="a network's matte, to keep the subject out")
    plate = Out("u8[h,w,3] rgb", description="the plate; sent when it is ready, and to be held")
    spread = Out("f32[h,w]", description="standard deviation of the samples behind each pixel, in levels")
    quality = Out("f32[1]", description="how good the plate is, 0..1")

    auto: bool = Param(False, description="make a plate from footage that nobody leaves, and keep it up to date")
    countdown: float = Param(3.0, ge=0, le=60, unit="s", description="time to step out of the picture; not with auto")
    seconds: float = Param(2.0, gt=0, le=60, unit="s", description="how long a plate is captured; not with auto")
    memory: float = Param(60.0, gt=0, le=3600, unit="s", description="how far back an automatic plate looks")
    samples: int = Param(24, ge=3, le=64, description="colours that each pixel keeps")
    motion: float = Param(6.0, gt=0, le=255, hot=True, unit="levels", description="change that counts as motion")
    reach: float = Param(10.0, gt=0, le=255, hot=True, unit="levels", description="how far samples that agree differ")
    retake: int = Param(0, hot=True, description="change it, and the countdown begins again")
    save: str = Param("", description="a .png file to write the plate to")

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.save and Path(self.save).suffix.lower() != ".png":
            yield "save", f"{self.save!r} is no .png file, and others lose detail; write {Path(self.save).stem}.png"

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        if self.save and not Path(self.save).absolute().parent.is_dir():
            raise UsageError(f"save: {self.save}: its folder does not exist; make it first")
        self._take: tuple[int, int, int] | None = None
        self._making = self._ready = dict[str, Array]()
        self._start = self._due = 0.0
        self._row, self._told, self._finished = 0, 0, False

    @action
    def take(self) -> str:
        """Take the empty scene after a countdown: leave the picture."""
        if self.auto:
            raise UsageError("the plate is automatic: it is always being taken")
        self._take = None
        return f"plate in {self.countdown:g} s"

    def process(self, image: Array, alpha: Array | None) -> dict[str, Array] | None:
        h, w = image.shape[:2]
        time = float(self.ctx.frame.time)
        if self._take != (h, w, self.retake):
            self._begin(image, time)
        if self._finished:
            return None
        self._tell(time)
        if time >= self._due:
            passed = time - self._start
            self._rings.look(image, alpha, self.motion)
            self._due = time + (min(passed, self.memory) if self.auto else self.seconds) / self.samples
        if self.auto:
            return self._sweep(h) if self._rings.looks >= FEW else None
        if time < self._start + self.countdown + self.seconds:
            return None
        self._finished = True
        self._making = self._outputs()
        self._rings.settle(0, h, **self._making, reach=self.reach)
        return self._done()

    def views(self) -> Mapping[str, Array]:
        return self._ready

    def close(self) -> None:
        if self.auto and self._ready:
            self._write()
        elif self._take and not self._ready:
            self.ctx.warn("the stream ended before the plate was taken; shorten `countdown` or `seconds`")

    def _begin(self, image: Array, time: float) -> None:
        h, w = image.shape[:2]
        self._rings = plate.Rings(h, w, self.samples, self.ctx.scratch)
        self._rings.begin(image)
        self._take, self._start = (h, w, self.retake), time
        self._due = time if self.auto else time + self.countdown
        self._row, self._told, self._finished = 0, 0, False

    def _tell(self, time: float) -> None:
        """Tell every second of the countdown, and when it is over."""
        left = math.ceil(self._start + self.countdown - time - 1e-6)
        if self.auto or self.countdown == 0 or left == self._told:
            return
        if left > 0:
            self.ctx.tell(f"Background in {left}: leave the picture", 1.2, "countdown")
        elif self._told > 0:
            self.ctx.tell("Taking the background: stay out", self.seconds + 1, "countdown")
        self._told = left

    def _sweep(self, h: int) -> dict[str, Array] | None:
        """Work out one more band of the plate; the whole of it after the last one."""
        if self._row == 0:
            self._making = self._outputs()
        end = min(self._row + -(-h // BANDS), h)
        self._rings.settle(self._row, end, **self._making, reach=self.reach)
        self._row = end % h
        return self._done() if self._row == 0 else None

    def _outputs(self) -> dict[str, Array]:
        return {"plate": self.ctx.empty("plate"), "spread": self.ctx.empty("spread")}

    def _done(self) -> dict[str, Array]:
        """Grade a plate that is ready, keep it for the file, and send it."""
        made = self._ready = self._making
        self.taken = made["plate"]
        coverage, noise = self._rings.grade(made["spread"])
        self.grade = quality = coverage * (1 - self._rings.motion) / (1 + (noise / GRAIN) ** 2)
        self.ctx.log.info("plate: quality %.2f, coverage %.2f, noise %.1f levels", quality, coverage, noise)
        if not self.auto and self.countdown:
            self.ctx.tell(f"Background taken, quality {quality:.2f}")
        if quality < POOR and not self.auto:
            self.ctx.warn(
                f"the plate is poor: quality {quality:.2f} of 1, {coverage:.0%} of it seen at rest, noise {noise:.1f} "
                "levels; leave the picture, keep camera and light still, and retake it"
            )
        if not self.auto:
            self._write()
        out = {name: value for name, value in made.items() if self.ctx.wired(name)}
        if self.ctx.wired("quality"):
            out["quality"] = self.ctx.empty("quality")
            out["quality"].fill(quality)
        return out

    def _write(self) -> None:
        from PIL import Image

        try:
            if self.save:
                Image.fromarray(to_host(self._ready["plate"])).save(self.save)
        except OSError as e:
            raise MediaError(f"{self.save}: the plate cannot be written: {e.strerror}; give a folder with space") from e


class Mask(Stage, use="plate.mask"):
    """Finds whoever is not on the clean plate, whatever the light: no network, no learning, one fixed camera.

    Evidence is the distance of a pixel from the plate, in levels, after the plate has been given the picture's gain
    and offset; what is darker or lighter by a factor costs little, and `edges` adds edges that only one of the two has.
    A random walker turns it into a matte: where there is no evidence, as on a subject in the plate's colours, what
    lies around decides, up to the next edge of the picture that the plate does not have. That happens at about 240
    rows; the matte is then fitted to the full picture. Alpha is near a half where the plate cannot tell. Until there
    is a plate nothing is sent.
    """

    image = In("u8[h,w,3] rgb")
    plate = In("u8[h,w,3] rgb", hold=True, optional=True, description="the plate; it goes before `path`")
    spread = In("f32[h,w]", hold=True, optional=True, description="how much the plate varies, in levels")
    label = Out("u8[h,w] label")
    alpha = Out("f32[h,w] alpha")

    path: str = Param("", description="a picture file of the empty scene, of the size of the frames")
    tolerance: float = Param(12.0, ge=0, le=255, hot=True, unit="levels", description="difference that means nothing")
    softness: float = Param(24.0, ge=1, le=255, hot=True, unit="levels", description="from there to surely a subject")
    edges: float = Param(18.0, ge=0, le=64, hot=True, description="weight of edges that only picture or plate has")
    darkest: float = Param(0.45, ge=0.1, le=1, hot=True, description="how dark a shadow may be; 0.5 is half")
    brightest: float = Param(1.25, ge=1, le=4, hot=True, description="how bright a light may make the background")
    shift: int = Param(1, ge=0, le=8, hot=True, unit="px", description="how far the camera may be off the plate")
    radius: float = Param(5.0, ge=0, le=20, hot=True, unit="%", description="of the height: how far evidence spreads")
    despeckle: float = Param(2.0, ge=0, le=20, hot=True, unit="%", description="area up to which a speck or hole goes")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._seen: tuple[Any, ...] = ()
        self._given: list[str] = []
        self._warm = False
        self._file = plates.load(self.path, ctx)
        self._light, self._noise = ctx.scratch("light", (3, 2), np.float32), ctx.scratch("noise", (3, 1), np.float32)
        ctx.device.upload(np.array([[1, 0]] * 3, np.float32), self._light)
        self._noise.fill(0)

    def process(self, image: Array, plate: Array | None, spread: Array | None) -> dict[str, Array] | None:
        self._given = [name for name, value in (("plate", plate), ("spread", spread)) if value is not None]
        plate = self._file if plate is None else plate
        if plate is None:
            if not self._warm:
                self._find(image, image, None)  # take the memory now, and not when it matters
                self._warm, self._seen = True, ()  # and let the picture go
            return None
        plates.fits(self.path, plate, *image.shape[:2])
        return self._find(image, plate, spread)

    def launches(self) -> Hashable | None:
        return () if self._seen and self._seen[3] == self._ages() else None

    def _ages(self) -> list[Fraction]:
        """Of which instants plate and spread are; where they lie does not tell, for another may come to lie there."""
        return [self.ctx.time_of(name) for name in self._given]

    def _find(self, image: Array, plate: Array, spread: Array | None) -> dict[str, Array]:
        h, w = image.shape[:2]
        scratch = self.ctx.scratch
        k = max(round(h / ROWS), 1)  # the guided filter brings the detail of the full picture back
        small = self._small("image", image, k)
        m, n = small.shape[:2]
        back, low, high, loose = self._plate(plate, spread, k, m, n)
        distance, matte, shade = (
            scratch(name, (m, n), t)
            for name, t in (("distance", np.float32), ("matte", np.float32), ("shade", np.uint8))
        )
        match.relight(small, back, self._light, self._noise, scratch)
        match.compare(
            small, back, low, high, loose, self._light, self._noise, distance, shade,
            edges=self.edges, dark=self.darkest, bright=self.brightest, scratch=scratch,
        )  # fmt: skip
        walker.walk(
            small, back, self._light, distance, matte, tolerance=self.tolerance, softness=self.softness,
            radius=round(self.radius / 100 * m), scratch=scratch,
        )  # fmt: skip
        whole = scratch("whole", (m, n), np.float32)
        morphology.despeckle(matte, whole, self.despeckle / 100 * m * n, scratch)
        alpha = self.ctx.empty("alpha") if self.ctx.wired("alpha") else scratch("alpha", (h, w), np.float32)
        guided.enlarge(whole, small, image, alpha, DETAIL, CONTRAST, k, scratch, STEEP)
        out = {"alpha": alpha} if self.ctx.wired("alpha") else {}
        if self.ctx.wired("label"):
            out["label"] = self.ctx.empty("label")
            wide = scratch("full shade", (h, w), np.uint8)
            resize.nearest(shade, wide)
            match.annotate(alpha, wide, out["label"])
        return out

    def _small(self, name: str, full: Array, k: int) -> Array:
        """A picture shrunk k times; itself where k is 1."""
        if k == 1:
            return full
        h, w = full.shape[:2]
        made = self.ctx.scratch(f"small {name}", (-(-h // k), -(-w // k), *full.shape[2:]), full.dtype)
        match.shrink(full, made, k, h, w)
        return made

    def _plate(self, full: Array, spread: Array | None, k: int, m: int, n: int) -> tuple[Array, Array, Array, Array]:
        """The plate of m by n, its bounds, and its spread; made anew whenever another plate comes."""
        scratch, seen, ages = self.ctx.scratch, self._seen, self._ages()
        if not seen or seen[0] is not full or seen[1] is not spread or seen[2:4] != (self.shift, ages):
            small = self._small("plate", full, k)
            low, high = scratch("low", (m, n, 3), np.uint8), scratch("high", (m, n, 3), np.uint8)
            match.bounds(small, low, high, self.shift, m, n)
            loose = scratch("loose", (m, n), np.float32)
            if spread is None:
                loose.fill(0)
            else:
                resize.area(spread, loose)
            self._seen = (full, spread, self.shift, ages, (small, low, high, loose))
        small, low, high, loose = self._seen[4]
        return small, low, high, loose
