"""Pre-labels: what plate and network make of a picture, as the start of its mask, worked out on a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from bgflow import models
from bgflow.errors import BgflowError, MediaError, ModelError, UsageError
from bgflow.label import mask
from bgflow.label.mask import Label
from bgflow.label.pictureset import Entry, PictureSet
from bgflow.media.pictures import read, upright_size

Mode = Literal["auto", "plate", "net", "none"]
Picture = np.ndarray[Any, np.dtype[np.uint8]]
Matte = np.ndarray[Any, np.dtype[np.float32]]
MODEL = "u2netp"
EMPTY_FRAMES = 5  # of the plate, after which fuse.mask trusts it
log = logging.getLogger("bgflow.label")


class Prelabels:
    """The pre-labels of a set, in its order, but first what is asked for. `note` says what the page should tell.

    With `auto` both plate and network are used, as far as they are there.

    Raises:
        UsageError: `plate` without a plate.
        ModelError: `net` without the network's weights.
    """

    def __init__(self, pictures: PictureSet, mode: Mode, changed: Callable[[], None] = lambda: None):
        self.pictures, self.changed = pictures, changed
        self.note = ""
        self.plate = mode in ("auto", "plate") and pictures.plate is not None
        if self.plate and pictures.plate:
            try:
                upright_size(pictures.plate)
            except MediaError as e:
                if mode == "plate":
                    raise
                self.plate, self.note = False, str(e)
        if mode == "plate" and not self.plate:
            raise UsageError(
                f"{pictures.folder}: has no bkg.png, a picture of the empty scene; --prelabel net wants none"
            )
        self.net = mode in ("auto", "net")
        if self.net:
            try:
                models.find(MODEL)
            except ModelError as e:
                if mode == "net":
                    raise
                self.net, self.note = False, self.note or str(e)
        self._made: dict[str, tuple[str, bytes]] = {}  # PNG, a hundredth of the label; b"" where there is none
        self._first = ""
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="bgflow:prelabel", daemon=True)

    @property
    def how(self) -> str:
        """What pre-labels are made from, in words; '' when there are none."""
        return " and ".join(word for word, there in (("plate", self.plate), ("network", self.net)) if there)

    def __enter__(self) -> Prelabels:
        if self.how:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread.ident:
            self._thread.join()

    def ready(self, entry: Entry) -> bool:
        """Whether nothing is left to be done for this picture."""
        return not self.how or self._made.get(entry.name, ("",))[0] == entry.seen

    def offers(self, entry: Entry) -> bool:
        """Whether there is a pre-label now."""
        return bool(self.how) and self.ready(entry) and bool(self._made[entry.name][1])

    def get(self, entry: Entry) -> Label | None:
        """The pre-label, if it is ready and there is one; else it is made next."""
        if self.offers(entry):
            return mask.received(self._made[entry.name][1], entry.size, entry.name)
        if not self.ready(entry):
            with self._wake:
                self._first = entry.name
                self._wake.notify()
        return None

    def look(self) -> None:
        """Pictures have come, or others have gone."""
        with self._wake:
            self._wake.notify()

    def _next(self) -> Entry | None:
        """What is to be done now; waits for it. None at the end."""
        with self._wake:
            while not self._closed:
                first = self.pictures.find(self._first)
                for entry in [first] if first else []:
                    if not self.ready(entry):
                        return entry
                with contextlib.suppress(BgflowError):  # the page tells
                    for entry in self.pictures.look():
                        if not entry.fault and not entry.mask.exists() and not self.ready(entry):
                            return entry
                self._wake.wait()
            return None

    def _work(self) -> None:
        with contextlib.ExitStack() as stages:
            solve: Callable[[Picture], Matte] | None = None
            while entry := self._next():
                label = b""
                try:
                    if solve is None:
                        solve = stages.enter_context(self._solver())
                    matte = solve(read(entry.file))
                    label = mask.png(np.where(matte >= 0.5, mask.SUBJECT, mask.BACKGROUND).astype(np.uint8))
                except Exception as e:  # whatever a library has raised: the page would wait for ever
                    log.warning("%s: no pre-label: %s", entry.name, str(e) or type(e).__name__)
                self._made[entry.name] = entry.seen, label
                self.changed()

    @contextlib.contextmanager
    def _solver(self) -> Iterator[Callable[[Picture], Matte]]:
        """A function from a picture to its matte. Every picture is the first, so that their order does not matter."""
        from bgflow.stages import edge, plate, u2net
        from bgflow.testing import opened

        with contextlib.ExitStack() as stack:
            net = stack.enter_context(opened(u2net.Mask(model=MODEL))) if self.net else None
            fine = stack.enter_context(opened(edge.Refine()))
            there = self.pictures.plate if self.plate else None
            empty = read(there) if there else None
            compare = (
                stack.enter_context(opened(plate.Mask(path=str(there)), wired={"image", "alpha"})) if there else None
            )

            def solve(picture: Picture) -> Matte:
                known = net(image=picture).copy() if net else None
                if compare is None or empty is None or empty.shape != picture.shape:
                    if known is None:
                        size = f"{picture.shape[1]}x{picture.shape[0]}"
                        raise UsageError(f"the plate has another size than this picture, {size}")
                    matte = known
                else:
                    matte = compare(image=picture)["alpha"].copy()
                    if known is not None:
                        matte = _fused(known, matte, picture, empty)
                return np.array(fine(image=picture, alpha=matte))

            yield solve


def _fused(known: Matte, seen: Matte, picture: Picture, empty: Picture) -> Matte:
    """The network's matte corrected by the plate's, which has been seen to be right on the empty scene."""
    from bgflow.stages import fuse
    from bgflow.testing import opened

    nobody = np.zeros_like(seen)
    with opened(fuse.Mask(overrule=1.0), wired={"alpha", "evidence", "image"}) as both:
        for _ in range(EMPTY_FRAMES):
            both(alpha=nobody, evidence=nobody, image=empty)
        return np.array(both(alpha=known, evidence=seen, image=picture)["alpha"])
