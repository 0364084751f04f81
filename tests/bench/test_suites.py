"""Every suite runs at tiny sizes; what a case becomes as a row."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import bgflow.bench
from bgflow.bench.crowd import crowd
from bgflow.bench.pictures import Size
from bgflow.bench.result import Absent, Goal, Row
from bgflow.bench.suite import Case, Item, Scope, find, measure, names, timed, title
from bgflow.errors import UsageError


@pytest.fixture
def scope() -> Iterator[Scope]:
    scope = Scope(seconds=0, tiny=True)
    yield scope
    scope.close()


class Made:
    """A suite of given items."""

    def __init__(self, *items: Item):
        self.items, self.closed = items, False

    def cases(self, scope: Scope) -> Iterator[Item]:
        try:
            yield from self.items
        finally:
            self.closed = True


def test_the_suites_are_the_files_of_that_name() -> None:
    files = {p.stem.removeprefix("suite_") for p in Path(bgflow.bench.__path__[0]).glob("suite_*.py")}
    assert set(names()) == files
    assert {"kernels", "overhead"} <= files


@pytest.mark.parametrize("name", names())
def test_every_suite_tells_what_it_measures(name: str) -> None:
    assert title(name).endswith(".")


def test_an_unknown_suite_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no suite 'kernel'; did you mean 'kernels'"):
        find("kernel")


def test_a_case_becomes_a_row_in_its_unit_beside_its_peers(scope: Scope) -> None:
    goals = [Goal(of="ratio", peer="slow", least=3)]
    case = Case("c", lambda: 0.002, {"slow": lambda: 0.008}, unit="ms", goals=goals, note="n", rounds=6, clocked=True)
    row = timed("s", case, scope)
    assert (row.suite, row.name, row.unit, row.note) == ("s", "c", "ms", "n")
    assert row.samples == [2.0] * 6
    assert row.peers[0].ratio.value == pytest.approx(4)
    assert row.goals[0].verdict == "reached"
    assert row.share is None


def test_a_case_that_moves_bytes_has_a_share_of_a_copy(scope: Scope) -> None:
    row = timed("s", Case("c", lambda: None, moved=1000, rounds=3), scope)
    assert row.share is not None
    assert row.share.low > 0
    assert row.moved_bytes == 1000
    assert scope.copy_gbs is not None
    assert scope.copy_gbs.count == 3
    assert row.peers == []


def test_only_rows_with_the_text_in_their_name_are_measured(scope: Scope) -> None:
    def fail() -> None:
        raise AssertionError("was not asked for")

    scope.only = "box"
    rows = list(measure("s", Made(Case("mog", fail), Case("box mean", lambda: 1.0, clocked=True)), scope))
    assert [row.name for row in rows] == ["box mean"]


def test_rows_and_absences_of_a_suite_pass_through(scope: Scope) -> None:
    row, absent = Row.measured("s", "r", "ms", [1.0]), Absent(suite="s", name="a", why="w")
    assert list(measure("s", Made(row, absent), scope)) == [row, absent]


def test_a_suite_is_closed_when_one_of_its_cases_fails(scope: Scope) -> None:
    suite = Made(Case("bad", lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        list(measure("s", suite, scope))
    assert suite.closed


def test_what_is_timed_next_is_told(scope: Scope) -> None:
    told: list[str] = []
    list(measure("s", Made(Case("c", lambda: 1.0, clocked=True)), scope, told.append))
    assert told == ["s: c"]


def test_the_kernels_suite_runs_beside_opencv(scope: Scope) -> None:
    pytest.importorskip("cv2")
    rows = {row.name.rpartition(" ")[0]: row for row in measure("kernels", find("kernels"), scope)}
    assert all(isinstance(row, Row) and row.share and row.peers for row in rows.values())
    assert set(rows) >= {
        "mog.mask, one person,",
        "mog.running, three people,",
        "nv12 to rgb",
        "guided filter",
        "composite",
        "Gaussian blur",
    }
    note = rows["mog.mask, three people,"].note  # type: ignore[union-attr]
    assert float(note.partition("%")[0]) >= 99.5


def test_the_kernels_suite_says_so_where_opencv_is_missing(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    (absent,) = measure("kernels", find("kernels"), scope)
    assert isinstance(absent, Absent)
    assert "bgflow[bench]" in absent.why


def test_opencvs_guided_filter_gives_what_ours_does() -> None:
    pytest.importorskip("cv2")
    from bgflow.bench import twins
    from bgflow.bench.pictures import pictures
    from bgflow.kernels import guided

    shot = pictures(Size(64, 48))[0]
    coarse = np.repeat(np.repeat(shot.alpha[::8, ::8], 8, 0), 8, 1)
    ours, kept = np.empty_like(coarse), {}
    guided.refine(shot.image, coarse, ours, 4, 1e-3, 1, lambda n, s, d: kept.setdefault(n, np.empty(s, d)))
    theirs = twins.guided(shot.image, coarse, 4, 1e-3, 1)()
    inside = np.s_[8:-8, 8:-8]  # the borders of the windows differ
    assert np.abs(ours - theirs)[inside].max() < 0.01
    assert np.abs(ours - coarse)[inside].max() > 0.1


@pytest.mark.slow
def test_the_overhead_suite_runs_the_real_engine(scope: Scope) -> None:
    rows = {row.name: row for row in measure("overhead", find("overhead"), scope)}
    assert [n for n in rows if "empty stage" in n] == [
        "1 empty stage, each",
        "10 empty stages, each",
        "100 empty stages, each",
        "one empty stage more",
    ]
    start = rows["start to the first frame, no network"]
    assert isinstance(start, Row)
    assert start.interval.low > 0


@pytest.mark.slow
def test_the_scale_suite_runs_streams_beside_processes(scope: Scope) -> None:
    rows = {row.name: row for row in measure("scale", find("scale"), scope)}
    assert list(rows) == [
        f"{streams}, {what}"
        for streams in ("1 stream", "2 streams")
        for what in ("frames/s together", "processor time of a frame", "memory of each")
    ]
    two = rows["2 streams, frames/s together"]
    assert isinstance(two, Row)
    assert [peer.name for peer in two.peers] == ["as many processes"]
    assert 0 < two.interval.value < 100  # 60 frames/s are due


def test_the_suite_of_the_documentation_runs(scope: Scope) -> None:
    text = (Path(__file__).parents[2] / "docs/bench.md").read_text("utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    suite = types.ModuleType("suite_sort")
    exec(code, vars(suite))
    (row,) = measure("sort", suite, scope)  # type: ignore[arg-type]
    assert isinstance(row, Row)
    assert (row.name, [p.name for p in row.peers], len(row.goals)) == ("sort", ["sorted"], 1)


def test_a_crowd_walks_to_and_fro_in_the_same_pictures_every_time() -> None:
    first, again = (crowd(Size(64, 48), 2, 5) for _ in range(2))
    assert len(first) == 8
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[3] is first[5]
    assert all((a != b).mean() > 0.5 for a, b in itertools.pairwise(first[:5]))  # each has noise of its own
