"""Time `mog.mask` and `mog.running` beside OpenCV's MOG2, taking turns on the same frames.

    python -m bgflow.bench.mog [FOLDER OF PICTURES]

Each frame goes through all of them one after the other, so that a busy machine slows them alike; medians of the
frames after the first 60. Without a folder the frames are a synthetic scene. Needs opencv-python.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bgflow.stages.mog import Mask, Running
from bgflow.stages.synth import Source
from bgflow.testing import opened

SIZES = ((1280, 720), (1920, 1080))
FRAMES, WARM = 200, 60

Picture = np.ndarray[Any, Any]


def pictures(folder: Path | None, w: int, h: int) -> Iterator[Picture]:
    """RGB pictures of w x h."""
    if folder:
        for file in sorted(folder.iterdir())[:FRAMES]:
            image = cv2.imread(str(file))
            if image is not None:
                yield cv2.resize(image, (w, h))[..., ::-1].copy()
    else:
        with opened(Source(width=w, height=h, count=FRAMES, noise=2.0, shadow=0.4, subjects=3)) as source:
            for _, out in source.frames():
                yield out["image"].copy()


def main() -> None:
    """Print a table of milliseconds a frame."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for w, h in SIZES:
        with (
            opened(Mask(light=False), wired={"label"}) as mask,
            opened(Running(light=False), wired={"label"}) as running,
        ):
            theirs = cv2.createBackgroundSubtractorMOG2()
            runs: dict[str, Callable[[Picture], Any]] = {
                "OpenCV MOG2": theirs.apply,
                "mog.mask": lambda image, mask=mask: mask(image=image)["label"],  # type: ignore[misc]
                "mog.running": lambda image, running=running: running(image=image)["label"],  # type: ignore[misc]
            }
            times: dict[str, list[float]] = {name: [] for name in runs}
            equal = []
            for n, image in zip(itertools.count(), pictures(folder, w, h), strict=False):
                labels = {}
                for name, run in runs.items():
                    start = time.perf_counter()
                    labels[name] = run(image)
                    if n >= WARM:
                        times[name].append(time.perf_counter() - start)
                equal.append(float(np.mean(labels["mog.mask"] == labels["OpenCV MOG2"])))
        figures = ", ".join(
            f"{name} {np.median(t) * 1e3:.2f} ms (best {min(t) * 1e3:.2f})" for name, t in times.items()
        )
        print(f"{w}x{h}: {figures}; equal labels {np.mean(equal):.6f}")


if __name__ == "__main__":
    main()
