"""A training from beginning to end: find the data, learn, write the model down, check it and give it its name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bgflow import models
from bgflow.errors import MediaError, UsageError
from bgflow.train import checkpoint, export, loop, memory
from bgflow.train.batches import Batches
from bgflow.train.checkpoint import Checkpoint
from bgflow.train.data import Data
from bgflow.train.exam import Exam
from bgflow.train.recipe import Recipe, recipe


@dataclass(frozen=True)
class Wish:
    """What was asked for; every field but the budget and the threads is kept by a training that goes on."""

    recipe: str
    data: Data
    seed: int = 0
    batch: int = 0
    rate: float = 0.0
    exam: int = 64

    def kept(self) -> dict[str, Any]:
        """As plain values, for a checkpoint."""
        return {**asdict(self), "data": self.data.named()}


@dataclass(frozen=True)
class Trained:
    """What came of it: the model's entry, the file, IoU on the exam, and how far ONNX is from PyTorch at most.

    `threshold` is the best fixed threshold on |picture - plate| and its IoU; None where there is no plate.
    """

    model: models.Model
    folder: Path
    steps: int
    seconds: float
    iou: float
    apart: float
    threshold: tuple[int, float] | None


def run(
    wish: Wish, name: str, folder: Path, budget: loop.Budget, *, resume: bool = False, threads: int = 0,
    licence: str = "unknown", told: Callable[[float, str], None] = lambda spent, text: None,
) -> Trained:  # fmt: skip
    """Train what is wished for, into `folder`, and register it as `name`.

    Raises:
        UsageError: the data cannot be had or do not fit, or there is no such training to go on with.
        ModelError: the name is taken, the known weights are not here, or the file is not what was trained.
        KeyboardInterrupt: after Ctrl-C; `resume` goes on.
    """
    began = time.monotonic()
    models.vacant(name)
    if threads:
        torch.set_num_threads(threads)
    memory.keep()
    torch.manual_seed(wish.seed)
    how = _changed(recipe(wish.recipe), wish)
    at = _begun(wish, folder, resume)
    told(budget.spent(at.step, at.seconds), "reading the data")
    train, held_out = wish.data.materials(how, wish.seed)
    batches = Batches(how, train, how.batch, wish.seed)
    exam = Exam(how, held_out, wish.seed, wish.exam)
    network = how.network()
    loop.train(how, network, batches, exam, budget, at, folder, told, began)
    told(1.0, "writing the model")
    network.load_state_dict(at.best)
    file = folder / f"{name}.onnx"
    apart = exported(how, network.eval(), file)
    trained = f"{wish.data.named()}; {at.step} steps of {how.batch} in {at.seconds:.0f} s, seed {wish.seed}"
    model = models.add(file, name, licence, how.layout, how.title, trained)
    threshold = exam.threshold() if how.plates else None
    return Trained(model, folder, at.step, at.seconds, at.best_iou, apart, threshold)


def exported(how: Recipe, network: Any, file: Path) -> float:
    """Write the network as ONNX; returns how far the file's answer to noise is from PyTorch's, at most."""
    how.export(network, file)
    x = torch.randn(how.layout.shape(*how.layout.size), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return export.verified(file, how.mask(network(x)), x)


def _changed(how: Recipe, wish: Wish) -> Recipe:
    """The recipe with the wished batch and rate."""
    vars(how).update({k: v for k, v in (("batch", wish.batch), ("rate", wish.rate)) if v})
    return how


def _begun(wish: Wish, folder: Path, resume: bool) -> Checkpoint:
    """The checkpoint to go on from, or a new one in a folder that has none."""
    if resume:
        at = checkpoint.load(folder)
        if wrong := [k for k, v in wish.kept().items() if at.made.get(k) != v]:
            key = wrong[0]
            raise UsageError(
                f"--resume: {folder} was trained with {key} {at.made.get(key)!r}, not {wish.kept()[key]!r}; "
                "give the same, or begin another with --out"
            )
        return at
    if (folder / checkpoint.FILE).exists():
        raise UsageError(f"--out {folder}: holds a training already; go on with --resume, or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise MediaError(f"--out {folder}: cannot be made: {e.strerror}") from e
    return Checkpoint(wish.kept())
