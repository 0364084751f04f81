"""The suite of networks: it runs for real on the smallest of them, and its peak is what was multiplied."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bgflow import models
from bgflow.bench import matrix
from bgflow.bench.result import Absent, Row
from bgflow.bench.suite import Scope, find, measure
from bgflow.errors import ModelError
from tests.networks import pulled

pytest.importorskip("openvino")


@pytest.fixture
def scope() -> Iterator[Scope]:
    scope = Scope(seconds=0, tiny=True)
    yield scope
    scope.close()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_product_of_constant_matrices_is_the_largest_sum_of_a_row(precision: str) -> None:
    weights = np.random.default_rng(0).uniform(-1, 1, (64, 64))
    found = float(next(iter(matrix.product(precision, 64)().values())))
    assert found == pytest.approx(0.5 * weights.sum(1).max(), rel=0.05)


def test_a_network_multiplies_in_proportion_to_its_pixels() -> None:
    model = pulled()
    whole, half = (matrix.network_operations(model.layout, model.path, h, 320) for h in (320, 160))
    assert whole / half == pytest.approx(2, rel=0.02)
    assert whole == pytest.approx(39.5e9, rel=0.03)


def test_the_network_suite_measures_every_engine_and_names_what_is_missing(scope: Scope) -> None:
    try:
        models.find("selfie")
    except ModelError:
        pytest.skip("selfie is not pulled")
    pytest.importorskip("onnxruntime")
    found = {item.name: item for item in measure("network", find("network"), scope)}
    assert isinstance(found["matrix product, fp32"], Row)
    row = found["selfie 256x256, openvino fp32"]
    assert isinstance(row, Row)
    assert [peer.name for peer in row.peers] == ["onnxruntime fp32"]
    assert "of the peak" in row.note
    assert "mean |Δα| to fp32 0.0000" in row.note


def test_models_that_are_not_pulled_are_absent(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: object) -> None:
        raise ModelError(f"{name} is not here")

    monkeypatch.setattr(models, "find", missing)
    absent = [item for item in measure("network", find("network"), scope) if isinstance(item, Absent)]
    assert [(a.name, a.why) for a in absent] == [("selfie", "selfie is not here")]
