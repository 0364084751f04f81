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
    sizes = ((0.5, (96, 128)), (0.8, (144, 192)), (1.0, (192, 256)))
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
        seen = [_seen(to, *to.halves(name, 0)) for name in both]
        whole = to.conv(to.node("GlobalAveragePool", seen[3])[0], network.whole)
        x = to.relu(to.node("Add", _all(to, [network.join], seen[3]), whole)[0])
        x = _all(to, network.context, x)
        for refine, found in zip((network.to_eighth, network.to_quarter, network.to_half), seen[2::-1], strict=True):
            x = _all(to, refine, to.concat(to.twice(x), found))
        to.save(file, to.conv(x, network.head), "alpha", (1, 1, h, w))


def _encoder(to: Writer, encoder: Encoder, x: str) -> list[str]:
    out = [to.relu(to.conv(x, encoder.stem, encoder.norm))]
    for part in (encoder.quarter, encoder.eighth, encoder.sixteenth):
        out.append(_all(to, part, out[-1]))
    return out


def _seen(to: Writer, picture: str, plate: str) -> str:
    return to.concat(to.node("Abs", to.node("Sub", picture, plate)[0])[0], picture)


def _all(to: Writer, parts: Any, x: str) -> str:
    for part in parts:
        x = _separable(to, part, x) if isinstance(part, Separable) else _point(to, part, x)
    return x


def _separable(to: Writer, part: Separable, x: str) -> str:
    y = to.conv(to.conv(x, part.depth, part.depth_norm), part.point, part.norm)
    return to.relu(to.node("Add", x, y)[0] if part.residual else y)


def _point(to: Writer, part: Point, x: str) -> str:
    y = to.conv(x, part.point, part.norm)
    return to.relu(y) if part.bent else y
