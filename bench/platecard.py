"""The report card of a plate network: how well it does by what makes a scene hard, beside what needs no training.

    python -m bgflow.bench.platecard [--model plate] [--data DIR] [--threads N]

prints a table in Markdown. `--data` names a folder of labelled sets (`bkg.png`, `k.png`, `k_mask.png`), to be judged
too. The scenes are rendered here, with seeds and paintings that `bgflow train --synth` never uses; the threshold on
|picture - plate| is the best of all 256 for each row, chosen on the very pictures it is judged on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.media import gallery
from bgflow.stages.plate import Mask as PlateMask
from bgflow.stages.plate import Net
from bgflow.stages.synth import Source
from bgflow.stages.u2net import Mask as U2Net
from bgflow.testing import Opened, opened
from bgflow.train.backdrops import HELD_OUT
from bgflow.train.exam import best_threshold
from bgflow.train.labelled import sets

SIZE = (480, 640)
SEEDS = range(900_000, 900_006)
FRAMES = (30, 140)
TURNS = 40  # calls that are timed
Pixels = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Scene:
    """A picture `u8[h,w,3]`, its plate and the truth `f32[h,w]`."""

    picture: Pixels
    plate: Pixels
    truth: Pixels


@dataclass(frozen=True)
class Kind:
    """What makes a scene hard: each field is what a plain scene has."""

    exposure: float = 0.0  # EV between plate and picture
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gain of the picture's colours
    noise: float = 2.0  # levels
    shift: tuple[int, int] = (0, 0)  # px, of the plate
    shadow: float = 0.0
    camouflage: float = 0.0  # how much of the subject's colour is its background's


KINDS: Mapping[str, Kind] = {
    "plain": Kind(),
    "exposure, +0.6 EV": Kind(exposure=0.6),
    "white balance, red +15 %, blue -13 %": Kind(tint=(1.15, 1.0, 0.87)),
    "noise of 12 levels": Kind(noise=12.0),
    "plate 3 px beside": Kind(shift=(2, 3)),
    "shadow of 50 %": Kind(shadow=0.5),
    "camouflage of 75 %": Kind(camouflage=0.75),
    "all of them, weaker": Kind(0.3, (1.06, 1.0, 0.94), 6.0, (1, 1), 0.3, 0.3),
}


def scenes(kind: Kind) -> Iterator[Scene]:
    """Every other one before a painting that no training has seen."""
    h, w = SIZE
    for seed in SEEDS:
        backdrop = ("room", "textured", "gradient", "flat")[seed % 4]
        size = (1.0, 0.7, 0.45)[seed % 3]
        wired = {"alpha", "foreground", "plate"}
        source = Source(width=w, height=h, seed=seed, size=size, hair=0.3, background=backdrop, shadow=kind.shadow)
        bare = Source(width=w, height=h, seed=seed, subjects=0, background=backdrop)
        with opened(source, wired=wired) as with_subject, opened(bare, wired={"plate"}) as without:
            there: Any = with_subject.stage
            empty: Any = without.stage
            room = empty.render(0)["plate"].astype(np.float32)
            for frame in FRAMES:
                made = there.render(frame)
                light = made["plate"] / np.maximum(room, 1)  # the shadow, as a factor
                wall = room if seed % 2 else gallery.render(HELD_OUT[seed // 2 % 2], h, w).astype(np.float32)
                yield _seen(kind, made, wall, light, np.random.default_rng([seed, frame]))


def _seen(kind: Kind, made: Mapping[str, Pixels], wall: Pixels, light: Pixels, rng: np.random.Generator) -> Scene:
    alpha = made["alpha"].copy()
    dress = made["foreground"] + kind.camouflage * (np.roll(wall, 9, 1) - made["foreground"])
    picture = alpha[..., None] * dress + (1 - alpha[..., None]) * wall * light
    picture = picture * 2 ** (kind.exposure / 2.2) * np.array(kind.tint, np.float32)
    plate = np.roll(wall, kind.shift, (0, 1))
    grain = rng.standard_normal((2, *wall.shape), np.float32) * np.float32(kind.noise)
    return Scene(_levels(picture + grain[0]), _levels(plate + grain[1]), alpha)


def labelled(folder: Path) -> Iterator[Scene]:
    """The pictures of all sets in a folder that have somebody in them."""
    for group in sets(folder):
        for labels in group.labels:
            picture, plate, mask = labels.read()
            assert plate is not None
            if mask.any():
                yield Scene(picture, plate, mask / np.float32(255))


Judge = Callable[[Sequence[Scene]], list[Pixels]]


def threshold(seen: Sequence[Scene]) -> list[Pixels]:
    """The best fixed threshold's masks."""
    apart = np.stack([np.abs(s.picture.astype(np.int16) - s.plate).max(2) for s in seen])
    level, _ = best_threshold(apart, np.stack([s.truth for s in seen]) > 0.5)
    return list(apart >= level)


