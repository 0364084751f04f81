"""The bench of the GPU path, tried where there is none: what it counts, what it concludes, and what it writes."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.bench import bandwidth, card, chains, gpu, kernels, page, parity, stopwatch
from bgflow.bench.bandwidth import moved
from bgflow.bench.chains import CHAINS, chain, equality
from bgflow.bench.ends import WARM, Take
from bgflow.bench.figures import (
    Bandwidth,
    Card,
    ChainFigure,
    Equality,
    Goal,
    Growth,
    KernelFigure,
    Parity,
    Result,
)
from bgflow.bench.goals import goals, mixture_share
from bgflow.bench.pictures import Size, pictures
from bgflow.bench.stopwatch import Stopwatch
from bgflow.bench.streams import together
from bgflow.devices import device
from bgflow.errors import DeviceError
from bgflow.kernel import Kernel, kernel
from bgflow.kernels import flip, mog, yuv
from tests import cudasim, networks
from tests.kernels import hostcuda, test_mog

TINY = gpu.Extent(
    sizes=(Size(64, 48),), frames=20, long=150, repeats=2, streams=2, stream_seconds=0.3, seconds=1000
)  # fmt: skip
CARD = Card(device="cuda:0", card="NVIDIA H200", cpu="x", cores=16, python="3.12", bgflow="0")
HD, FULL_HD = "1280x720", "1920x1080"


def without_gpu() -> None:
    """Skip where there is one."""
    try:
        device("cuda:0")
    except DeviceError:
        return
    pytest.skip("there is a GPU here")


def row(chain: str, copies: bool, fps: float, p50: float, mode: Any = "graph", ups: float = 1) -> ChainFigure:
    return ChainFigure(
        chain=chain, size=HD, copies=copies, mode=mode, frames=600, fps=fps, p50_ms=p50, p99_ms=2 * p50,
        ups=ups * copies, downs=float(copies), launches=1, launch_us=9, replayed=1, late_allocations=0,
    )  # fmt: skip


def mixture(size: str, us: float | None, megabytes: int = 45) -> list[KernelFigure]:
    """Two passes that move so many MB each; the second takes twice as long."""
    return [
        KernelFigure(
            kernel=f"mog.{name}", stage="mog.mask", size=size, launches=1, moved_bytes=megabytes * 10**6,
            us=None if us is None else us * turns,
        )
        for turns, name in enumerate(("mog_first", "mog_second"), 1)
    ]  # fmt: skip


def measured(**changes: Any) -> Result:
    """A made-up measurement that reaches everything."""
    parts: dict[str, Any] = {
        "card": CARD,
        "bandwidth": Bandwidth(device_gbs=4000, pinned_up_gbs=50, pinned_down_gbs=50, upload_gbs=20, download_gbs=20),
        "kernels": mixture(HD, 8) + mixture(FULL_HD, 18, 100),
        "chains": [
            row("classical", False, 100, 9, "eager"), row("classical", False, 5001, 0.2),
            row("classical", True, 1501, 0.6), row("network", False, 1200, 0.99),
        ],
        "parity": Parity(kernels=3, cases=7, unequal=[]),
        "equality": [Equality(graph="classical", frames=40, replayed=0.9, equal=True)],
        "growth": [Growth(chain="full", frames=1000, late_allocations=0, growth_bytes=0)],
    }  # fmt: skip
    return Result(**{**parts, **changes})


def verdicts(result: Result) -> list[str]:
    return [goal.verdict for goal in goals(result)]


@pytest.mark.slow
def test_a_measurement_on_the_fake_device_has_every_section(tmp_path: Path) -> None:
    model = networks.tiny(tmp_path / "tiny.onnx", 320, 320)
    result = gpu.measure(device("fake"), TINY, str(model), [str(model)])
    assert result.failed == {}
    assert result.absent == {}
    assert Result.model_validate_json(result.model_dump_json()) == result
    assert result.bandwidth == Bandwidth()
    assert result.parity
    assert result.parity.unequal == []
    assert result.parity.kernels > 60
    wanted = {(name, copies, mode) for name in CHAINS for copies in (False, True) for mode in ("eager", "graph")}
    assert {(c.chain, c.copies, c.mode) for c in result.chains} == wanted
    assert {(c.ups, c.downs) for c in result.chains if c.copies} == {(1, 1)}
    assert {(c.ups, c.downs) for c in result.chains if not c.copies} == {(0, 0)}
    assert all(c.replayed == 0 for c in result.chains if c.mode == "eager")
    assert {e.graph for e in result.equality} >= {*CHAINS, "webrtc_replace", "file_replace"}
    assert [e for e in result.equality if not e.equal] == []
    assert [(g.chain, g.late_allocations, g.growth_bytes) for g in result.growth] == [
        ("classical", 0, None),
        ("full", 0, None),
    ]
    assert len(result.kernels) > 50
    assert all(k.us is None and k.share is None and k.moved_bytes > 0 and k.launches > 0 for k in result.kernels)
    assert result.streams[0].streams == 1
    assert any(n.mean_alpha is not None and n.ms is None for n in result.networks)
    assert [g.verdict for g in result.goals] == ["not measured"] * 4 + ["reached"] * 4


def test_the_goals_are_read_off_a_result_that_reaches_all() -> None:
    result = measured()
    # 2 x 100 MB in 18 + 36 µs is 3,704 GB/s of 4,000
    assert mixture_share(result.kernels, 4000) == pytest.approx(200 / 54 / 4)
    assert goals(result)[0] == Goal(
        what="the mixture's kernels, share of the measured copy bandwidth", goal=">= 80%", measured="93%",
        verdict="reached",
    )  # fmt: skip
    assert [g.measured for g in goals(result)[1:4]] == ["5,001", "1,501", "0.99 ms"]
    assert [g.measured for g in goals(result)[4:]] == [
        "3 of 3 kernels, 7 cases",
        "1 of 1 graphs",
        "full: 0 bytes, 0 late allocations in 1,000 frames",
        "1 up, 1 down",
    ]
    assert verdicts(result) == ["reached"] * 8


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (0, {"kernels": mixture(HD, 8) + mixture(FULL_HD, 22, 100)}),
        (1, {"chains": [row("classical", False, 4999, 0.2), row("network", False, 1, 0.5)]}),
        (2, {"chains": [row("classical", True, 1499, 0.2)]}),
        (3, {"chains": [row("network", False, 1, 1.01)]}),
        (4, {"parity": Parity(kernels=3, cases=7, unequal=["mog_pixel: label"])}),
        (5, {"equality": [Equality(graph="full", frames=40, replayed=1, equal=False, why="frame 3")]}),
        (6, {"growth": [Growth(chain="full", frames=1000, late_allocations=0, growth_bytes=4096)]}),
        (6, {"growth": [Growth(chain="full", frames=1000, late_allocations=1, growth_bytes=0)]}),
        (7, {"chains": [row("classical", True, 2000, 0.2, ups=2)]}),
    ],
)
def test_a_goal_that_is_not_reached_is_missed(place: int, changes: dict[str, Any]) -> None:
    assert verdicts(measured(**changes))[place] == "missed"


def test_what_has_no_figure_is_not_measured_instead_of_missed() -> None:
    nothing = Result(card=CARD)
    assert verdicts(nothing) == ["not measured"] * 8
    assert verdicts(measured(kernels=mixture(HD, None)))[0] == "not measured"


def test_times_of_another_device_than_a_gpu_reach_no_goal() -> None:
    fake = measured(card=CARD.model_copy(update={"device": "fake"}))
    assert verdicts(fake) == ["not measured"] * 4 + ["reached"] * 4


def test_bytes_moved_are_those_of_the_declared_arguments() -> None:
    @kernel(image="u8[h,w,3]", state="f32[h,w] inout", out="u16[h,w] out", rate="f32")
    def toy(y, x, image, state, out, rate):  # type: ignore[no-untyped-def]
        """Nothing."""

    arrays = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.float32), np.zeros((4, 6), np.uint16)
    assert moved(toy, (*arrays, 0.5)) == 4 * 6 * (3 + 2 * 4 + 2)


def test_of_the_modes_of_a_mixture_only_the_heaviest_is_counted_and_what_changes_counts_twice() -> None:
    values = tuple(test_mog.frame(mog.mog_pixel)(np.random.default_rng(1)))
    h, w = values[0].shape[:2]
    tiles = values[5].shape[2]
    assert moved(mog.mog_pixel, values) == h * w * (3 + 4 + 2 * 1 + 2 * 2 + 1) + 2 * 2 * h * tiles * 256 + 4


def test_a_watched_launch_keeps_its_arguments_as_they_were_before_it() -> None:
    cpu = device("cpu")
    image, out = np.full((4, 6, 3), 7, np.uint8), np.zeros((4, 6, 3), np.uint8)
    with kernels.watched(cpu, "a stage") as seen:
        flip.flip(image, out, "horizontal")
    assert out.min() == 7
    assert [(launch.stage, launch.values[1].max()) for launch in seen] == [("a stage", 0)]
    assert "launch" not in vars(cpu)


def test_the_largest_launch_of_every_kernel_of_a_stage_is_kept_and_all_are_counted() -> None:
    from bgflow.stages.edge import Refine

    found = kernels.launched(Refine(feather=1.0), device("fake"), Size(64, 48))
    boxes = [launch for launch in found if launch.kernel.cu.stem == "box"]
    assert len({launch.name for launch in found}) == len(found)
    assert max(launch.count for launch in boxes) > 1


def test_a_device_that_computes_something_else_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = device("fake")
    launch = fake.launch

    def wrong(kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        launch(kernel, extent, values)
        fake.host(values[1])[0, 0] += 1

    values = [np.zeros((4, 6, 2), np.uint8), *np.zeros((2, 4, 6), np.uint8)]
    parity.difference(fake, yuv.nv12_i420, values)
    monkeypatch.setattr(fake, "launch", wrong)
    with pytest.raises(AssertionError, match="u"):
        parity.difference(fake, yuv.nv12_i420, values)


def test_a_device_that_writes_beside_an_array_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = device("fake")
    launch = fake.launch

    def wrong(kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        launch(kernel, extent, values)
        host = fake.host(values[1])
        np.lib.stride_tricks.as_strided(host, (5, 7), host.strides)[4, 6] = 1

    monkeypatch.setattr(fake, "launch", wrong)
    values = [np.zeros((4, 6, 2), np.uint8), *np.zeros((2, 4, 6), np.uint8)]
    with pytest.raises(AssertionError, match="it writes outside of u"):
        parity.difference(fake, yuv.nv12_i420, values)


def test_a_graph_that_differs_when_it_is_replayed_is_told_with_its_first_frame() -> None:
    made = []

    def wrong() -> Any:
        graph = chain("classical", "fake", Size(64, 48), "", {"out.keep": "true"})
        sink = graph.nodes["out"].stage
        assert isinstance(sink, Take)
        made.append(sink)
        process = sink.process

        def spoilt(value: Any) -> None:
            process(value)
            if len(made) == 2 and sink.count == 3:
                sink.seen[-1] = "something else"

        sink.process = spoilt  # type: ignore[method-assign]
        return graph

    found = equality(wrong, 6)
    assert (found.equal, found.why) == (False, "out differs from frame 2 on")


def test_streams_that_run_together_are_all_counted() -> None:
    found = together("classical", "fake", Size(64, 48), "", 2, 0.3)
    assert (found.chain, found.size, found.streams) == ("classical", "64x48", 2)
    assert found.fps > 0


def test_the_frames_differ_and_their_nv12_is_the_same_picture() -> None:
    shots = pictures(Size(64, 48))
    assert len({shot.image.tobytes() for shot in shots}) == len(shots)
    back = np.empty((48, 64, 3), np.uint8)
    yuv.nv12_to_rgb(*yuv.nv12_planes(shots[0].nv12, 48, 64), back, yuv.usual(48))
    assert np.abs(back.astype(int) - shots[0].image).mean() < 4


def test_a_device_without_events_gives_no_time() -> None:
    watch = Stopwatch(device("fake"))
    assert watch.seconds(lambda: None, 3) is None
    assert watch.memory() is None


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
def test_on_a_simulated_gpu_every_figure_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from bgflow.stages.edge import Refine

    with cudasim.simulated() as machine:
        clocked(monkeypatch)
        cuda = device("cuda:0")
        watch, size = Stopwatch(cuda), Size(64, 48)
        assert watch.works
        speed = bandwidth.bandwidth(watch, size, 2)
        assert speed.device_gbs == 2 * bandwidth.BLOCK / 0.002 / 1e9
        assert None not in speed.model_dump().values()
        assert [kernels.timed(watch, launch, 2) for launch in kernels.launched(Refine(radius=0), cuda, size)]
        figure = chains.measured("classical", "cuda:0", size, "", copies=True, graph=True, frames=20)
        assert (figure.ups, figure.downs, figure.late_allocations) == (1, 1, 0)
        assert figure.replayed > 0.9
        still = chains.growth(watch, "classical", size, "", WARM + 20)
        assert (still.late_allocations, still.growth_bytes) == (0, 0)
        about = card.card(cuda)
        assert (about.card, about.cuda, about.cupy) == ("Simulated", "13.2", "14.2.0")
        assert machine.memory > 0


def clocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of the simulation that have a time, 2 ms; and as little memory as it has."""
    import cupy

    event = cupy.cuda.Event
    pinned = types.SimpleNamespace(empty_pinned=lambda shape, dtype: np.empty(shape, dtype))

    class Timed(event):  # type: ignore[misc, valid-type]
        def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
            super().__init__(True, True)

    monkeypatch.setattr(cupy.cuda, "Event", Timed)
    monkeypatch.setattr(cupy.cuda, "get_elapsed_time", lambda start, stop: 2.0, raising=False)
    monkeypatch.setattr(cupy.cuda.runtime, "memGetInfo", lambda: cupy.cuda.Device().mem_info, raising=False)
    monkeypatch.setattr(cupy.ndarray, "set", lambda self, host: None, raising=False)
    monkeypatch.setattr(cupy.ndarray, "get", lambda self, out, blocking: None, raising=False)
    monkeypatch.setitem(sys.modules, "cupyx", pinned)
    monkeypatch.setattr(stopwatch, "COVER", 1 << 12)
    monkeypatch.setattr(bandwidth, "BLOCK", 1 << 14)
    monkeypatch.setattr(bandwidth, "PINNED", 1 << 12)


