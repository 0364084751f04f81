"""null.sink takes everything."""

from __future__ import annotations

import numpy as np
import pytest

from bgflow.stages.null import Sink
from bgflow.testing import opened


@pytest.mark.parametrize("device", ["cpu", "fake"])
def test_anything_is_taken_and_counted(device: str):
    with opened(Sink(), device) as sink:
        for value in (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32), "text", None):
            sink.stage.process(value)
        assert sink.stage.count == 4


def test_what_was_replayed_is_counted_too():
    with opened(Sink(), "fake") as sink:
        assert sink.stage.launches() is not None
        sink.stage.replayed()
        assert sink.stage.count == 1
