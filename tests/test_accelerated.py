"""Every graph that comes with bgflow on an accelerator: one copy up, one down, nothing allocated, the same pictures.

The accelerator is `fake`: it has the rules and the counters of a GPU, and no hardware.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bgflow import Run, load, models, plan
from bgflow.capture import Chain
from bgflow.devices import device
from bgflow.frame import WARM_UP
from bgflow.graph import Graph
from tests.commandline import bgflow
from tests.peers import Bars, connected, pictures, running, until

GRAPHS = Path(__file__).resolve().parents[1] / "graphs"
COUNT = 60
CLIPS = ("cctv_mog", "file_replace", "greenscreen")
PAGES = ("webrtc_replace", "webrtc_blur")
SMALL = ("width=96", "height=64", f"count={COUNT}", "enter=4")

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clip that the graphs read."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        sets = [part for text in SMALL for part in ("--set", f"camera.{text}")]
        told = bgflow("run", GRAPHS / "synth_demo.yaml", *sets, "--set", "pictures.path=synth_pictures/%04d.jpg")
    assert told.code == 0, told.err
    return folder


def needs_its_model(graph: Graph) -> None:
    if any(n.stage.use == "u2net.mask" for n in graph.nodes.values()) and not models.get("u2netp").path.is_file():
        pytest.skip("needs u2netp: bgflow models pull u2netp")


def ran(name: str, on: str, out: Path, capture: bool = True) -> Run:
    sets = [f"out.path={out}", *(f"actor.{text}" for text in SMALL if name == "greenscreen")]
    # `auto` would have the network run at each instant there: an accelerator has time for that
    text = (GRAPHS / f"{name}.yaml").read_text("utf-8")
    text = text.replace("every: {motion: 10, seconds: 0.5, least: 3}", "every: 3")
    graph = load(GRAPHS / f"{name}.yaml", text, sets=sets, device=on)
    needs_its_model(graph)
    with Run(plan(graph), capture=capture) as run:
        run.wait()
    return run


def shown(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def assert_crosses_as_planned(run: Run) -> None:
    """What was copied for each frame is what the plan said, and one each way at most."""
    for way in ("h2d", "d2h"):
        made = sum(getattr(c, way) for c in run.crossings)
        assert made == sum(getattr(c, way) for c in run.plan.crossings) <= 1, way


@pytest.mark.parametrize("name", CLIPS)
def test_a_frame_goes_up_once_and_down_once(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(demo)
    assert_crosses_as_planned(ran(name, "fake", tmp_path / "out.mp4"))


@pytest.mark.parametrize("name", CLIPS)
def test_the_pictures_are_those_of_the_cpu_with_and_without_recordings(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(demo)
    for out, on, capture in (("cpu", "cpu", True), ("eager", "fake", False), ("recorded", "fake", True)):
        ran(name, on, tmp_path / f"{out}.mp4", capture)
    wanted = shown(tmp_path / "cpu.mp4")
    assert len(wanted) == COUNT
    for out in ("eager", "recorded"):
        np.testing.assert_array_equal(shown(tmp_path / f"{out}.mp4"), wanted, err_msg=out)


@pytest.mark.parametrize("name", CLIPS)
def test_most_frames_replay_a_recording(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(demo)
    run = ran(name, "fake", tmp_path / "out.mp4")
    chains = [unit for s in run.segments for unit in s.units if isinstance(unit, Chain)]
    assert chains
    assert all(chain.replays > COUNT / 2 for chain in chains)


@pytest.mark.parametrize("name", CLIPS)
def test_the_plan_says_the_memory_of_every_pool_that_is_made(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(demo)
    run = ran(name, "fake", tmp_path / "out.mp4", capture=False)
    made = {p.name: p.allocations * p.nbytes for c in run.contexts for p in c.pools.values()}
    assert made == {p.port: p.nbytes for p in run.plan.pools.values() if p.port in made}
    assert all(p.shape is not None for p in run.plan.pools.values())


@pytest.mark.parametrize("name", CLIPS)
def test_nothing_is_allocated_once_a_run_is_warm(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(demo)
    sets = [f"out.path={tmp_path / 'out.mp4'}", *(f"actor.{text}" for text in SMALL if name == "greenscreen")]
    graph = load(GRAPHS / f"{name}.yaml", sets=sets, device="fake")
    needs_its_model(graph)
    fake: Any = device("fake")
    taken: list[int] = []
    run = Run(plan(graph, sync=True))
    sink = next(s for segment in run.segments for s in segment.steps if s.is_sink)
    inner = sink.stage.process
    sink.stage.process = lambda *inputs: (taken.append(fake.blocks), inner(*inputs))[1]  # type: ignore[method-assign]
    with run:  # whose frames come from here on
        run.wait()
    assert run.late_allocations == 0
    assert taken[WARM_UP:] == [taken[WARM_UP]] * (COUNT - WARM_UP)


def recorded(run: Run) -> int:
    """Blocks of the recordings so far: an answer that comes later than any before it needs one of its own."""
    chains = [u for s in run.segments for u in s.units if isinstance(u, Chain)]
    return sum(len(take._arena._blocks) for c in chains for takes in list(c._met.values()) for take in list(takes))


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_camera_page_on_an_accelerator_copies_each_frame_up_once_and_down_once(tmp_path: Path, name: str) -> None:
    text = (GRAPHS / f"{name}.yaml").read_text()
    assert "port: 8080," in text
    text = text.replace("port: 8080,", "port: 0, ice_host: 127.0.0.1,").replace("device: auto", "device: fake")
    needs_its_model(load(GRAPHS / f"{name}.yaml"))
    fake: Any = device("fake")

    async def watched(run: Run, url: str) -> int:
        async with connected(url, "camera", Bars()), connected(url, "viewer") as track:
            await pictures(track, 1, seconds=120)
            await until(lambda: run.done > WARM_UP + 10, seconds=120)
            taken = fake.blocks - recorded(run)
            await until(lambda: run.done > WARM_UP + 60, seconds=120)
            return int(fake.blocks - recorded(run) - taken)

    with running(tmp_path, text) as (run, url):
        allocated = asyncio.run(watched(run, url))
    assert sum(c.h2d for c in run.plan.crossings) == sum(c.d2h for c in run.plan.crossings) == 1
    assert sum(c.h2d for c in run.crossings) == 1
    assert 0.9 < sum(c.d2h for c in run.crossings) <= 1  # what nobody watches stays where it is
    assert (allocated, run.late_allocations) == (0, 0)
    assert any(isinstance(u, Chain) and u.replays > 20 for s in run.segments for u in s.units)
