"""What a training learns from: folders of the user's, composites of cut-outs, or both in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bgflow.errors import UsageError
from bgflow.train import composite
from bgflow.train.labelled import Group, Labelled, pairs, sets, split
from bgflow.train.recipe import Recipe
from bgflow.train.sample import Material

HELD_OUT = 0.2  # of scenes, cut-outs and backgrounds


@dataclass(frozen=True)
class Data:
    """The folders and choices of the command line."""

    synth: bool = False
    sets: tuple[Path, ...] = ()
    images: Path | None = None
    masks: Path | None = None
    plates: Path | None = None
    cutouts: Path | None = None
    backgrounds: Path | None = None

    def named(self) -> str:
        """In words."""
        parts = ["synth"] if self.synth else []
        parts += [str(p) for p in (*self.sets, self.images, self.cutouts, self.backgrounds) if p]
        return " + ".join(parts)

    def materials(self, recipe: Recipe, seed: int) -> tuple[list[Material], list[Material]]:
        """What to train on, and what to judge by: no plate, cut-out or background is in both.

        Raises:
            UsageError: nothing was given, or what was given is incomplete, empty or does not fit together.
        """
        train: list[Material] = []
        held_out: list[Material] = []
        if self.cutouts or self.backgrounds:
            for part, out in zip(self._composites(seed), (train, held_out), strict=True):
                out.append(part)
        elif self.synth:
            train.append(composite.synthetic(seed))
            held_out.append(composite.synthetic(seed, held_out=True))
        if groups := self._groups(recipe.plates):
            if len(groups) == 1 and train:
                train.append(Labelled(groups))  # judged by composites alone
            else:
                learned, kept = split(groups, HELD_OUT, seed)
                train.append(Labelled(learned))
                held_out.append(Labelled(kept))
        if not train:
            raise UsageError("there is nothing to train on; give --synth, --sets DIR, or --images DIR and --masks DIR")
        return train, held_out

    def _groups(self, plates: bool) -> list[Group]:
        if bool(self.images) != bool(self.masks):
            given, missing = ("--images", "--masks") if self.images else ("--masks", "--images")
            raise UsageError(f"{given} needs {missing}: pictures and their masks go together")
        groups = [group for folder in self.sets for group in sets(folder)]
        if self.images and self.masks:
            groups += pairs(self.images, self.masks, self.plates, plates)
        return groups

    def _composites(self, seed: int) -> tuple[Material, Material]:
        from bgflow.media.pictures import found

        if not self.cutouts or not self.backgrounds:
            given, missing = ("--cutouts", "--backgrounds") if self.cutouts else ("--backgrounds", "--cutouts")
            raise UsageError(f"{given} needs {missing}: a composite is made of both")
        halves = [_halves(found(str(f)), f, seed) for f in (self.cutouts, self.backgrounds)]
        (few, rest), (wall, other) = halves
        return composite.of_files(rest, other), composite.of_files(few, wall)


def _halves(files: Sequence[Path], folder: Path, seed: int) -> tuple[list[Path], list[Path]]:
    """The files to judge by, and the rest."""
    import numpy as np

    if len(files) < 2:
        raise UsageError(f"{folder}: holds one picture; two are the least, for one is kept to judge by")
    order = np.random.default_rng([seed, 3]).permutation(len(files))
    count = max(round(len(files) * HELD_OUT), 1)
    return [files[i] for i in order[:count]], [files[i] for i in order[count:]]
