"""What each step of `mog.mask` costs on a CPU, and how wide its loops are.

    NUMBA_NUM_THREADS=1 python -m bgflow.bench.profile_mog

Each step of kernels/mogfit.py and kernels/mogtile.py runs alone over two rows of 30 tiles whose four modes fit the
second-level cache, so the figures are those of its arithmetic: nanoseconds a tile of 64 pixels on one thread, the best
of many, and how many of its machine instructions touch registers of 512, 256 and 128 bits.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bgflow.kernel import Function
from bgflow.kernels import mogfit, mogtile
from bgflow.kernels.modes import TILE
from bgflow.kernels.tiles import LANES

ROWS, TILES, REPEATS, ROUNDS = 2, 30, 50, 15
ARRAYS = ("pixels", "freeze", "turn", "modes", "weight", "gauss", "label", "work", "colour")
WHOLE = ("learn", "some", "seeks", "dithered")  # all steps at once, and those whose result alone matters
f32 = np.float32
NUMBERS: dict[str, Any] = {
    "m": 1, "deep": 4, "most": 5, "rate": f32(0.002), "prune": f32(0.0001), "gate": f32(9),
    "reach": f32(16), "ratio": f32(0.9), "var_init": f32(15), "var_min": f32(4), "var_max": f32(75), "shadow": 127,
    "tau": f32(0.5), "dither": f32(0.5),
}  # fmt: skip


def model() -> dict[str, Any]:
    """A mixture of four modes, and the notes of a row."""
    random, w = np.random.default_rng(1), TILES * LANES
    arrays: dict[str, Any] = {
        "pixels": random.integers(0, 256, (ROWS, 3 * w), dtype=np.uint8),
        "freeze": np.zeros((ROWS, w), f32),
        "modes": np.full((ROWS, w), 4, np.uint8),
        "weight": random.integers(0, 1 << 16, (5, ROWS, w), np.uint16),
        "gauss": random.integers(0, 50_000, (5, ROWS, TILES, TILE), np.uint16),
        "label": np.zeros((ROWS, w), np.uint8),
        "work": random.integers(-1, 5, (ROWS, mogfit.WORK)).astype(f32),
        "colour": np.zeros((ROWS, mogfit.CHANNELS), f32),
    }
    for name in ("pixels", "freeze"):
        arrays[name].flags.writeable = False
    return arrays


def steps() -> Iterator[tuple[str, Function]]:
    """The steps of both files that change a tile."""
    for module in (mogfit, mogtile):
        for name, step in vars(module).items():
            if isinstance(step, Function) and inspect.getmodule(step.body) is module and name not in WHOLE:
                yield name, step


def alone(step: Function) -> tuple[float, list[int]]:
    """Nanoseconds a tile, and the instructions on registers of each width."""
    import numba

    names = list(inspect.signature(step.body).parameters)
    given = [n for n in names if n not in ("y", "t", "count")]
    passed = [str(LANES) if n == "count" else n for n in names]
    fixed = [f"{n}.shape[-1] == {model()[n].shape[-1]}" for n in given if n in ("gauss", "work", "colour")]
    text = (
        f"def run({', '.join(given)}):\n    for y in numba.prange({ROWS}):\n        if {' and '.join(fixed) or True}:\n"
        f"            for q in range({REPEATS}):\n                for t in range({TILES}):\n"
        f"                    body({', '.join(passed)})\n"
    )
    space: dict[str, Any] = {"numba": numba, "body": step.jitted}
    exec(text, space)
    jit: Any = numba.njit
    run = jit(space["run"], parallel=True, error_model="numpy")
    best = float("inf")
    for _ in range(ROUNDS):
        arrays = model()
        values = [arrays[n] if n in ARRAYS else NUMBERS[n] for n in given]
        start = time.perf_counter_ns()
        run(*values)
        best = min(best, time.perf_counter_ns() - start)
    code = next(iter(run.inspect_asm().values()))
    return best / (ROWS * REPEATS * TILES), [len(re.findall(rf"%{r}mm\d", code)) for r in "zyx"]


def main() -> None:
    """Print the table."""
    print("| step | ns a tile | zmm | ymm | xmm |\n|---|---:|---:|---:|---:|")
    for name, step in steps():
        ns, widths = alone(step)
        print(f"| {name} | {ns:.1f} | {' | '.join(map(str, widths))} |")


if __name__ == "__main__":
    main()
