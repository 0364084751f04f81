"""U²-Netp in PyTorch: the file's own weights, a step that learns, and a file that u2net.mask takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bgflow import models  # noqa: E402
from bgflow.models.nodes import decoded  # noqa: E402
from bgflow.stages.u2net import Mask  # noqa: E402
from bgflow.testing import run_stage  # noqa: E402
from bgflow.train import loop, losses  # noqa: E402
from bgflow.train.assembly import exported  # noqa: E402
from bgflow.train.recipe import recipe  # noqa: E402
from tests.networks import pulled  # noqa: E402


@pytest.fixture(scope="module")
def network() -> Any:
    pulled()
    return recipe("u2netp").network()  # which compares all seven answers with the file's


def test_every_weight_of_the_file_is_in_the_module(network: Any) -> None:
    graph = decoded(models.find("u2netp").path.read_bytes())
    used = {name for node in graph.nodes if node.op == "Conv" for name in node.inputs[1:]}
    assert sum(p.numel() for p in network.parameters()) == sum(graph.weights[n].values.size for n in used)


def test_an_untrained_export_is_the_file_again(network: Any, tmp_path: Path) -> None:
    assert exported(recipe("u2netp"), network, tmp_path / "n.onnx") < 1e-4
    one, other = (decoded(f.read_bytes()) for f in (models.find("u2netp").path, tmp_path / "n.onnx"))
    assert one.weights.keys() == other.weights.keys()
    for name, weight in one.weights.items():
        np.testing.assert_array_equal(weight.values, other.weights[name].values)


def test_a_fine_tuned_one_serves_u2net_mask(network: Any, tmp_path: Path) -> None:
    how = recipe("u2netp")
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    truth = torch.zeros(1, 1, 64, 64)
    truth[..., :32] = 1
    tuned = recipe("u2netp").network()
    optimiser = torch.optim.AdamW(tuned.parameters(), how.rate)
    seen = []
    for _ in range(5):
        loss = losses.deep(tuned(x), truth)
        seen.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned.parameters(), loop.CLIP)
        optimiser.step()
    assert seen[-1] < 0.8 * seen[0]
    exported(how, tuned.eval(), tmp_path / "tuned.onnx")
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    before, after = (
        run_stage(Mask(model=str(f), height=64, width=64, precision="fp32"), image=image)
        for f in (models.find("u2netp").path, tmp_path / "tuned.onnx")
    )
    assert np.abs(before - after).max() > 0.05
    assert after[:, :32].mean() > after[:, 32:].mean()
