"""The recipe `u2netp`: U²-Netp, going on from its authors' weights, with deep supervision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from bgflow import models
from bgflow.errors import ModelError
from bgflow.models.nodes import FLOAT, Graph, Weight, decoded
from bgflow.models.settle import session
from bgflow.train import augment, losses, recipe
from bgflow.train.u2net import U2Netp

APART = 1e-4
"""How far the answers of module and file may be apart before anything is trained."""


class Recipe(recipe.Recipe):
    """The module with the weights of the ONNX file; the file is also the mould of what is written."""

    title = "U²-Netp, fine-tuned: the salient object of a picture"
    layout = models.get("u2netp").layout
    sizes = ((1.0, (256, 256)),)
    batch = 4
    rate = 1e-4
    plates = False

    def network(self) -> Any:
        model = models.find("u2netp")
        network = U2Netp()
        graph = decoded(model.path.read_bytes())
        with torch.no_grad():
            for layer, names in zip(in_order(network), weights(graph), strict=True):
                for parameter, name in zip((layer.weight, layer.bias), names, strict=True):
                    parameter.copy_(torch.from_numpy(graph.weights[name].values.copy()))
        x = torch.rand(self.layout.shape(*self.layout.size), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            found = torch.cat(network(x))
        run = session(model.path.read_bytes())
        said = torch.cat([torch.from_numpy(y) for y in run.run(None, {run.get_inputs()[0].name: x.numpy()})])
        if not (apart := float((found - said).abs().max())) <= APART:
            raise ModelError(f"{model.path}: its weights do not fit U²-Netp: answers differ by {apart:.2g}")
        return network

    def feed(self, picture: Any, plate: Any, alpha: Any, seed: int | None) -> Any:
        return picture if seed is None else augment.single(picture, seed)

    def loss(self, answer: Any, alpha: Any) -> Any:
        return losses.deep(answer, alpha)

    def mask(self, answer: Any) -> Any:
        return answer[0]

    def export(self, network: Any, file: Path) -> None:
        graph = decoded(models.find("u2netp").path.read_bytes())
        for layer, names in zip(in_order(network), weights(graph), strict=True):
            for parameter, name in zip((layer.weight, layer.bias), names, strict=True):
                graph.weights[name] = Weight(parameter.detach().contiguous().numpy(), FLOAT)
        file.write_bytes(graph.encoded())


def in_order(network: Any) -> list[Any]:
    """The convolutions in the order in which a picture meets them."""
    met: list[Any] = []
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    hooks = [m.register_forward_hook(lambda layer, x, y: met.append(layer)) for m in layers]
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return met


def weights(graph: Graph) -> list[list[str]]:
    """The names of weight and bias of each convolution of the file, in that order."""
    return [node.inputs[1:] for node in graph.nodes if node.op == "Conv"]
