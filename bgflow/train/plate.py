"""The recipe `plate`: a small network that compares a picture with the plate of its scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bgflow.models.layout import Layout
from bgflow.train import augment, losses, recipe
from bgflow.train.export import Writer
from bgflow.train.network import Encoder, Plate, Point, Separable


class Recipe(recipe.Recipe):
    """The plate network, from the beginning."""

    title = "what is in the picture and not on its clean plate"
    layout = Layout(
        size=(240, 432), multiple=16, resize="within", channels="rgb+plate", mean=(0.5,) * 3, std=(0.25,) * 3
    )
    size = (192, 256)
    batch = 16
    rate = 4e-3
    plates = True

    def network(self) -> Any:
        return Plate()

    def feed(self, picture: Any, plate: Any, alpha: Any, seed: int | None) -> Any:
        if seed is None:
            return torch.cat([picture, plate], 1)
        return augment.pair(picture, plate, alpha, seed)

    def loss(self, answer: Any, alpha: Any) -> Any:
        return losses.edged(answer, alpha)

    def mask(self, answer: Any) -> Any:
        return torch.sigmoid(answer)

    def export(self, network: Any, file: Path) -> None:
        h, w = self.layout.size
        to = Writer("pair", (1, 6, h, w))
        both = _encoder(to, network.encoder, to.concat(*to.halves("pair", 1), axis=0))
        parts = [to.halves(name, 0) for name in both]
        picture = [p for p, _ in parts]
        apart = [to.node("Abs", to.node("Sub", *part)[0])[0] for part in parts]
        deep = to.concat(apart[3], picture[3])
        whole = to.conv(to.node("GlobalAveragePool", deep)[0], network.whole)
        x = to.relu(to.node("Add", _point(to, network.join, deep), whole)[0])
        x = to.twice(_all(to, network.context, x))
        x = to.twice(_all(to, network.to_eighth, to.concat(x, apart[2], picture[2])))
        x = to.twice(_all(to, network.to_quarter, to.concat(x, apart[1], picture[1])))
        x = _all(to, network.to_half, to.concat(x, apart[0]))
        to.save(file, to.conv(x, network.head), "alpha", (1, 1, h, w))


def _encoder(to: Writer, encoder: Encoder, x: str) -> list[str]:
    out = [to.relu(to.conv(x, encoder.stem, encoder.norm))]
    for part in (encoder.quarter, encoder.eighth, encoder.sixteenth):
        out.append(_all(to, part, out[-1]))
    return out


def _all(to: Writer, parts: Any, x: str) -> str:
    for part in parts:
        x = _separable(to, part, x) if isinstance(part, Separable) else _point(to, part, x)
    return x


def _separable(to: Writer, part: Separable, x: str) -> str:
    y = to.conv(to.conv(x, part.depth, part.depth_norm), part.point, part.norm)
    return to.relu(to.node("Add", x, y)[0] if part.residual else y)


def _point(to: Writer, part: Point, x: str) -> str:
    return to.relu(to.conv(x, part.point, part.norm))
