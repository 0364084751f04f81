"""Where a training is, in one file: it can go on from there as if it had never stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from bgflow.aside import aside
from bgflow.errors import UsageError
from bgflow.train.curve import Row

FILE = "checkpoint.pt"


@dataclass
class Checkpoint:
    """Weights, the optimiser's memory, the best weights so far and the curve; `made` is what it is trained on."""

    made: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    network: dict[str, Any] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    best_iou: float = -1.0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write it whole or not at all."""
        try:
            with aside(folder / FILE) as part:
                torch.save(asdict(self), part)
        except (OSError, RuntimeError) as e:  # torch tells of a full disk so
            raise UsageError(f"{folder}: the checkpoint cannot be written: {str(e).splitlines()[0]}") from e

    @property
    def curve(self) -> list[Row]:
        """The rows as they were added."""
        return [Row(**row) for row in self.rows]


def load(folder: Path) -> Checkpoint:
    """The checkpoint in a folder; UsageError where there is none or it is damaged."""
    file = folder / FILE
    if not file.is_file():
        raise UsageError(f"--resume: {file} does not exist; leave --resume out to begin")
    try:
        return Checkpoint(**torch.load(file, weights_only=True))
    except Exception as e:  # torch raises what unpickling and zip files raise
        raise UsageError(f"--resume: {file} is damaged: {str(e).splitlines()[0]}; leave --resume out to begin") from e
