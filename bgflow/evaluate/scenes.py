"""The synthetic scene classes: one table of what makes each of them hard, rendered by `synth.source`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from bgflow.evaluate.footage import Footage, Picture, Sample
from bgflow.stages.synth import Source
from bgflow.testing import opened

COMMON: Mapping[str, Any] = {"width": 480, "height": 270, "count": 150, "enter": 45, "seed": 7, "noise": 1.0}
"""Of all scenes: 5 s at 30 frames a second; after 1.5 s somebody comes in."""

SCENES: Mapping[str, Mapping[str, Any]] = {
    "clean": {},
    "noise": {"noise": 12.0},
    "shadow": {"shadow": 0.45},
    "exposure": {"exposure": 0.8, "exposure_at": 95},
    "shake": {"shake": 3.0},
    "hair": {"hair": 0.8, "background": "textured"},
    "several": {"subjects": 3, "size": 0.7},
    "static": {"speed": 0.0, "shadow": 0.2},
}


def scenes(limit: int) -> list[Footage]:
    """Every scene class as a clip of its own; `limit` shortens it, counted from the entry."""
    return [_scene(name, {**COMMON, **params}, limit) for name, params in SCENES.items()]


def _scene(name: str, params: Mapping[str, Any], limit: int) -> Footage:
    count = min(params["count"], params["enter"] + limit) if limit else params["count"]
    wanted = {**params, "count": count}
    return Footage(name, name, "video", count, partial(_samples, wanted), partial(_plate, wanted))


def _samples(params: Mapping[str, Any]) -> Iterator[Sample]:
    with opened(Source(**params), wired={"image", "alpha"}) as source:
        for pts, made in source.frames():
            yield Sample(f"{pts:04d}", made["image"].copy(), made["alpha"].copy())


def _plate(params: Mapping[str, Any]) -> Picture:
    """What the camera sees before anybody comes."""
    return next(iter(_samples(params))).image
