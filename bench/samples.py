"""Time `samples.mask` beside OpenCV's MOG2 and KNN, and score all three on a clip with ground truth.

    python -m bgflow.bench.samples FOLDER

FOLDER is a clip as CDnet lays it out: `input/in*.jpg`, `groundtruth/gt*.png` (some frames may have none), `ROI.bmp`.
F counts 255 as subject, 0 and 50 as not; 85, 170 and what is outside of the ROI do not count. Each frame goes through
all of them one after the other, so that a busy machine slows them alike; times are at 1280x720, medians of the frames
after the first 60, with the processor time of all threads beside. Needs opencv-python.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bgflow.stages.samples import Mask
from bgflow.testing import opened

SIZE, FRAMES, WARM = (1280, 720), 160, 60

Picture = np.ndarray[Any, Any]
Runs = dict[str, Callable[[Picture], Picture]]


def pictures(folder: Path) -> Iterator[tuple[Picture, Picture | None]]:
    """RGB pictures and their ground truth, where there is one."""
    for file in sorted((folder / "input").iterdir()):
        truth = folder / "groundtruth" / file.name.replace("in", "gt").replace(".jpg", ".png")
        image = cv2.imread(str(file))
        assert image is not None
        yield image[..., ::-1].copy(), cv2.imread(str(truth), 0) if truth.is_file() else None


def scores(folder: Path, runs: Runs) -> dict[str, tuple[float, float, float]]:
    """F, precision and recall of each on the whole clip."""
    roi = cv2.imread(str(folder / "ROI.bmp"), 0)
    assert roi is not None
    counts = {name: np.zeros(3) for name in runs}
    for image, truth in pictures(folder):
        for name, run in runs.items():
            label = run(image)
            if truth is not None:
                counted = (roi > 0) & np.isin(truth, (0, 50, 255))
                found, subject = (label == 255)[counted], (truth == 255)[counted]
                counts[name] += (found & subject).sum(), (found & ~subject).sum(), (~found & subject).sum()
    return {n: (2 * tp / (2 * tp + fp + fn), tp / (tp + fp), tp / (tp + fn)) for n, (tp, fp, fn) in counts.items()}


def times(folder: Path, runs: Runs) -> dict[str, Picture]:
    """Milliseconds of each: rows of elapsed and processor time of a frame."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for n, (image, _) in zip(range(FRAMES), pictures(folder), strict=False):
        large = cv2.resize(image, SIZE)
        for name, run in runs.items():
            start, worked = time.perf_counter(), time.process_time()
            run(large)
            if n >= WARM:
                taken[name].append((time.perf_counter() - start, time.process_time() - worked))
    return {name: np.array(t) * 1e3 for name, t in taken.items()}


def contestants(mask: Any) -> Runs:
    """Fresh models by name."""
    mog2, knn = cv2.createBackgroundSubtractorMOG2(), cv2.createBackgroundSubtractorKNN()
    return {
        "samples.mask": lambda image: mask(image=image)["label"],
        "OpenCV MOG2": mog2.apply,
        "OpenCV KNN": knn.apply,
    }


def main() -> None:
    """Print a table."""
    folder = Path(sys.argv[1])
    with opened(Mask(), wired={"label"}) as mask:
        scored = scores(folder, contestants(mask))
    with opened(Mask(), wired={"label"}) as mask:
        timed = times(folder, contestants(mask))
    for name, (f, precision, recall) in scored.items():
        elapsed, worked = np.median(timed[name], axis=0)
        best = timed[name][:, 0].min()
        print(
            f"{name}: F {f:.3f} (precision {precision:.3f}, recall {recall:.3f}); "
            f"{elapsed:.1f} ms a frame (best {best:.1f}, processor {worked:.1f})"
        )


if __name__ == "__main__":
    main()
