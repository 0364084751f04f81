"""What befalls pictures on their way from the lens: eight harms at three levels each, for `bgflow eval --robustness`.

The same footage, harm, level and seed give the same pictures. Lengths are for a picture of 480 rows and grow with it.
Where a harm moves or hides the subject, it moves or hides the truth too, so a perfect matte stays perfect.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bgflow.evaluate.cdnet import UNKNOWN
from bgflow.evaluate.footage import Footage, Picture, Sample

Harm = Callable[[Sample, float, np.random.Generator], Sample]
GREY = 118  # of what stands before the lens: middle grey


def noise(sample: Sample, sigma: float, rng: np.random.Generator) -> Sample:
    grain = rng.standard_normal(sample.image.shape, np.float32) * np.float32(sigma)
    return replace(sample, image=_levels(sample.image + grain))


def blur(sample: Sample, sigma: float, rng: np.random.Generator) -> Sample:
    from PIL import Image, ImageFilter

    soft = Image.fromarray(sample.image).filter(ImageFilter.GaussianBlur(sigma * sample.image.shape[0] / 480))
    return replace(sample, image=np.asarray(soft))


def gamma(sample: Sample, power: float, rng: np.random.Generator) -> Sample:
    table = _levels(255 * (np.arange(256) / 255) ** power)
    return replace(sample, image=table[sample.image])


def exposure(sample: Sample, ev: float, rng: np.random.Generator) -> Sample:
    table = _levels(np.arange(256) * 2 ** (ev / 2.2))  # levels are coded with a gamma of 2.2
    return replace(sample, image=table[sample.image])


def shake(sample: Sample, reach: float, rng: np.random.Generator) -> Sample:
    h, w = sample.image.shape[:2]
    dy, dx = np.rint(rng.uniform(-reach, reach, 2) * h / 480).astype(int)
    rows, columns = np.clip(np.arange(h) + dy, 0, h - 1), np.clip(np.arange(w) + dx, 0, w - 1)
    truth = None if sample.truth is None else sample.truth[np.ix_(rows, columns)]
    return replace(sample, image=sample.image[np.ix_(rows, columns)], truth=truth)


def compression(sample: Sample, quality: float, rng: np.random.Generator) -> Sample:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(sample.image).save(file, "jpeg", quality=int(quality))
    return replace(sample, image=np.asarray(Image.open(file)))


def occlusion(sample: Sample, share: float, rng: np.random.Generator) -> Sample:
    h, w = sample.image.shape[:2]
    m, n = round(h * share**0.5), round(w * share**0.5)
    y, x = int(rng.integers(h - m + 1)), int(rng.integers(w - n + 1))
    block = np.s_[y : y + m, x : x + n]
    image, truth = sample.image.copy(), None if sample.truth is None else sample.truth.copy()
    image[block] = GREY
    if truth is not None:
        truth[block] = UNKNOWN if truth.dtype == np.uint8 else 0
    return replace(sample, image=image, truth=truth)


def resolution(sample: Sample, factor: float, rng: np.random.Generator) -> Sample:
    from PIL import Image

    picture = Image.fromarray(sample.image)
    size = picture.size
    small = picture.resize((max(round(size[0] / factor), 1), max(round(size[1] / factor), 1)), Image.Resampling.BOX)
    return replace(sample, image=np.asarray(small.resize(size, Image.Resampling.BILINEAR)))


@dataclass(frozen=True)
class Kind:
    """A harm, its levels from mild to strong, and their unit; a `late` one comes after two thirds of a clip."""

    harm: Harm
    levels: tuple[float, float, float]
    unit: str
    late: bool = False


GRID: Mapping[str, Kind] = {
    "noise": Kind(noise, (8, 16, 32), "levels of 255, standard deviation"),
    "blur": Kind(blur, (1, 2, 4), "px, standard deviation"),
    "gamma": Kind(gamma, (1.5, 2.2, 3), "exponent; above 1 is darker"),
    "exposure step": Kind(exposure, (0.5, 1, 1.5), "EV, after two thirds of a clip", late=True),
    "shake": Kind(shake, (2, 5, 10), "px at most, along each axis"),
    "compression": Kind(compression, (40, 20, 8), "JPEG quality"),
    "occlusion": Kind(occlusion, (0.05, 0.1, 0.2), "of the picture, after two thirds of a clip", late=True),
    "resolution": Kind(resolution, (2, 4, 8), "times smaller, and enlarged again"),
}


def change(name: str, level: int, footage: Footage, seed: int) -> Callable[[Sample, int], Sample]:
    """What to do with the n-th sample of the footage at the level, 0..2; of stills, all judged ones."""
    kind = GRID[name]
    key = [seed, list(GRID).index(name), level, *footage.name.encode()]
    stills = footage.kind == "stills"

    def changed(sample: Sample, n: int) -> Sample:
        if kind.late and (sample.truth is None if stills else n < footage.length * 2 // 3):
            return sample
        still = name == "occlusion" and not stills  # what hides a clip's subject stays where it is
        rng = np.random.default_rng(key if still else [*key, n])
        return kind.harm(sample, kind.levels[level], rng)

    return changed


def _levels(values: np.ndarray[Any, Any]) -> Picture:
    rounded: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
