"""`bgflow bench`: what it prints and writes, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgflow.bench.fingerprint import Fingerprint
from bgflow.bench.result import read
from bgflow.bench.suite import names
from tests.bench.results import around, machine, result, row
from tests.commandline import bgflow

GRAPH = """
device: cpu
stages:
  src: {use: "bgflow.bench.empty:Tick", set: {count: COUNT}}
  not: {use: "bgflow.bench.empty:Nothing", in: src.image}
  end: {use: null.sink, in: not.out}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with graphs and results, on a quiet machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bgflow.bench.fingerprint.fingerprint", machine)
    Path("g.yaml").write_text(GRAPH.replace("COUNT", "40"))
    Path("endless.yaml").write_text(GRAPH.replace("COUNT", "0"))
    Path("empty.yaml").write_text(GRAPH.replace("COUNT", "1").replace("null.sink", "null.sank"))
    for name, value in (("old", 10), ("same", 10), ("fast", 5), ("slow", 20)):
        result(row("box", around(value))).save(tmp_path / f"{name}.json")
    result(row("box", around(10)), cores=8).save(tmp_path / "other.json")
    return tmp_path


def test_the_list_names_every_suite() -> None:
    told = bgflow("bench", "--list")
    assert told.code == 0
    assert [line.split()[0] for line in told.out.splitlines()] == names()


@pytest.mark.parametrize(
    ("new", "code", "verdict"), [("same", 0, "cannot tell"), ("fast", 0, "faster"), ("slow", 1, "slower")]
)
def test_a_comparison_ends_with_1_only_when_something_is_slower(new: str, code: int, verdict: str) -> None:
    told = bgflow("bench", "--compare", f"{new}.json", "--against", "old.json")
    assert (told.code, told.err) == (code, "")
    assert verdict in told.out


def test_a_comparison_with_another_machine_is_refused_in_one_line() -> None:
    told = bgflow("bench", "--compare", "old.json", "--against", "other.json")
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("other.json: was measured on Test CPU, 8 cores")
    assert told.err.count("\n") == 1


def test_a_comparison_with_another_machine_is_made_anyway_when_asked() -> None:
    assert bgflow("bench", "--compare", "old.json", "--against", "other.json", "--anyway").code == 0


def test_another_machine_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bgflow.bench.suite.measure", lambda *_: pytest.fail("measured"))
    assert bgflow("bench", "kernels", "--tiny", "--against", "other.json").code == 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("kernel",), "'kernel' is no suite, no file, and no graph; did you mean 'kernels'?"),
        (("none.yaml",), "none.yaml"),
        (("empty.yaml",), "did you mean 'null.sink'?"),
        (("g.yaml", "--against", "none.json"), "none.json: cannot be read: no such file or directory"),
        (("g.yaml", "--json", "no/such.json"), "--json no/such.json: there is no folder 'no'; make it first"),
        (("g.yaml", "--seconds", "-1"), "--seconds"),
        (("g.yaml", "--only", "zebra", "--seconds", "0"), "--only zebra: is in no row's name"),
        (("--compare", "old.json"), "--compare wants --against OLD.json"),
        (("g.yaml", "--compare", "old.json", "--against", "old.json"), "--compare wants --against OLD.json"),
        (("g.yaml", "--merge", "old.json"), "--merge wants neither suite, nor graph"),
        (("--merge", "none.json"), "none.json: cannot be read"),
        (("g.yaml", "--streams", "0"), "--streams 0: says no number of streams; write --streams auto, or 1 to 64"),
        (("g.yaml", "--streams", "many"), "--streams many: says no number of streams"),
        (("g.yaml", "--streams", "auto"), "--streams auto wants a promise to keep: add --slo"),
        (("g.yaml", "--streams", "auto", "--slo", "p99<33"), "--slo p99<33: is no limit; write a percentile"),
        (("g.yaml", "--slo", "p99<33ms"), "--slo alone: says no number of streams"),
        (("kernels", "--slo", "p99<33ms"), "--slo wants a graph, not kernels"),
        (("--streams", "2"), "--streams wants a graph, not all suites"),
        (("g.yaml", "--pictures", "no/such"), "--pictures no/such: there is no folder"),
    ],
)
def test_what_cannot_be_is_told_with_2(args: tuple[str, ...], said: str) -> None:
    told = bgflow("bench", *args)
    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err


def test_results_are_merged_into_pages_and_pictures(folder: Path) -> None:
    result(row("mean", around(4), {"OpenCV": around(8)})).save(folder / "more.json")
    (folder / "README.md").write_text("<!-- table: bench kernels --><!-- end of table: bench kernels -->\n")
    (folder / "pictures").mkdir()
    to = ("--html", "all.html", "--pictures", "pictures", "--markdown", "README.md", "--markdown", "new.md")
    told = bgflow("bench", "--merge", "old.json", "--merge", "more.json", "--json", "all.json", *to)
    assert (told.code, told.err) == (0, "")
    assert {r.name for r in read(folder / "all.json").rows} == {"box", "mean"}
    assert "| mean |" in Path("README.md").read_text()
    assert "| mean |" in Path("new.md").read_text()
    assert Path("pictures/kernels-ratios.svg").read_text().startswith("<svg xmlns")


def test_a_graph_is_loaded_with_as_many_streams_as_asked() -> None:
    Path("src.yaml").write_text(GRAPH.replace("bgflow.bench.empty:Tick", "synth.source").replace("COUNT", "99"))
    told = bgflow("bench", "src.yaml", "--tiny", "--seconds", "0.1", "--streams", "2", "--json", "load.json")
    assert told.code == 0, told.err
    (only,) = read(Path("load.json")).rows
    assert (only.name, only.unit, only.latency) == ("2 streams", "ms", True)
    assert only.when


@pytest.mark.parametrize("graph", ["g.yaml", "endless.yaml"])
def test_a_graph_is_run_as_it_is_with_a_row_for_each_stage(graph: str, folder: Path) -> None:
    told = bgflow("bench", graph, "--tiny", "--seconds", "0.1", "--json", "new.json")
    assert told.code == 0, told.err
    rows = {r.name: r for r in read(folder / "new.json").rows}
    assert list(rows) == ["frames a second", "latency", "src", "not", "end"]
    assert (rows["frames a second"].better, rows["latency"].latency) == ("more", True)


def test_a_suite_writes_result_page_and_tables(folder: Path) -> None:
    pytest.importorskip("cv2")
    files = ("--json", "new.json", "--html", "new.html", "--markdown", "new.md")
    told = bgflow("bench", "kernels", "--tiny", "--seconds", "0", "--only", "to rgb", *files)
    assert told.code == 0, told.err
    written = read(folder / "new.json")
    assert [r.name for r in written.rows] == ["nv12 to rgb 64x48", "i420 to rgb 64x48"]
    assert written.tiny
    assert isinstance(written.fingerprint, Fingerprint)
    assert "<svg" in Path("new.html").read_text()
    assert "| nv12 to rgb 64x48 |" in Path("new.md").read_text()


def test_a_suite_is_compared_with_an_older_result_of_its_own() -> None:
    pytest.importorskip("cv2")
    measured = ("bench", "kernels", "--tiny", "--seconds", "0", "--only", "nv12 to rgb")
    assert bgflow(*measured, "--json", "a.json").code == 0
    told = bgflow(*measured, "--against", "a.json")
    assert "Against a.json" in told.out
    assert told.code == ("slower" in told.out)
