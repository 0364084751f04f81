"""What `ui.buttons`, `palm.detect` and `pose.palms` cost a frame: processor time of one thread, at 720p.

NUMBA_NUM_THREADS=1 python -m bgflow.bench.buttons
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from bgflow.controls import Controls
from bgflow.devices import Host
from bgflow.errors import ModelError
from bgflow.kernels import flip, resize
from bgflow.models.calibration import pictures
from bgflow.stage import Stage
from bgflow.stages.palm import Detect
from bgflow.stages.pose import Palms
from bgflow.stages.ui import Buttons
from bgflow.testing import Opened, TestContext, opened

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
    return of(took)


def of(took: list[float]) -> str:
    """Best and median of times in ms."""
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


def mirrored(image: Host) -> None:
    """Print bgflow's flip and OpenCV's in turn, each on one thread."""
    import cv2

    cv2.setNumThreads(1)
    out = np.empty_like(image)
    took: dict[str, list[float]] = {"flip.flip": [], "cv2.flip": []}

    def ours() -> None:
        flip.flip(image, out, "horizontal")

    def theirs() -> None:
        cv2.flip(image, 1, dst=out)

    for _ in range(FRAMES // 2):
        for name, call in (("flip.flip", ours), ("cv2.flip", theirs), ("cv2.flip", theirs), ("flip.flip", ours)):
            started = time.thread_time_ns()
            call()
            took[name].append((time.thread_time_ns() - started) / 1e6)
    for name, each in took.items():
        print(f"{name}, horizontal: {of(each)}")


def looked_at(film: Callable[[int], Host], frames: int = FRAMES) -> str:
    """What palm.detect takes for a film when it looks at three buttons alone."""
    stages: dict[str, Stage] = {"palm": Detect(near="buttons", threads=1), "buttons": Buttons(buttons=BUTTONS)}
    controls = Controls(stages)
    contexts = {name: TestContext(stage) for name, stage in stages.items()}
    for name, ctx in contexts.items():
        ctx.name, ctx.controls, ctx._shared = name, controls, contexts["palm"]._shared
        stages[name].open(ctx)
    it = Opened(stages["palm"], contexts["palm"])
    took = []
    for n in range(frames):
        image = film(n)
        started = time.process_time_ns()
        it(pts=n, time_base=Fraction(1, 30), image=image)
        took.append((time.process_time_ns() - started) / 1e6)
    for stage in stages.values():
        stage.close()
    return (
        f"{of(took[30:])}, mean {np.mean(took[30:]):.2f} ms; a look in {contexts['palm'].facts['looks'] / frames:.0%}"
    )


def main() -> None:
    """Print a line for each case."""
    noise = np.random.default_rng(0)
    image = noise.integers(0, 256, (H, W, 3), np.uint8)
    alpha = np.zeros((H, W), np.float32)
    palms = np.array([[0.85, 0.45, 0.9], [0.4, 0.4, 0.9], [0, 0, 0], [0, 0, 0]], np.float32)
    target = np.empty_like(image)
    print("a copy of the picture alone:", timed(lambda _: np.copyto(target, image), time.thread_time_ns))
    mirrored(image)
    with opened(Buttons(buttons=BUTTONS)) as it:
        print("three buttons:", timed(shown(it, image), time.thread_time_ns))
    with opened(Buttons(buttons=BUTTONS, dwell=10)) as it:
        print(
            "and a palm, the subject, and a line of text:", timed(shown(it, image, alpha, palms), time.thread_time_ns)
        )
    with opened(Buttons(buttons=BUTTONS, dwell=10, mirror=True)) as it:
        print("and as in a mirror:", timed(shown(it, image, alpha, palms), time.thread_time_ns))
    still = [(120 + noise.integers(-4, 5, (H, W, 1)) + np.zeros(3, int)).astype(np.uint8) for _ in range(31)]
    wild = [noise.integers(0, 256, (H // 10, W // 10, 3), np.uint8).repeat(10, 0).repeat(10, 1) for _ in range(4)]
    try:
        with opened(Detect(threads=1)) as palm:
            print("palm.detect, whole picture:", timed(lambda _: palm(image=still[0]), time.process_time_ns))
        print("palm.detect at three buttons, nobody there:", looked_at(lambda n: still[n % 31]))
        print("palm.detect at three buttons, all in motion:", looked_at(lambda n: wild[n % 4]))
        followed()
    except ModelError as e:
        print(e)


def followed() -> None:
    """Print what pose.palms takes for somebody who is looked for in every frame, and who is followed."""
    person = next(pictures(1))
    body = np.empty((H, W, 3), np.uint8)
    resize.linear(person, body)
    for again in (True, False):
        with opened(Palms(threads=1)) as pose:

            def step(_: int, pose: Opened = pose, again: bool = again) -> None:
                if again:
                    pose.stage.forget()  # type: ignore[attr-defined]
                pose(image=body)

            text = timed(step, time.process_time_ns)
            how = "looked for" if again else f"followed (looked for {pose.ctx.facts['looked']} times)"
            print(f"pose.palms, somebody {how}: {text}")


if __name__ == "__main__":
    main()
