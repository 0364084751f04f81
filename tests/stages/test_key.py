"""Chroma keying of whole pictures, beside FFmpeg's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from bgflow.errors import UsageError
from bgflow.kernels import over
from bgflow.stages.key import Chroma
from bgflow.stages.synth import Source
from bgflow.testing import opened, run_stage
from tests.stages.replaying import replaying, same

GREEN = (0, 177, 64)
SCENES: list[dict[str, Any]] = [{"hair": 0.7, "edge": 3.0}, {"edge": 0.0}, {"size": 0.35, "subjects": 3, "edge": 2.0}]
Picture = np.ndarray[Any, Any]


def composites(
    seeds: int = 2, screen: tuple[int, int, int] = GREEN, height: int = 180, uneven: float = 0, noise: float = 0
) -> Iterator[dict[str, Picture]]:
    """People before a screen, with the truth; `uneven` is by how much it is darker on the right, of 1."""
    for seed in range(seeds):
        for params in SCENES:
            with opened(
                Source(width=height * 16 // 9, height=height, seed=seed, **params), wired={"alpha", "foreground"}
            ) as source:
                made = source.stage.render(40)  # type: ignore[attr-defined]
                of = {name: made[name].copy() for name in ("alpha", "foreground")}
            light = np.linspace(1, 1 - uneven, of["alpha"].shape[1])[:, None]
            behind = np.ascontiguousarray(
                np.broadcast_to(light * screen + 0.5, of["foreground"].shape).astype(np.uint8)
            )
            of["image"] = np.empty_like(behind)
            over.replace(of["foreground"], of["alpha"], behind, of["image"])
            grain = np.random.default_rng(seed).normal(0, noise, behind.shape)
            of["image"] = np.clip(of["image"] + grain + 0.5, 0, 255).astype(np.uint8) if noise else of["image"]
            yield of


def chromakey(image: Picture, similarity: float, blend: float, despill: str) -> dict[str, Picture]:
    """Alpha and colours by FFmpeg's filters; no despill where its arguments are empty."""
    import av

    graph = av.filter.Graph()
    h, w = image.shape[:2]
    chain = [graph.add_buffer(width=w, height=h, format="rgb24", time_base="1/30")]  # type: ignore[arg-type]
    key = f"color=0x00b140:similarity={similarity}:blend={blend}"
    for name, args in (("format", "yuva444p"), ("chromakey", key), ("format", "rgba"), ("despill", despill)):
        if args:
            chain.append(graph.add(name, args))
    chain.append(graph.add("buffersink"))
    for a, b in itertools.pairwise(chain):
        a.link_to(b)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame.pts = 0
    chain[0].push(frame)
    made: Any = chain[-1].pull()
    rgba = made.to_ndarray()
    return {"alpha": rgba[..., 3].astype(np.float32) / 255, "image": rgba[..., :3]}


def on_white(colours: Picture, alpha: Picture) -> Picture:
    return np.asarray(alpha[..., None] * colours.astype(float) + (1 - alpha[..., None]) * 255.0)


def errors(found: dict[str, Picture], of: dict[str, Picture]) -> tuple[float, float]:
    """Mean differences: of alpha, and on white of the edge's colour, in levels."""
    truth = of["alpha"]
    edge = (truth > 0.02) & (truth < 0.98)
    off = np.abs(on_white(found["image"], found["alpha"]) - on_white(of["foreground"], truth))
    return float(np.abs(found["alpha"] - truth).mean()), float(off[edge].mean())


def means(scenes: list[dict[str, Picture]], key: Callable[[Picture], dict[str, Picture]]) -> Picture:
    return np.mean([errors(key(of["image"]), of) for of in scenes], axis=0)


