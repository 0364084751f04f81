"""net.mask: declared networks, their layouts, activations and memories, and the real ones on real pictures."""

from __future__ import annotations

import functools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow import load
from bgflow.devices import to_host
from bgflow.errors import GraphError, ModelError
from bgflow.frame import Frame, Pool
from bgflow.stages.net import Mask
from bgflow.stages.preprocess import Nv12, Rgb
from bgflow.testing import opened, run_stage
from tests.networks import adding, pixels, stored, tiny

PLAIN: dict[str, Any] = {"mean": [0, 0, 0], "std": [1, 1, 1], "size": [32, 64]}
both = pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])


def noise(h: int = 32, w: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def fixed(**more: Any) -> dict[str, Any]:
    return {"precision": "fp32", **more}


@both
def test_channels_last_and_softmax(tmp_path: Path, engine: str) -> None:
    model = {**PLAIN, "path": str(pixels(tmp_path / "n.onnx")), "layout": "nhwc", "activation": "softmax", "channel": 0}
    image = noise()
    alpha = run_stage(Mask(**fixed(model=model, engine=engine)), image=image)
    powers = np.exp(image / np.float32(255))
    np.testing.assert_allclose(alpha, powers[..., 0] / powers.sum(2), atol=1e-5)


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_an_output_by_name_and_sigmoid(tmp_path: Path, on: str) -> None:
    model = {**PLAIN, "path": str(tiny(tmp_path / "n.onnx")), "output": "peak", "activation": "sigmoid"}
    image = noise()
    alpha = run_stage(Mask(**fixed(model=model)), on, image=image)
    np.testing.assert_allclose(alpha, 1 / (1 + np.exp(image.max(2) / np.float32(-255))), atol=1e-5)


@pytest.mark.parametrize("on", ["cpu", "fake"])
@pytest.mark.parametrize("scale", ["fixed", "minmax"])
def test_an_nv12_picture_gives_the_matte_of_its_rgb(tmp_path: Path, on: str, scale: Any) -> None:
    nv12 = run_stage(Nv12(), image=noise(48, 64))
    model = {**PLAIN, "path": str(tiny(tmp_path / "n.onnx"))}
    mask: Any = functools.partial(Mask, **fixed(model=model, scale=scale))
    np.testing.assert_array_equal(
        run_stage(mask(), on, image=nv12), run_stage(mask(), on, image=run_stage(Rgb(), nv12=nv12))
    )


def test_the_last_channel_is_the_subject_unless_told(tmp_path: Path) -> None:
    model = {**PLAIN, "path": str(pixels(tmp_path / "n.onnx")), "layout": "nhwc"}
    np.testing.assert_allclose(run_stage(Mask(**fixed(model=model)), image=noise()), noise()[..., 2] / 255, atol=1e-6)


RECURRENT = {"state": {"before": "after"}, "ratio": {"input": "gain", "long": 16}, "input": "picture"}


@both
@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_a_memory_lasts_until_size_or_time_begin_anew(tmp_path: Path, engine: str, on: str) -> None:
    model = {**PLAIN, **RECURRENT, "path": str(adding(tmp_path / "n.onnx"))}
    grey = np.full((32, 64, 3), 51, np.uint8)  # a mean of 0.2, times a gain of 16 / 64
    with opened(Mask(**fixed(model=model, engine=engine)), on) as net:
        means = [net(pts, image=grey).mean() for pts in (0, 1, 5)]
        larger = net(6, image=np.full((48, 64, 3), 51, np.uint8)).mean()
        after = [net(pts, image=grey).mean() for pts in (7, 8)]
        again = net(0, image=grey).mean()
    assert [*means, larger, *after, again] == pytest.approx([0.05, 0.1, 0.15, 0.05, 0.05, 0.1, 0.05], abs=1e-5)


@both
@pytest.mark.parametrize("memory", [True, False])
def test_recordings_replayed_give_what_processing_gives(tmp_path: Path, engine: str, memory: bool) -> None:
    model = {**PLAIN, **RECURRENT, "path": str(adding(tmp_path / "n.onnx"))}
    image, times = np.full((32, 64, 3), 51, np.uint8), (0, 1, 2, 3, 4, 1, 2, 2)
    with opened(Mask(**fixed(model=model, engine=engine, memory=memory))) as net:
        wanted = [net(pts, image=image).mean() for pts in times]
    recordings: dict[Any, Any] = {}
    with opened(Mask(**fixed(model=model, engine=engine, memory=memory)), "fake") as net:
        stage, device, found = net.stage, net.ctx.device, list[float]()
        picture = Pool(device, image.shape, np.uint8).take()
        device.upload(image, picture)
        for pts in times:
            net.ctx.frame, net.ctx.size = Frame(0, pts, Fraction(1, 30)), {"h": 32, "w": 64}
            key = stage.launches()
            if key is None:
                found.append(to_host(stage.process(picture)).mean())
                continue
            if key in recordings:
                stage.replayed()
            else:
                with device.capture() as recording:
                    recordings[key] = (recording, stage.process(picture))
            recordings[key][0].replay()
            found.append(to_host(recordings[key][1]).mean())
    assert found == pytest.approx(wanted, abs=1e-6)
    assert len(recordings) == (3 if memory else 2)  # two turns, and where time goes back, one that begins anew


def test_a_network_without_memory_is_recorded_once(tmp_path: Path) -> None:
    with opened(Mask(**fixed(model={**PLAIN, "path": str(tiny(tmp_path / "n.onnx"))})), "fake") as net:
        net(0, image=noise())
        keys = set()
        for pts in (1, 2, 3):
            net(pts, image=noise())
            keys.add(net.stage.launches())
    assert len(keys) == 1


def test_on_a_cpu_nothing_is_captured(tmp_path: Path) -> None:
    with opened(Mask(**fixed(model={**PLAIN, "path": str(tiny(tmp_path / "n.onnx"))}))) as net:
        assert net.stage.launches() is None


@pytest.mark.parametrize("resize", ["short", "stretch"])
def test_the_first_picture_is_never_captured(tmp_path: Path, resize: str) -> None:
    model = {**PLAIN, "path": str(tiny(tmp_path / "n.onnx")), "resize": resize}
    with opened(Mask(**fixed(model=model)), "fake") as net:
        assert net.stage.launches() is None
        net(0, image=noise())
        assert net.stage.launches() is not None


def test_without_memory_every_picture_is_the_first(tmp_path: Path) -> None:
    model = {**PLAIN, **RECURRENT, "path": str(adding(tmp_path / "n.onnx"))}
    grey = np.full((32, 64, 3), 51, np.uint8)
    with opened(Mask(**fixed(model=model, memory=False))) as net:
        assert [net(n, image=grey).mean() for n in range(3)] == pytest.approx([0.05] * 3, abs=1e-5)


@pytest.mark.parametrize("resize", ["short", "within"])
@pytest.mark.parametrize("size", [(1, 1), (33, 47), (47, 33), (90, 160)])
def test_an_input_that_keeps_the_aspect_takes_every_size(tmp_path: Path, resize: str, size: tuple[int, int]) -> None:
    model = {**PLAIN, "path": str(tiny(tmp_path / "n.onnx")), "resize": resize}
    alpha = run_stage(Mask(**fixed(model=model)), image=np.full((*size, 3), 51, np.uint8))
    assert alpha.shape == size
    np.testing.assert_allclose(alpha, 0.2, atol=1e-5)


def test_a_declared_network_runs_from_yaml_and_a_wrong_name_is_found_before(tmp_path: Path) -> None:
    file = tiny(tmp_path / "own.onnx")
    text = f"""graph: own
stages:
  source: {{use: synth.source}}
  net:
    use: net.mask
    in: source.image
    set: {{model: {{path: {file}, size: [32, 64], output: peek}}}}
  sink: {{use: null.sink, in: net.alpha}}
"""
    with pytest.raises(GraphError) as e:
        load("own.yaml", text)
    assert str(e.value).splitlines()[0] == (
        f"own.yaml:7:18: {file}: it has no output 'peek'; its outputs are mean f32[1,1,32,64], peak f32[1,1,32,64]"
    )
    assert e.value.exit_code == 2
    assert load("own.yaml", text.replace("peek", "peak")).nodes["net"].stage.use == "net.mask"


def test_an_output_that_is_no_map_is_one_line(tmp_path: Path) -> None:
    model = {**PLAIN, "path": str(adding(tmp_path / "n.onnx")), **RECURRENT, "output": "after", "layout": "nhwc"}
    with pytest.raises(ModelError, match=r"its input is picture f32\[1,3,32,64\]; wanted f32\[1,\?,\?,3\]$"):
        run_stage(Mask(model=model), image=noise())


def test_height_without_width_is_a_problem(tmp_path: Path) -> None:
    model = {**PLAIN, "path": str(tiny(tmp_path / "n.onnx"))}
    assert list(Mask(model=model, height=64).problems()) == [
        ("height", "height and width go together; give both, or neither for the model's own size")
    ]


def test_no_frame_is_allocated_after_the_first(tmp_path: Path) -> None:
    model = {**PLAIN, "path": str(pixels(tmp_path / "n.onnx")), "layout": "nhwc", "activation": "softmax"}
    with opened(Mask(**fixed(model=model))) as net:
        for _ in range(4):
            net(image=noise())
        assert [pool.late_allocations for pool in net.ctx._pools.values()] == [0]


def webcam(data: Path) -> list[tuple[Any, Any]]:
    """Pictures of a person before a webcam, and the masks that were drawn by hand."""
    masks = sorted((data / "webcam_plate").rglob("*_mask.png"))
    assert masks
    pairs = []
    for file in masks[:12]:
        image = Image.open(file.with_name(file.name.replace("_mask", ""))).convert("RGB")
        pairs.append((np.asarray(image), np.asarray(Image.open(file).convert("L")) > 127))
    return pairs


@pytest.mark.slow
@pytest.mark.parametrize(("model", "least"), [("selfie", 0.88), ("rvm", 0.93), ("u2net", 0.90), ("modnet", 0.6)])
def test_real_networks_find_the_person_before_a_webcam(data: Path, model: str, least: float) -> None:
    stored(model)
    scores = []
    with opened(Mask(model=model, memory=False)) as net:
        for image, truth in webcam(data):
            found = net(image=image) >= 0.5
            if truth.any():
                scores.append((found & truth).sum() / (found | truth).sum())
    assert np.mean(scores) >= least