def test_a_section_that_breaks_off_is_told_and_the_next_one_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Parity:
        raise ZeroDivisionError("a planted fault")

    monkeypatch.setattr(gpu, "parity", broken)
    monkeypatch.setattr(gpu, "CHAINS", {})
    monkeypatch.setattr(gpu, "kernels", lambda *args: iter(mixture("64x48", None)))
    monkeypatch.setattr(gpu, "growth", lambda watch, c, *rest: Growth(chain=c, frames=1, late_allocations=0))
    monkeypatch.setattr(gpu, "equality", lambda *args: Equality(graph="x", frames=1, replayed=1, equal=True))
    monkeypatch.setattr(gpu, "streams", lambda *args: iter(()))
    result = gpu.measure(device("fake"), TINY, "nothing.onnx", ["nothing.onnx"])
    assert result.failed == {"parity": "ZeroDivisionError: a planted fault"}
    assert list(result.absent) == ["network nothing.onnx"]
    assert "nothing.onnx" in result.absent["network nothing.onnx"]
    assert len(result.kernels) == 2


def test_sections_that_the_time_does_not_suffice_for_are_named() -> None:
    late = gpu.measure(device("fake"), gpu.Extent(seconds=-1), "", ["u2net"])
    assert set(late.absent.values()) == {"the time was up"}
    assert {"bandwidth", "network u2net", "replay of file_replace", f"kernels at {HD}", f"kernels at {FULL_HD}"} <= set(
        late.absent
    )


