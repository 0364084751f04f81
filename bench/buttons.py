"""What `ui.buttons` and `palm.detect` cost a frame: processor time of one thread, at 720p.

NUMBA_NUM_THREADS=1 python -m bgflow.bench.buttons
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from bgflow.devices import Host
from bgflow.errors import ModelError
from bgflow.stages.palm import Detect
from bgflow.stages.ui import Buttons
from bgflow.testing import Opened, opened

H, W, FRAMES = 720, 1280, 300
BUTTONS = [
    {"label": label, "at": at, "do": "run.stop"}
    for label, at in (("Ext", (0.85, 0.15)), ("Sav", (0.85, 0.45)), ("Bkg", (0.15, 0.45)))
]


def timed(call: Callable[[int], Any], clock: Callable[[], int]) -> str:
    """Best and median of many calls."""
    took = []
    for n in range(FRAMES):
        started = clock()
        call(n)
        took.append((clock() - started) / 1e6)
    return f"best {min(took):.2f} ms, median {np.median(took):.2f} ms"


def shown(it: Opened, image: Host, alpha: Host | None = None, palms: Host | None = None) -> Callable[[int], Any]:
    """A warm stage as a function of the frame's number; it tells a line each second where there is a hand."""

    def step(n: int) -> None:
        if palms is not None and n % 30 == 0:
            it.ctx.tell(f"Background in {n // 30 % 6}: leave the picture")
        it(pts=n, time_base=Fraction(1, 30), image=image, alpha=alpha, palms=palms)

    for n in range(180):
        step(n)
    return step


def main() -> None:
    """Print a line for each case."""
    image = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
    alpha = np.zeros((H, W), np.float32)
    palms = np.array([[0.85, 0.45, 0.9], [0.4, 0.4, 0.9], [0, 0, 0], [0, 0, 0]], np.float32)
    target = np.empty_like(image)
    print("a copy of the picture alone:", timed(lambda _: np.copyto(target, image), time.thread_time_ns))
    with opened(Buttons(buttons=BUTTONS)) as it:
        print("three buttons:", timed(shown(it, image), time.thread_time_ns))
    with opened(Buttons(buttons=BUTTONS, dwell=10)) as it:
        print(
            "and a palm, the subject, and a line of text:", timed(shown(it, image, alpha, palms), time.thread_time_ns)
        )
    with opened(Buttons(buttons=BUTTONS, dwell=10, mirror=True)) as it:
        print("and as in a mirror:", timed(shown(it, image, alpha, palms), time.thread_time_ns))
    try:
        with opened(Detect(threads=1)) as palm:
            for _ in range(10):
                palm(image=image)
            print("palm.detect:", timed(lambda _: palm(image=image), time.process_time_ns))
    except ModelError as e:
        print(e)


if __name__ == "__main__":
    main()
