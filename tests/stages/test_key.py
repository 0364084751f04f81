"""Chroma keying of whole pictures, beside FFmpeg's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bgflow.errors import UsageError
from bgflow.kernels import over
from bgflow.stages.key import Chroma
from bgflow.stages.synth import Source
from bgflow.testing import opened, run_stage

GREEN = (0, 177, 64)
SCENES: list[dict[str, Any]] = [{"hair": 0.7, "edge": 3.0}, {"edge": 0.0}, {"size": 0.35, "subjects": 3, "edge": 2.0}]
Picture = np.ndarray[Any, Any]


def composites(seeds: int = 2, screen: tuple[int, int, int] = GREEN) -> Iterator[dict[str, Picture]]:
    """People before a screen, with the truth; none wears its colour."""
    for seed in range(seeds):
        for params in SCENES:
            with opened(Source(width=320, height=180, seed=seed, **params), wired={"alpha", "foreground"}) as source:
                made = source.stage.render(40)  # type: ignore[attr-defined]
                of = {name: made[name].copy() for name in ("alpha", "foreground")}
            of["image"] = np.empty_like(of["foreground"])
            over.colour(of["foreground"], of["alpha"], screen, of["image"])
            yield of


def chromakey(image: Picture, similarity: float, blend: float) -> Picture:
    """Alpha by FFmpeg's filter of that name."""
    import av

    graph = av.filter.Graph()
    h, w = image.shape[:2]
    chain = [graph.add_buffer(width=w, height=h, format="rgb24", time_base="1/30")]  # type: ignore[arg-type]
    key = f"color=0x00b140:similarity={similarity}:blend={blend}"
    for name, args in (("format", "yuva444p"), ("chromakey", key), ("alphaextract", ""), ("format", "gray")):
        chain.append(graph.add(name, args))
    chain.append(graph.add("buffersink"))
    for a, b in itertools.pairwise(chain):
        a.link_to(b)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame.pts = 0
    chain[0].push(frame)
    made: Any = chain[-1].pull()
    return np.asarray(made.to_ndarray(), np.float32) / 255


def test_alpha_is_nearer_to_the_truth_than_with_the_best_of_ffmpegs_settings() -> None:
    av = pytest.importorskip("av")
    if "chromakey" not in av.filter.filters_available:
        pytest.skip("this FFmpeg has no chromakey")
    scenes = list(composites())
    ours = np.mean([np.abs(run_stage(Chroma(), image=of["image"])["alpha"] - of["alpha"]).mean() for of in scenes])
    settings = [(s, b) for s in (0.02, 0.05, 0.08, 0.1, 0.13) for b in (0.05, 0.1, 0.15, 0.2, 0.3)]
    theirs = min(
        np.mean([np.abs(chromakey(of["image"], *setting) - of["alpha"]).mean() for of in scenes])
        for setting in settings
    )
    print(f"mean |difference| of alpha: key.chroma {ours:.5f}, FFmpeg chromakey {theirs:.5f}")
    assert ours < 0.8 * theirs


def test_the_colours_of_the_subject_come_back_without_the_screens_light() -> None:
    errors, before = [], []
    for of in composites():
        seen = of["alpha"] > 0.25
        clean = run_stage(Chroma(), image=of["image"])["image"]
        for picture, found in ((clean, errors), (of["image"], before)):
            edge = seen & (of["alpha"] < 0.95)
            found.append(np.abs(picture[edge].astype(float) - of["foreground"][edge]).mean())
    print(f"error of the edge's colour: {np.mean(errors):.2f} levels, {np.mean(before):.2f} before")
    assert np.mean(errors) < 0.6 * np.mean(before)


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
    image = np.array([[GREEN, (20, 60, 210)]], np.uint8)
    with opened(Chroma()) as key:
        stage: Any = key.stage
        assert key(image=image)["alpha"].tolist() == [[0, 1]]
        stage.colour = "#143cd2"
        assert key(image=image)["alpha"].tolist() == [[1, 0]]
        stage.colour = "white"
        assert key(image=image)["alpha"].tolist() == [[1, 0]]
        assert key.ctx.warnings == [
            "colour: 'white' is grey, which no screen may be; give a saturated colour such as '#00b140'; "
            "the old key stays"
        ]
