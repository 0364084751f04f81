"""Kernels that a run launches are noted, and loaded ahead when the same stages run again."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from bgflow import check, numbajit, preload
from bgflow.graph import Graph
from bgflow.kernel import Kernel
from bgflow.kernels import over
from bgflow.planning import plan
from bgflow.preload import preloaded
from bgflow.run import Run

TEXT = """
graph: tinted
device: cpu
stages:
  clip: {use: synth.source, set: {width: 32, height: 24}}
  mog: {use: mog.running, in: clip.image}
  over: {use: compose.replace, in: {image: clip.image, alpha: mog.alpha}, set: {background: '#102030'}}
  end: {use: null.sink, in: over.out}
"""


@pytest.fixture
def graph() -> Iterator[Graph]:
    made = check.load("tinted.yaml", TEXT)
    file = preload._file(made)
    file.unlink(missing_ok=True)
    yield made
    file.unlink(missing_ok=True)


def run(graph: Graph) -> None:
    with preloaded(graph), Run(plan(graph), frames=2) as running:
        running.wait()


def test_what_a_run_launched_is_noted_and_loaded_ahead_the_next_time(graph: Graph) -> None:
    assert preload._listed(graph) == []
    run(graph)
    listed = preload._listed(graph)
    kernels = {name for module, name, _, _ in listed if module == over.__name__}
    assert kernels
    kernel = getattr(over, min(kernels))
    del kernel.__dict__["cpu"]  # as in a process that has launched nothing
    preload._load(listed, threading.Event())
    assert kernel.cpu.signatures


def test_a_kernel_whose_text_has_changed_is_left_to_its_launch(graph: Graph) -> None:
    run(graph)
    listed = [(module, name, "of_another_text", layouts) for module, name, _, layouts in preload._listed(graph)]
    kernel = next(getattr(over, name) for module, name, _, _ in listed if module == over.__name__)
    del kernel.__dict__["cpu"]
    preload._load(listed, threading.Event())
    assert not kernel.cpu.signatures


@pytest.mark.parametrize("note", ["", "{", "[1]", '[["bgflow.kernels.over", "no such kernel", "", [[true]]]]'])
def test_a_note_that_says_nothing_is_replaced(graph: Graph, note: str) -> None:
    preload._file(graph).write_text(note, "utf-8")
    run(graph)
    assert any(name == over.__name__ for name, *_ in json.loads(preload._file(graph).read_text("utf-8")))


BLAS = """
import sys
import numba
import numpy as np
from bgflow import preload
preload._import_array_functions()
assert "numba.np.arraymath" in sys.modules
assert "scipy.linalg" not in sys.modules
product = numba.njit(lambda a, b: np.dot(a, b))
assert product(np.eye(2), np.eye(2)).tolist() == [[1, 0], [0, 1]]
"""


def test_scipy_is_loaded_by_those_that_multiply_matrices_alone() -> None:
    pytest.importorskip("scipy")
    done = subprocess.run([sys.executable, "-c", BLAS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_that_ends_early_waits_for_no_kernel(graph: Graph) -> None:
    run(graph)
    with preloaded(graph):
        pass
    assert not [t for t in threading.enumerate() if t.name == "bgflow:kernels"]


def test_no_kernel_is_launched_for_the_first_time_while_numba_is_being_loaded() -> None:
    known = over.over_colour
    kernel = Kernel(known.body, known.args, known.over, known.cu)
    launch = threading.Thread(target=lambda: kernel.cpu)
    with numbajit.COMPILE_LOCK:  # as preload holds it
        launch.start()
        launch.join(0.2)
        assert "cpu" not in kernel.__dict__
    launch.join()
    assert "cpu" in kernel.__dict__
