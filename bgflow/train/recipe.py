"""What differs between the networks that can be trained: a recipe a file, found by its name."""

from __future__ import annotations

import abc
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from bgflow.models.layout import Layout
from bgflow.train.sample import Size

NAMES = ("plate", "u2netp")
Tensor = Any
Network = Any
"""A `torch.nn.Module`."""


class Recipe(abc.ABC):
    """One kind of network: what it is fed with, how it is judged, and how it is written down."""

    title: ClassVar[str]
    layout: ClassVar[Layout]
    """That of the models it makes."""
    sizes: ClassVar[Sequence[tuple[float, Size]]]
    """Height and width of what it is trained on, each until that share of the training; it is judged at the last."""
    batch: ClassVar[int]
    """Samples that it sees at once, unless told otherwise."""
    rate: ClassVar[float]
    """The highest learning rate."""
    plates: ClassVar[bool]
    """Whether it compares a picture with a plate."""

    def size(self, spent: float = 1.0) -> Size:
        """That of the samples when this share of the training is behind."""
        return next((size for until, size in self.sizes if spent < until), self.sizes[-1][1])

    @abc.abstractmethod
    def network(self) -> Network:
        """One that is to be trained, from the beginning or from known weights."""

    @abc.abstractmethod
    def feed(self, picture: Tensor, plate: Tensor | None, alpha: Tensor, seed: int | None) -> Tensor:
        """The network's input of pictures `f32[n,3,h,w]`, 0..1, before it is normalised; augmented if there is a seed.

        `alpha` is `f32[n,1,h,w]`.
        """

    @abc.abstractmethod
    def loss(self, answer: Any, alpha: Tensor) -> Tensor:
        """How far a network's answer is from the truth."""

    @abc.abstractmethod
    def mask(self, answer: Any) -> Tensor:
        """The mask in an answer, `f32[n,1,h,w]` of 0..1."""

    @abc.abstractmethod
    def export(self, network: Network, file: Path) -> None:
        """Write the network as ONNX."""

    def normal(self, x: Tensor) -> Tensor:
        """Colours of 0..1 as the network wants them."""
        import torch

        times = x.shape[1] // 3
        mean, std = (torch.tensor(v * times)[:, None, None] for v in (self.layout.mean, self.layout.std))
        return (x - mean) / std


def recipe(name: str) -> Recipe:
    """The recipe called `name`, one of `NAMES`."""
    made: Recipe = importlib.import_module(f"bgflow.train.{name}").Recipe()
    return made
