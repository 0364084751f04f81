"""Graphs on a GPU: replayed as run, within their budget, and without growing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgflow import graphs, load
from bgflow.bench.chains import CHAINS, chain, equality, grafted, growth, measured
from bgflow.bench.pictures import Size
from bgflow.bench.stopwatch import Stopwatch
from bgflow.devices import Device

pytestmark = pytest.mark.gpu
SIZE = Size(640, 360)
FILES = sorted(Path(str(graphs.__path__[0])).glob("*.yaml"))


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_gives_the_same_bits_replayed_and_run_from_python(cuda: Device, u2netp: str, name: str) -> None:
    found = equality(lambda: chain(name, cuda.name, SIZE, u2netp, {"out.keep": "true"}), 60)
    assert found.equal, found.why
    assert found.replayed > 0.5


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_graph_gives_the_same_bits_replayed_and_run_from_python(
    cuda: Device, u2netp: str, file: Path
) -> None:
    found = equality(lambda: grafted(load(file, device=cuda.name), SIZE), 60)
    assert found.equal, found.why


@pytest.mark.parametrize("name", CHAINS)
def test_a_frame_is_uploaded_once_and_downloaded_once(cuda: Device, u2netp: str, name: str) -> None:
    found = measured(name, cuda.name, SIZE, u2netp, copies=True, graph=True, frames=60)
    assert (found.ups, found.downs, found.late_allocations) == (1, 1, 0)


@pytest.mark.parametrize("name", CHAINS)
def test_a_thousand_frames_take_no_more_memory_than_the_first_hundred(cuda: Device, u2netp: str, name: str) -> None:
    found = growth(Stopwatch(cuda), name, SIZE, u2netp, 1000)
    assert (found.growth_bytes, found.late_allocations) == (0, 0)
