"""plate.net: a network that compares the picture with its plate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow import load, models
from bgflow.errors import GraphError, UsageError
from bgflow.stages.net import Mask
from bgflow.stages.plate import Net
from bgflow.stages.preprocess import Nv12, Rgb
from bgflow.stages.synth import Source
from bgflow.testing import opened, run_stage

Picture = np.ndarray[Any, Any]
EXACT: dict[str, Any] = {"precision": "fp32"}
on = pytest.mark.parametrize("on", ["cpu", "fake"])


def scene(seed: int = 3, **params: Any) -> tuple[Picture, Picture, Picture]:
    """A picture with somebody in it, the empty room at another instant, and the truth."""
    shared: dict[str, Any] = {"width": 320, "height": 240, "noise": 2.0, "seed": seed, **params}
    with opened(Source(**shared), wired={"image", "alpha"}) as source:
        stage: Any = source.stage
        made = {k: v.copy() for k, v in stage.render(40).items()}
    with opened(Source(**{**shared, "subjects": 0, "exposure": 0.0}), wired={"image"}) as source:
        stage = source.stage
        return made["image"], stage.render(7)["image"].copy(), made["alpha"]


def iou(alpha: Picture, truth: Picture) -> float:
    a, b = alpha > 0.5, truth > 0.5
    return float((a & b).sum() / (a | b).sum())


@on
@pytest.mark.parametrize("change", [{}, {"exposure": 0.5}, {"shadow": 0.4}, {"noise": 8.0}], ids=str)
def test_the_shipped_network_finds_whoever_is_not_on_the_plate(on: str, change: dict[str, Any]) -> None:
    image, plate, truth = scene(**change)
    alpha = run_stage(Net(), on, image=image, plate=plate)
    assert alpha.shape == truth.shape
    assert iou(alpha, truth) > 0.85


def test_nobody_in_the_picture_is_nobody_in_the_mask() -> None:
    image, plate, _ = scene(subjects=0, exposure=0.3)
    assert run_stage(Net(), image=image, plate=plate).mean() < 0.02


def test_nothing_is_sent_before_there_is_a_plate() -> None:
    image, plate, truth = scene()
    with opened(Net()) as net:
        assert net(image=image) is None
        assert iou(net(image=image, plate=plate), truth) > 0.85


def test_another_plate_is_taken_at_once() -> None:
    image, plate, _ = scene()
    with opened(Net(**EXACT)) as net:
        first = net(image=image, plate=plate).copy()
        assert net(image=image, plate=image).mean() < first.mean() / 2  # somebody on the plate is found in part
        np.testing.assert_array_equal(net(image=image, plate=plate), first)


def test_a_plate_may_be_a_file(tmp_path: Path) -> None:
    image, plate, _ = scene()
    Image.fromarray(plate).save(tmp_path / "bkg.png")
    wired = run_stage(Net(**EXACT), image=image, plate=plate)
    np.testing.assert_array_equal(run_stage(Net(path=str(tmp_path / "bkg.png"), **EXACT), image=image), wired)


@on
def test_an_nv12_picture_gives_the_alpha_of_its_rgb(on: str) -> None:
    image, plate, _ = scene()
    nv12 = run_stage(Nv12(), image=image)
    rgb = run_stage(Rgb(), nv12=nv12)
    one, other = (run_stage(Net(**EXACT), on, image=picture, plate=plate) for picture in (nv12, rgb))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_stage_in_a_batch_gives_the_same_alpha() -> None:
    image, plate, _ = scene()
    alone, shared = (run_stage(Net(batch=n, **EXACT), image=image, plate=plate) for n in (0, 4))
    np.testing.assert_allclose(alone, shared, atol=1e-5)


def test_the_input_keeps_the_shape_of_the_picture() -> None:
    layout = models.get("plate").layout
    assert [layout.fitted(*size) for size in ((480, 640), (480, 854), (1080, 1920))] == [
        (240, 320),
        (240, 432),
        (240, 432),
    ]


def test_a_plate_of_another_size_is_one_line() -> None:
    image, plate, _ = scene()
    told = "is 160x240, but the picture is 320x240; take the plate with the same camera at the same size$"
    with pytest.raises(UsageError, match=told), opened(Net(path="")) as net:
        net.stage.process(image, np.ascontiguousarray(plate[:, :160]))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "plate: there is none; wire `plate` to a plate.capture, or give `path`, a picture file"),
        ({"path": "no.png"}, "path: no.png: no such file"),
    ],
)
def test_without_a_plate_it_does_not_open(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as e, opened(Net(**settings), wired={"alpha"}):
        pass
    assert str(e.value).startswith(told)


def test_a_network_without_a_plate_is_sent_to_net_mask_and_the_other_way() -> None:
    assert list(Net(model="u2netp").problems()) == [
        ("model", "u2netp takes no plate beside the picture; use net.mask for it")
    ]
    assert list(Mask(model="plate").problems()) == [
        ("model", "plate takes a plate beside the picture; use plate.net for it")
    ]


def test_a_graph_tells_where_the_model_is_wrong() -> None:
    text = "graph: g\nstages:\n  source: {use: synth.source}\n"
    text += "  net: {use: net.mask, in: source.image, set: {model: plate}}\n  out: {use: null.sink, in: net.alpha}\n"
    with pytest.raises(GraphError, match=r"g.yaml:4:\d+: .*plate takes a plate beside the picture; use plate.net"):
        load("g.yaml", text)
