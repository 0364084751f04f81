"""net.mask changes the size of its input while it runs, and no frame waits for the new network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.engines import Engine
from bgflow.stages.net import Mask
from bgflow.stages.u2net import Mask as U2net
from bgflow.testing import Opened, opened
from tests.networks import tiny

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def declared(tmp_path: Path, **more: Any) -> dict[str, Any]:
    plain = {"mean": [0, 0, 0], "std": [1, 1, 1], "size": [64, 64]}
    return {"model": {**plain, "path": str(tiny(tmp_path / "n.onnx", 64, 64)), **more}, "precision": "fp32"}


def resized(net: Opened, height: int, width: int) -> None:
    """What a control does between two frames."""
    net.ctx.controls.update({"mask.height": height, "mask.width": width})
    assert net.ctx.controls.apply("mask")


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Networks are not loaded until this is set, but for the first."""
    go, loading = threading.Event(), Mask._made

    def made(self: Mask, size: tuple[int, int]) -> Engine:
        if self._engine is not None:
            assert go.wait(20)
        return loading(self, size)

    monkeypatch.setattr(Mask, "_made", made)
    return go


def test_the_old_network_goes_on_until_the_new_one_is_loaded(tmp_path: Path, held: threading.Event) -> None:
    with opened(Mask(**declared(tmp_path))) as net:
        first = net(image=PICTURE)
        resized(net, 32, 32)
        for _ in range(3):
            np.testing.assert_array_equal(net(image=PICTURE), first)
        held.set()
        until(lambda: not np.array_equal(net(image=PICTURE), first))
        assert net.stage._engine.shape == (1, 3, 32, 32)  # type: ignore[attr-defined]


def test_a_size_that_is_changed_again_before_it_is_loaded_is_never_used(tmp_path: Path, held: threading.Event) -> None:
    with opened(Mask(**declared(tmp_path))) as net:
        seen = set()
        for size in (64, 32, 96, 64, 96):
            if size != net.stage.height:  # type: ignore[attr-defined]
                resized(net, size, size)
            net(image=PICTURE)
        held.set()

        def arrived() -> bool:
            net(image=PICTURE)
            seen.add(net.stage._engine.shape[2])  # type: ignore[attr-defined]
            return 96 in seen

        until(arrived)
        assert seen <= {64, 96}


def test_closing_ends_the_thread_that_loads(tmp_path: Path, held: threading.Event) -> None:
    with opened(Mask(**declared(tmp_path))) as net:
        net(image=PICTURE)
        resized(net, 32, 32)
        net(image=PICTURE)
        held.set()
    assert not [t.name for t in threading.enumerate() if t.name.startswith("bgflow:mask loads")]


def test_a_picture_of_another_size_still_gets_its_network_at_once(tmp_path: Path) -> None:
    with opened(Mask(**declared(tmp_path, resize="within"))) as net:
        net(image=PICTURE)
        net(image=np.concatenate([PICTURE, PICTURE], 1))
        assert net.stage._engine.shape[3] == 2 * net.stage._engine.shape[2]  # type: ignore[attr-defined]


def test_an_accelerator_changes_at_once(tmp_path: Path) -> None:
    with opened(Mask(**declared(tmp_path)), on="fake") as net:
        net(image=PICTURE)
        resized(net, 32, 32)
        net(image=PICTURE)
        assert net.stage._engine.shape == (1, 3, 32, 32)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("size", "offered"),
    [
        ({}, [(256, 256), (192, 192)]),
        ({"height": 160, "width": 288}, [(128, 224), (96, 160)]),
        ({"height": 96, "width": 160}, []),
    ],
)
def test_smaller_inputs_are_offered_as_long_as_they_find_people(
    size: dict[str, int], offered: list[tuple[int, int]]
) -> None:
    assert [(it["height"], it["width"]) for it in U2net(**size).ladder()] == offered


def test_where_the_picture_gives_the_shape_no_size_is_offered(tmp_path: Path) -> None:
    assert list(Mask(**declared(tmp_path, resize="within")).ladder()) == []


def test_a_model_that_is_not_there_offers_nothing_and_breaks_nothing() -> None:
    assert list(Mask(model="nowhere.onnx").ladder()) == []