def test_without_a_gpu_it_ends_with_two_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    without_gpu()
    assert gpu.main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("bgflow.bench.gpu: cuda")
    assert told.err.count("\n") == 1


def test_a_device_that_does_not_exist_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "fakr"]) == 2
    assert capsys.readouterr().err == "bgflow.bench.gpu: there is no device 'fakr'; did you mean 'fake'?\n"


def test_figures_of_a_gpu_go_into_a_file_and_between_the_markers_of_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    for name in gpu.PAGES:
        Path(name).write_text("# Page\n\n<!-- table: gpu -->\n\nnone\n\n<!-- end of table: gpu -->\n\nIt fell.\n")
    result = measured()
    result.goals = goals(result)
    assert gpu.finish(result, None) == 0
    assert Result.model_validate_json(Path("bench/results/gpu-h200.json").read_text()) == result
    guide, readme = (Path(name).read_text() for name in gpu.PAGES)
    assert page.markdown(result) in guide
    assert page.headline(result).markdown() in readme
    assert "| classical | 1280x720 | yes | graph | 1,501 | 0.60 | 1.20 | 1 | 1 | 1 | 9.0 |" in guide
    assert guide.endswith("It fell.\n")
    assert "Kernels" not in readme


def test_figures_of_another_device_go_into_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "<!-- table: gpu -->\n\nnone\n\n<!-- end of table: gpu -->\n"
    Path("README.md").write_text(text)
    result = Result(card=CARD.model_copy(update={"device": "fake", "card": ""}))
    result.goals = goals(result)
    assert gpu.finish(result, Path("out.json")) == 0
    assert Path("README.md").read_text() == text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "out.json"]
    assert "not run on a GPU" in page.headline(result).markdown()