def staged(it: Opened) -> Judge:
    """A stage's masks; with the plate where it takes one."""

    def masks(seen: Sequence[Scene]) -> list[Pixels]:
        return [_alpha(it, s) > 0.5 for s in seen]

    return masks


def _alpha(it: Opened, scene: Scene) -> Pixels:
    plate: dict[str, Any] = {"plate": scene.plate} if "plate" in it.stage.inputs else {}
    made: Any = it(image=scene.picture, **plate)
    alpha: Pixels = made["alpha"] if isinstance(made, dict) else made
    return alpha


def score(masks: Sequence[Pixels], seen: Sequence[Scene]) -> tuple[float, float]:
    """Mean IoU and mean F over the pictures."""
    ious, fs = [], []
    for mask, scene in zip(masks, seen, strict=True):
        true = scene.truth > 0.5
        both, either = int((mask & true).sum()), max(int((mask | true).sum()), 1)
        ious.append(both / either)
        fs.append(2 * both / (either + both) if either + both else 1.0)
    return statistics.fmean(ious), statistics.fmean(fs)


def milliseconds(it: Opened, scene: Scene) -> float:
    """The median of a call with a picture of 640 x 480, by the clock."""
    times = []
    for _ in range(TURNS):
        began = time.perf_counter()
        _alpha(it, scene)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[TURNS // 4 :])


def main() -> None:
    """Print the card."""
    asked = argparse.ArgumentParser(prog="python -m bgflow.bench.platecard", description=__doc__)
    asked.add_argument("--model", default="plate")
    asked.add_argument("--data", type=Path)
    asked.add_argument("--threads", type=int, default=0, help="of the networks; 0 is all cores")
    given = asked.parse_args()
    threads = given.threads
    with (
        opened(Net(model=given.model, threads=threads)) as net,
        opened(PlateMask(), wired={"alpha", "plate"}) as mask,
        opened(U2Net(threads=threads)) as u2net,
    ):
        judges: dict[str, Judge] = {
            "plate.net": staged(net), "plate.mask": staged(mask), "best threshold": threshold, "u2netp": staged(u2net)
        }  # fmt: skip
        print(f"| scenes | {' | '.join(judges)} |\n| --- |{' ---: |' * len(judges)}")
        rows = [(name, list(scenes(kind))) for name, kind in KINDS.items()]
        plain = rows[0][1][0]
        if given.data:
            rows.append((f"labelled pictures of {given.data.name}", list(labelled(given.data))))
        for name, seen in rows:
            marks = [score(judge(seen), seen) for judge in judges.values()]
            print(f"| {name} ({len(seen)}) | {' | '.join(f'{iou:.3f} / {f:.3f}' for iou, f in marks)} |", flush=True)
        times = [milliseconds(it, plain) for it in (net, mask, u2net)]
        print(f"| ms a picture of 640 x 480 | {times[0]:.1f} | {times[1]:.1f} | - | {times[2]:.1f} |")


def _levels(values: Pixels) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


if __name__ == "__main__":
    main()