def test_alpha_and_edges_on_white_are_nearer_to_the_truth_than_with_the_best_of_ffmpegs_settings() -> None:
    av = pytest.importorskip("av")
    if not {"chromakey", "despill"} <= set(av.filter.filters_available):
        pytest.skip("this FFmpeg has no chromakey")
    scenes = list(composites())
    alpha, edge = means(scenes, lambda image: run_stage(Chroma(), image=image))
    settings = itertools.product(
        (0.02, 0.05, 0.08, 0.1, 0.13),
        (0.05, 0.1, 0.2, 0.3),
        ("", "type=green:mix=0", "type=green:mix=0.5", "type=green:mix=1"),
    )
    theirs = np.min([means(scenes, lambda i, s=s: chromakey(i, *s)) for s in settings], axis=0)  # type: ignore[misc]
    print(f"alpha: key.chroma {alpha:.5f}, FFmpeg {theirs[0]:.5f}; edge on white {edge:.2f}, {theirs[1]:.2f} levels")
    assert alpha < 0.3 * theirs[0]
    assert edge < 0.3 * theirs[1]


def test_green_on_white_the_edge_is_off_by_two_levels_at_most() -> None:
    edge = means(list(composites(height=360)), lambda image: run_stage(Chroma(), image=image))[1]
    print(f"error of the edge's colour on white: {edge:.2f} levels")
    assert edge <= 2


def test_before_an_uneven_noisy_screen_alpha_is_off_by_less_than_three_thousandths() -> None:
    scenes = list(composites(1, height=360, uneven=0.4, noise=3.0))
    alpha = means(scenes, lambda image: run_stage(Chroma(tolerance=0.15), image=image))[0]
    print(f"mean |difference| of alpha before an uneven, noisy screen: {alpha:.5f}")
    assert alpha < 0.003


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_auto_finds_the_screens_colour_on_the_border(on: str) -> None:
    of = next(composites(1, (20, 60, 210)))
    np.testing.assert_array_equal(
        run_stage(Chroma(colour="auto"), on, image=of["image"])["alpha"],
        run_stage(Chroma(colour="#143cd2"), on, image=of["image"])["alpha"],
    )


def test_a_picture_without_a_screen_is_told() -> None:
    grey = np.full((20, 30, 3), 90, np.uint8)
    with pytest.raises(UsageError, match=r"^colour: the picture's border is #5a5a5a, which is no screen; give its"):
        run_stage(Chroma(colour="auto"), image=grey)


@pytest.mark.parametrize(
    ("text", "told"), [("grene", "'grene' is no colour; write"), ("#808080", "'#808080' is grey, which no screen may")]
)
def test_a_colour_that_can_be_no_key_is_told_by_the_check_and_when_opened(text: str, told: str) -> None:
    stage = Chroma(colour=text)
    assert [p for p, why in stage.problems() if why.startswith(told)] == ["colour"]
    with pytest.raises(UsageError, match=told), opened(stage):
        pass


def test_the_key_may_change_while_it_runs_and_a_wrong_one_only_warns() -> None:
    image = np.array([GREEN, (20, 60, 210)], np.uint8)[:, None, None].repeat(12, 1).repeat(12, 2)
    with opened(Chroma()) as key:
        stage: Any = key.stage

        def alphas() -> list[float]:
            return [float(key(image=half)["alpha"].mean()) for half in image]

        assert alphas() == [0, 1]
        stage.colour = "#143cd2"
        assert alphas() == [1, 0]
        stage.colour = "white"
        assert alphas() == [1, 0]
        assert key.ctx.warnings == [
            "colour: 'white' is grey, which no screen may be; give a saturated colour such as '#00b140'; "
            "the old key stays"
        ]


@pytest.mark.parametrize("colour", ["#00b140", "auto"])
def test_launches_that_are_replayed_give_the_same_bits(colour: str) -> None:
    it = same(Chroma, [{"image": of["image"]} for of in composites(noise=2.0)], colour=colour)
    assert it.answers == [None] + [()] * 5
    assert it.replays == 4


def test_the_colour_is_measured_once_and_again_when_it_has_changed_and_that_is_all_that_is_copied() -> None:
    frames = [of["image"] for of in composites()]
    with replaying(Chroma(colour="auto")) as it:
        stage: Any = it.stage
        for n, image in enumerate(frames):
            stage.colour = "#10a040" if n in (3, 4) else "auto"
            it(image=image)
        assert stage.copies() == (0, 0)
    assert it.answers == [None, (), (), None, (), None]
    assert [(work.ups, work.downs) for work in it.work] == [(0, 1), (0, 0), (0, 0), (0, 1)]
