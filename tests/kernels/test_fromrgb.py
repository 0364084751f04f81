"""The kernels behind `yuv.rgb_to_i420` and `yuv.rgb_to_nv12`; what they promise is tested in test_yuv.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bgflow.kernel import Kernel
from bgflow.kernels import fromrgb, yuv
from tests.kernels.test_yuv import CH, CW, RUNS, VARIANTS, H, Rng, W, blank, u8

CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = []
for variant in VARIANTS:
    for runs in RUNS:
        for h, w in ((H, W), (H + 1, W + 1)):
            numbers = (h, w, *runs, *yuv.encoding(*variant))

            def planar(r: Rng, h: int = h, w: int = w, numbers: Any = numbers) -> list[Any]:
                return [u8(r, h, w, 3), blank(h, w), blank(CH, CW), blank(CH, CW), *numbers]

            def interleaved(r: Rng, h: int = h, w: int = w, numbers: Any = numbers) -> list[Any]:
                return [u8(r, h, w, 3), blank(h, w), blank(CH, CW, 2), *numbers]

            CASES += [(fromrgb.rgb_i420, planar), (fromrgb.rgb_nv12, interleaved)]
