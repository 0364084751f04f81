"""Pictures that somebody labelled: sets of `capture.sets` and `bgflow label`, or folders of pictures and masks.

A set is a folder with the clean plate `bkg.png`, pictures `1.png`, `2.png` … and their masks `1_mask.png` … A picture
without a mask is not labelled yet and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bgflow.errors import UsageError
from bgflow.media.pictures import found, natural, read, upright_size
from bgflow.train.composite import cropped
from bgflow.train.sample import Pixels, Sample, Size

PLATE, MASK = "bkg.png", "_mask"
LEAST = 0.6  # of each side of a picture that a sample shows
BINARY = 0.02  # share of a mask that may be neither 0 nor 255, for soft edges
KEPT = 400  # pictures that stay in memory, of about 1 MB each at 640 x 480


@dataclass(frozen=True)
class Labels:
    """One labelled picture; the plate is None where there is none."""

    picture: Path
    mask: Path
    plate: Path | None

    def read(self) -> Sample:
        """Its pixels."""
        return Sample(read(self.picture), read(self.plate) if self.plate else None, mask(self.mask))


@dataclass(frozen=True)
class Group:
    """Pictures of one scene, which are trained on together or not at all."""

    name: str
    labels: tuple[Labels, ...]


class Labelled:
    """Gives random parts of labelled pictures."""

    def __init__(self, groups: Sequence[Group]):
        self._labels = [labels for group in groups for labels in group.labels]
        self._seen: dict[int, Sample] = {}

    def draw(self, rng: np.random.Generator, size: Size, turn: int) -> Sample:
        index = int(rng.integers(len(self._labels)))
        whole = self._seen.get(index) or self._labels[index].read()
        if len(self._seen) < KEPT:
            self._seen[index] = whole
        parts = cropped(rng, size, LEAST, *(p for p in whole if p is not None))
        return Sample(parts[0], parts[1] if whole.plate is not None else None, parts[-1])


def sets(folder: Path) -> list[Group]:
    """The set in a folder, or those in the folders below it.

    Raises:
        UsageError: there is none, it is incomplete, sizes differ, or a mask is none.
    """
    _there(folder)
    here = [f for f in (folder, *sorted(folder.iterdir(), key=natural)) if (f / PLATE).is_file()]
    if not here:
        raise UsageError(f"{folder}: holds no {PLATE}, here or one folder below; capture a set first, with its plate")
    groups = []
    for each in here:
        masks = sorted(each.glob(f"*{MASK}.png"), key=natural)
        labels = [Labels(each / m.name.replace(MASK, ""), m, each / PLATE) for m in masks]
        if lone := [one for one in labels if not one.picture.is_file()]:
            raise UsageError(f"{lone[0].mask}: its picture {lone[0].picture.name} is not there; put it back")
        if labels:
            groups.append(Group(each.name, tuple(labels)))
    if not groups:
        raise UsageError(f"{folder}: holds no *{MASK}.png; label its pictures first: bgflow label {folder}")
    _fit(groups)
    return groups


def pairs(images: Path, masks: Path, plates: Path | None, wanted: bool) -> list[Group]:
    """Pictures and masks of the same names; plates by name too, or a single one for all.

    Raises:
        UsageError: a partner is missing, or a plate is `wanted` and there is none.
    """
    for folder in (images, masks):
        _there(folder)
    if wanted and plates is None:
        raise UsageError("--plates is missing: this recipe compares each picture with the plate of its scene")
    behind = {p.stem: p for p in found(str(plates))} if plates else {}
    truths = {p.stem.removesuffix(MASK): p for p in found(str(masks))}
    groups: dict[str, list[Labels]] = {}
    for picture in found(str(images)):
        truth = truths.get(picture.stem)
        if truth is None:
            raise UsageError(f"{picture}: has no mask {picture.stem}.png in {masks}; add it, or remove the picture")
        plate = behind.get(picture.stem) or (next(iter(behind.values())) if len(behind) == 1 else None)
        if behind and plate is None:
            raise UsageError(f"{picture}: has no plate of its name in {plates}; one for each, or one for all, is right")
        scene = str(plate or picture)
        groups.setdefault(scene, []).append(Labels(picture, truth, plate))
    out = [Group(name, tuple(labels)) for name, labels in groups.items()]
    _fit(out)
    return out


def split(groups: Sequence[Group], share: float, seed: int) -> tuple[list[Group], list[Group]]:
    """Scenes to train on, and at least one to judge by.

    Raises:
        UsageError: there is one scene only.
    """
    if len(groups) < 2:
        raise UsageError(
            f"{groups[0].name}: is the only scene, and one must be kept to judge by; capture another, or add --synth"
        )
    order = np.random.default_rng([seed, 4]).permutation(len(groups))
    count = max(round(len(groups) * share), 1)
    return [groups[i] for i in order[count:]], [groups[i] for i in order[:count]]


def mask(file: Path) -> Pixels:
    """A mask as `u8[h,w]`, 0 and 255 and little between.

    Raises:
        UsageError: it is another kind of picture.
    """
    level = read(file)[..., 1]
    between = float(((level > 8) & (level < 247)).mean())
    if between > BINARY:
        raise UsageError(
            f"{file}: {between:.0%} of it is neither 0 nor 255; a mask is black, and white where somebody is"
        )
    return np.ascontiguousarray(level)


def _fit(groups: Iterable[Group]) -> None:
    """Look at every mask, and at the sizes of the rest, before hours are spent; UsageError names the first misfit."""
    for labels in (one for group in groups for one in group.labels):
        mask(labels.mask)
        h, w = upright_size(labels.picture)
        for other in (labels.mask, labels.plate):
            if other and (size := upright_size(other)) != (h, w):
                raise UsageError(
                    f"{other}: is {size[1]}x{size[0]}, but {labels.picture.name} is {w}x{h}; one size is right"
                )


def _there(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
