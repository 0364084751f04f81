"""u2net.mask: what it feeds the network, what it makes of the answer, and the authors' own masks."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgflow import models
from bgflow.errors import ModelError
from bgflow.stages.u2net import Mask
from bgflow.testing import opened, run_stage
from tests.networks import pulled, tiny

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
SIZE = {"height": 32, "width": 64}


@pytest.fixture(scope="module")
def u2netp() -> models.Model:
    """The real network."""
    return pulled()


@pytest.fixture
def mean_net(tmp_path: Path) -> str:
    """A network whose map is the mean over the channels of its input: it shows what the stage feeds it."""
    return str(tiny(tmp_path / "mean.onnx"))


def noise(h: int, w: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def grey(h: int, w: int) -> np.ndarray:
    """Noise whose normalised mean stays in 0..1."""
    return 130 + noise(h, w) // 8


def subject(h: int = 240, w: int = 320) -> np.ndarray:
    """A bright disc on a dark, slightly textured ground: what a salient-object network finds at once."""
    y, x = np.mgrid[:h, :w]
    image = 30 + noise(h, w) // 32
    image[np.hypot(y - h / 2, x - w / 2) < h / 4] = (220, 60, 40)
    return image


def fed(image: np.ndarray, scale: float = 255) -> np.ndarray:
    return ((image.astype(np.float32) / np.float32(scale) - MEAN) / STD).mean(2)


@pytest.mark.parametrize("on", ["cpu", "fake"])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_the_picture_is_normalised_and_the_map_comes_back_as_it_is(mean_net, engine, on):
    image = grey(32, 64)
    alpha = run_stage(Mask(model=mean_net, engine=engine, precision="fp32", **SIZE), on, image=image)
    np.testing.assert_allclose(alpha, fed(image), atol=1e-4)


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_minmax_divides_by_the_brightest_value_and_fills_the_range(mean_net, on):
    image = noise(32, 64) // 3
    alpha = run_stage(Mask(model=mean_net, precision="fp32", scale="minmax", **SIZE), on, image=image)
    wanted = fed(image, image.max())
    np.testing.assert_allclose(alpha, (wanted - wanted.min()) / np.ptp(wanted), atol=1e-4)


def test_minmax_of_a_black_picture_is_finite(mean_net):
    alpha = run_stage(Mask(model=mean_net, scale="minmax", **SIZE), image=np.zeros((8, 8, 3), np.uint8))
    assert np.isfinite(alpha).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (37, 53), (721, 1283)])
def test_the_alpha_has_the_pictures_size(mean_net, size):
    image = np.full((*size, 3), (160, 130, 140), np.uint8)
    alpha = run_stage(Mask(model=mean_net, precision="fp32", **SIZE), image=image)
    assert alpha.shape == size
    np.testing.assert_allclose(alpha, fed(image), atol=1e-4)


def test_the_alpha_stays_in_0_to_1_whatever_the_network_says(mean_net):
    image = np.zeros((8, 8, 3), np.uint8)
    image[4:] = 255
    alpha = run_stage(Mask(model=mean_net, **SIZE), image=image)
    assert (alpha.min(), alpha.max()) == (0, 1)


def test_a_frame_of_another_size_may_follow(mean_net):
    with opened(Mask(model=mean_net, precision="fp32", **SIZE)) as mask:
        assert [mask(image=noise(*size)).shape for size in ((48, 64), (30, 20), (48, 64))] == [
            (48, 64),
            (30, 20),
            (48, 64),
        ]


def test_the_picture_is_not_written(mean_net):
    image = noise(40, 60)
    before = image.copy()
    run_stage(Mask(model=mean_net, scale="minmax", **SIZE), image=image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("scale", ["fixed", "minmax"])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_nothing_is_copied_on_an_accelerator(mean_net, engine, scale):
    with opened(Mask(model=mean_net, engine=engine, scale=scale, **SIZE), "fake") as mask:
        meter = mask.ctx.device.meter
        mask(image=noise(40, 60))
        before = meter.read()
        mask(image=noise(40, 60))
        work = meter.read().minus(before)
        assert mask.stage.copies() == (0, 0)
    assert (work.ups, work.downs) == (1, 1)  # the test kit's own


@pytest.mark.parametrize("scale", ["fixed", "minmax"])
def test_no_memory_of_frame_size_is_taken_after_the_first_frame(mean_net, scale):
    image = noise(720, 1280)
    with opened(Mask(model=mean_net, scale=scale, **SIZE)) as mask:
        mask(image=image)
        tracemalloc.start()
        for _ in range(3):
            mask(image=image)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 500_000  # a few rows for each thread of a kernel; a frame has 2.7 million bytes


def problems(**params) -> list[tuple[str, str]]:
    return list(Mask(**params).problems())


def test_sizes_that_the_network_cannot_halve_are_problems():
    assert problems(height=300, width=40) == [
        ("height", "300 is not a multiple of 32; 288 or 320 would be"),
        ("width", "40 is not a multiple of 32; 32 or 64 would be"),
    ]


def test_a_misspelt_engine_is_a_problem():
    assert problems(engine="openvin") == [("engine", "there is no engine 'openvin'; did you mean 'openvino'?")]


def test_a_misspelt_model_is_a_problem():
    assert problems(model="u2nep") == [("model", "there is no model 'u2nep'; did you mean 'u2netp'?")]


def test_the_defaults_are_no_problem():
    assert problems() == []


def test_a_missing_model_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path))
    with pytest.raises(ModelError) as e:
        run_stage(Mask(), image=noise(8, 8))
    assert str(e.value) == f"model 'u2netp' is not in {tmp_path}; run: bgflow models pull u2netp"


@pytest.mark.parametrize("size", [(320, 320), (192, 320), (160, 288)])
def test_u2netp_finds_the_subject_at_every_input_size(u2netp: models.Model, size):
    alpha = run_stage(Mask(height=size[0], width=size[1]), image=subject())
    truth = subject()[..., 0] > 127
    found = alpha > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.95


def test_an_empty_frame_stays_empty_at_the_fixed_scale_and_not_with_minmax(u2netp: models.Model):
    empty = np.full((240, 320, 3), 120, np.uint8)
    assert run_stage(Mask(), image=empty).mean() < 0.1
    assert run_stage(Mask(scale="minmax"), image=empty).max() > 0.8


@pytest.mark.parametrize(("precision", "budget"), [("fp32", 0.01), ("auto", 0.015)])
def test_stills_match_the_masks_that_the_authors_published(u2netp: models.Model, data, precision, budget):
    photos = sorted((data / "u2net_goldens/test_images").iterdir())
    differences = []
    with opened(Mask(scale="minmax", precision=precision)) as mask:
        for photo in photos:
            published = Image.open(data / f"u2net_goldens/u2netp_results/{photo.stem}.png").convert("L")
            alpha = mask(image=np.asarray(Image.open(photo).convert("RGB")))
            differences.append(np.abs(alpha - np.asarray(published, np.float32) / 255).mean())
    assert len(differences) == 18
    assert np.mean(differences) <= budget
