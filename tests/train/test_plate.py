"""The plate network: its size, and the ONNX file that is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bgflow import engines  # noqa: E402
from bgflow.devices import device  # noqa: E402
from bgflow.errors import ModelError  # noqa: E402
from bgflow.train.assembly import exported  # noqa: E402
from bgflow.train.export import verified  # noqa: E402
from bgflow.train.recipe import recipe  # noqa: E402

SIZES = [(1, 240, 432), (1, 64, 96), (3, 48, 80)]


@pytest.fixture(scope="module")
def network() -> Any:
    """One whose batch norms have seen something, so that folding them matters."""
    torch.manual_seed(1)
    made = recipe("plate").network()
    with torch.no_grad():
        for _ in range(3):
            made(torch.rand(2, 6, 48, 64))
    return made.eval()


def test_it_has_about_fifty_thousand_parameters(network: Any) -> None:
    assert 45_000 < sum(p.numel() for p in network.parameters()) < 60_000


def test_picture_and_plate_go_through_the_same_encoder(network: Any) -> None:
    x = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        first, second = network.encoder(torch.cat([x, x]))[3]
    assert torch.equal(first, second)


def test_the_file_says_what_the_module_says(network: Any, tmp_path: Path) -> None:
    assert exported(recipe("plate"), network, tmp_path / "n.onnx") < 1e-5
    assert (tmp_path / "n.onnx").stat().st_size < 300_000


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "torch"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_engine_runs_it_at_any_size_and_count(
    network: Any, tmp_path: Path, engine: str, size: tuple[int, int, int]
) -> None:
    how = recipe("plate")
    exported(how, network, tmp_path / "n.onnx")
    n, h, w = size
    x = torch.randn(n, 6, h, w, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = how.mask(network(x)).numpy()
    where = device("cpu")
    out = np.empty(wanted.shape, np.float32)
    make = engines.engine(engine, where)
    with make(tmp_path / "n.onnx", (n, 6, h, w), where, ends=how.layout.ends(h, w), precision="fp32") as net:
        net(x.numpy(), out)
    np.testing.assert_allclose(out, wanted, atol=1e-4)


def test_a_file_that_says_something_else_is_refused(network: Any, tmp_path: Path) -> None:
    file = tmp_path / "n.onnx"
    exported(recipe("plate"), network, file)
    x = torch.randn(1, 6, 240, 432)
    with pytest.raises(ModelError, match="differs from what was trained by 1; at most 0.0001 is right"):
        verified(file, 1 + _said(file, x), x)


def _said(file: Path, x: Any) -> Any:
    from bgflow.models.settle import session

    run = session(file.read_bytes())
    return torch.from_numpy(run.run(None, {"pair": x.numpy()})[0])
