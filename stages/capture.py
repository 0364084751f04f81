"""Take pictures for training: the empty scene, and then people in it, a folder for each scene."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping

from bgflow.action import action
from bgflow.devices import to_host
from bgflow.errors import MediaError, UsageError
from bgflow.frame import Array
from bgflow.kernels.plate import Rings
from bgflow.media.sets import PictureSet
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage
from bgflow.stages.plate import Capture

NO_CONSENT = (
    "none given: nothing may be done with these pictures until everybody in them has agreed; "
    "write here who agreed, when, and to what"
)


class Sets(Stage, use="capture.sets"):
    """Captures picture sets: `plate` takes the empty scene into a new `set{n}/bkg.png`, `save` one more `{k}.png`.

    Both count down first. The plate is made as plate.capture makes it, so that somebody may still walk out of the
    picture, and is sent, too. Without a plate of this run nothing is saved. Beside the pictures lies `manifest.json`:
    size, camera, exposure against the plate, the hash of every file, and what the people in them have agreed to.
    Pictures are kept as they come in: wire them from before the buttons.
    """

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True, optional=True, description="a network's matte: nobody enters the plate")
    out = Out("u8[h,w,3] rgb", description="the picture as it came in, for the stages after it")
    plate = Out("u8[h,w,3] rgb", description="the newest plate; sent when it is ready, and to be held")
    spread = Out("f32[h,w]", description="standard deviation of the samples behind each pixel, in levels")
    quality = Out("f32[1]", description="how good the plate is, 0..1")

    path: str = Param("images", description="the folder of the sets; made when it is not there")
    countdown: float = Param(5.0, ge=0, le=60, hot=True, unit="s", description="time to leave before the plate")
    seconds: float = Param(2.0, gt=0, le=60, unit="s", description="how long the plate is captured")
    samples: int = Param(24, ge=3, le=64, description="colours that each pixel of the plate keeps")
    delay: float = Param(2.0, ge=0, le=60, hot=True, unit="s", description="time to pose before a picture")
    camera: str = Param("", description="which camera, for the manifest")
    consent: str = Param(NO_CONSENT, description="what the people in the pictures have agreed to, for the manifest")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._set: PictureSet | None = None
        self._taker: Capture | None = None
        self._plate: Mapping[str, Array] = {}
        self._doing, self._seconds, self._told = "", 0.0, 0
        self._due: float | None = None
        self._size = self._taken = (0, 0)

    @action(name="plate")
    def take(self) -> str:
        """Take the empty scene after a countdown: leave the picture."""
        return self._begin("plate", self.countdown)

    @action
    def save(self) -> str:
        """Save one picture after a countdown."""
        self._fits()
        return self._begin("picture", self.delay)

    def process(self, image: Array, alpha: Array | None) -> dict[str, Array]:
        h, w = image.shape[:2]
        if self._size != (h, w):
            self._size = h, w
            Rings(h, w, self.samples, self.ctx.scratch)  # take the memory now, and not when it matters
        now = float(self.ctx.frame.time)
        if self._doing and self._is_time(now):
            doing, self._doing = self._doing, ""
            if doing == "picture":
                self._keep(image)
            else:
                self._taker = Capture(countdown=0, seconds=self.seconds, samples=self.samples)
                self._taker.open(self.ctx)
                self.ctx.tell("Taking the background: stay out", self.seconds + 1, "countdown")
        return {"out": image, **(self._shoot(self._taker, image, alpha) if self._taker else {})}

    def views(self) -> Mapping[str, Array]:
        return self._plate

    def _begin(self, what: str, seconds: float) -> str:
        if self._doing or self._taker:
            raise UsageError("it is busy; wait until the countdown is over")
        self._doing, self._seconds, self._due, self._told = what, seconds, None, 0
        return f"{what} in {seconds:g} s"

    def _fits(self) -> None:
        """Raise UsageError when a picture of the present size has no background."""
        if self._set is None:
            raise UsageError("there is no background yet: press Bkg first, and leave the picture")
        if self._taken != self._size:
            (h, w), (rows, columns) = self._size, self._taken
            raise UsageError(f"pictures are {w}x{h} now, and the background is {columns}x{rows}: press Bkg again")

    def _is_time(self, now: float) -> bool:
        """Whether the countdown is over; tells every second of it.

        It begins with the first frame after it was asked for: before that a camera may have rested for long. Nor does
        it become longer where a stream's time begins anew.
        """
        self._due = now + self._seconds if self._due is None else min(self._due, now + self._seconds)
        left = math.ceil(self._due - now - 1e-6)
        if left > 0 and left != self._told:
            self._told = left
            words = "Background in {}: leave the picture" if self._doing == "plate" else "Picture in {}"
            self.ctx.tell(words.format(left), 1.2, "countdown")
        return left <= 0

    def _shoot(self, taker: Capture, image: Array, alpha: Array | None) -> dict[str, Array]:
        """One frame of the capture; what it gives is the plate, at the last one."""
        made = taker.process(image, alpha)
        if made is None:
            return {}
        self._taker, self._plate = None, taker.views()
        try:
            name = self._begun(taker)
        except MediaError as e:
            self.ctx.tell(str(e), kind="refused")
        else:
            self.ctx.tell(f"Saved {name}, quality {taker.grade:.2f}")
        return made

    def _begun(self, taker: Capture) -> str:
        """Begin a set with this plate; returns what that is called. Without the plate there is no set."""
        new = PictureSet(self.path, self.camera, self.consent)
        try:
            name = new.add_plate(to_host(taker.taken), taker.grade, self._time())
        except MediaError:
            with contextlib.suppress(OSError):
                new.folder.rmdir()
            raise
        self._set, self._taken = new, self._size
        return name

    def _keep(self, image: Array) -> None:
        assert self._set
        try:
            self._fits()
            self.ctx.tell(f"Saved {self._set.add(to_host(image), self._time())}")
        except (MediaError, UsageError) as e:
            self.ctx.tell(str(e), kind="refused")

    def _time(self) -> float:
        return round(float(self.ctx.frame.time), 6)

    def close(self) -> None:
        if self._taker or self._doing:
            self.ctx.warn("the run ended before the countdown was over; nothing was saved then")