def test_what_is_unequal_or_broken_ends_with_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for changes in ({"parity": Parity(kernels=1, cases=1, unequal=["x"])}, {"failed": {"streams": "it fell"}}):
        result = measured(**changes)
        result.goals = goals(result)
        assert gpu.finish(result, None) == 1
    slow = measured(chains=[row("network", False, 1, 50)])
    slow.goals = goals(slow)
    assert gpu.finish(slow, None) == 0


def test_what_the_guide_quotes_is_what_the_program_says() -> None:
    root = Path(__file__).resolve().parents[2]
    quoted = re.findall(r"^\| `([^`]+)`", (root / "docs/gpu.md").read_text().partition("## When")[2], re.M)
    sources = " ".join(p.read_text() for top in ("bgflow", "stages") for p in (root / top).rglob("*.py"))
    for text in quoted:
        first = re.split(r"[…\d]", text)[0].strip()  # what comes before a number or a gap
        assert first in sources, first
    assert len(quoted) >= 5


def test_the_guide_and_the_readme_have_the_markers_that_the_bench_fills() -> None:
    root = Path(__file__).resolve().parents[2]
    for name in gpu.PAGES:
        text = (root / name).read_text()
        assert text.count("<!-- table: gpu -->") == text.count("<!-- end of table: gpu -->") == 1


def test_a_bar_in_a_table_cell_does_not_end_it() -> None:
    table = page.Table("T", ("a",), [("x | y",)])
    assert table.markdown() == "**T**\n\n| a |\n| --- |\n| x \\| y |"
