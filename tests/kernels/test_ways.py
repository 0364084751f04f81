"""What a GPU launches, one thread a pixel, gives a CPU's pictures: whole stages, with their CUDA text through g++."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bgflow.stage import Stage
from bgflow.stages.compose import Blur, Replace
from bgflow.stages.edge import Refine
from bgflow.stages.fuse import Mask as Fused
from bgflow.stages.key import Chroma
from bgflow.stages.mog import Mask, Running
from bgflow.stages.plate import Mask as Plate
from bgflow.stages.time import Stabilise
from bgflow.testing import opened
from tests.kernels import hostcuda

pytestmark = pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
H, W = 90, 122
FRAMES = 5
Picture = np.ndarray[Any, Any]


def wall(rng: np.random.Generator) -> Picture:
    """A coarse texture on a slope of light."""
    coarse = rng.uniform(40, 180, (H // 6 + 1, W // 6 + 1, 3)).repeat(6, 0)[:H].repeat(6, 1)[:, :W]
    return coarse + np.linspace(0, 30, W)[None, :, None]


def scene(n: int, back: Any = None) -> dict[str, Picture]:
    """Frame n of somebody in blue who walks before a wall, and a soft matte of him that is a little off."""
    rng = np.random.default_rng(100 + n)
    y, x = np.mgrid[:H, :W]
    far = np.hypot((y - 52) / 1.6, x - 40 - 4 * n)
    alpha = np.clip((22 - far) / 3 + 0.5, 0, 1)[..., None] * (n > 0)
    behind = wall(np.random.default_rng(1)) if back is None else np.broadcast_to(back, (H, W, 3))
    picture = behind * (1 - alpha) + np.array([60, 80, 190]) * alpha
    image = np.clip(picture + rng.normal(0, 2, (H, W, 3)), 0, 255).astype(np.uint8)
    coarse = np.clip((21 - far) / 9 + 0.5, 0, 1).astype(np.float32) * np.float32(n > 0)
    coarse[4:6, 4:6] = 1  # a speck
    label = np.where(alpha[..., 0] > 0.5, 255, 0).astype(np.uint8)
    return {"image": image, "alpha": coarse, "label": label, "plate": behind.astype(np.uint8)}


STAGES: dict[str, tuple[Callable[[], Stage], tuple[str, ...], Any]] = {
    "edge.refine": (lambda: Refine(radius=3, grow=1.5, feather=2), ("image", "alpha"), None),
    "edge.refine wide": (lambda: Refine(radius=20), ("image", "alpha"), None),
    "mog.mask": (lambda: Mask(learning_rate=0.05), ("image",), None),
    "mog.running": (Running, ("image",), None),
    "fuse.mask": (Fused, ("image", "alpha", "label"), None),
    "time.stabilise": (Stabilise, ("image", "alpha"), None),
    "key.chroma": (Chroma, ("image",), (0, 177, 64)),
    "plate.mask": (Plate, ("image", "plate"), None),
    "compose.replace": (lambda: Replace(match=0.5, wrap=0.5, contact=0.5, linear=0.5), ("image", "alpha"), None),
    "compose.blur": (Blur, ("image", "alpha"), None),
}


def run(make: Callable[[], Stage], ports: tuple[str, ...], back: Any) -> list[dict[str, Picture]]:
    with opened(make()) as stage:
        made = [stage(**{p: v for p, v in scene(n, back).items() if p in ports}) for n in range(FRAMES)]
    return [m if isinstance(m, dict) else {"out": m} for m in made]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_gives_the_same_pictures_on_both_ways(name: str) -> None:
    want = run(*STAGES[name])
    with hostcuda.gpu():
        got = run(*STAGES[name])
    for one, other in zip(want, got, strict=True):
        for port, picture in one.items():
            scale = 255 if picture.dtype == np.uint8 else 1
            off = np.abs(picture.astype(float) - other[port].astype(float)) / scale
            assert off.mean() < 1e-4, (name, port, off.max())
            assert (off > 0.02).mean() < 1e-3, (name, port, off.max())
