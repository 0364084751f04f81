"""How long `compose.duplicate` takes for a frame of 720p, by the processor time of one thread.

    NUMBA_NUM_THREADS=1 python -m bgflow.bench.duplicate

The cases take turns, to and fro, so that what else the machine does meets all alike. The subject covers 19 % of the
picture; the time of a copy grows with that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from bgflow.bench.pictures import Size, pictures
from bgflow.stages.duplicate import MOST, Duplicate
from bgflow.testing import opened

SIZE = Size(1280, 720)
ROUNDS = 20
APART: Mapping[str, Any] = {"order": "front", "shift": 8.0}
CASES: Mapping[str, Mapping[str, Any]] = {
    "off": {"active": False},
    "one copy, behind": {},
    "one copy, in front": {"order": "front"},
    "one copy, in front, its edge as it is": {"order": "front", "feather": 0.0, "decontaminate": 0.0},
    f"{MOST} copies, alternating": {**APART, "number": MOST},
    f"{MOST} copies, none mirrored": {**APART, "number": MOST, "mirror": "none"},
    "4 copies, 0.2 s apart": {**APART, "number": 4, "delay": 0.2},
    f"{MOST} copies, each 0.9 times as large": {**APART, "number": MOST, "scale": 0.9},
    "one copy, the subject aside": {"aside": 20.0},
}


def main() -> None:
    """Print the best and the median of each case in ms."""
    shots = pictures(SIZE)
    took: dict[str, list[float]] = {name: [] for name in CASES}
    with ExitStack() as stack:
        stages = {name: stack.enter_context(opened(Duplicate(**params))) for name, params in CASES.items()}
        for n in range(ROUNDS):
            for name in list(CASES)[:: 1 if n % 2 else -1]:
                for shot in shots:
                    began = time.thread_time_ns()
                    stages[name](image=shot.image, alpha=shot.alpha, plate=shot.plate)
                    took[name].append((time.thread_time_ns() - began) / 1e6)
    print(f"| {SIZE}, ms of one thread | best | median |\n| --- | ---: | ---: |")
    for name, all_of_them in took.items():
        warm = all_of_them[len(shots) :]
        print(f"| {name} | {min(warm):.2f} | {np.median(warm):.2f} |")


if __name__ == "__main__":
    main()
