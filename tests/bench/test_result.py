"""Result files: what a row says of its samples, and that nothing is lost on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bgflow.bench.interval import Interval
from bgflow.bench.result import KEPT, Absent, Goal, Row, read
from bgflow.errors import UsageError
from tests.bench.results import around, result, row


def test_a_result_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    goals = [Goal(of="ratio", peer="OpenCV", least=2), Goal(of="share", least=0.4)]
    before = result(row("box", around(2), {"OpenCV": around(5)}, moved=100, copied=around(1), goals=goals, note="ü"))
    before.absent.append(Absent(suite="network", name="u2net", why="no model"))
    before.copy_gbs = Interval(20, 19, 21, 7)
    before.save(tmp_path / "a.json")
    assert read(tmp_path / "a.json") == before


def test_of_many_latencies_quantiles_are_kept_and_the_interval_is_that_of_all() -> None:
    took = [float(n % 9973) for n in range(18_000)]
    found = Row.measured("live", "shown", "ms", took, latency=True, quantile=0.95)
    assert len(found.samples) == KEPT
    assert (min(found.samples), max(found.samples)) == (min(took), max(took))
    assert Interval.of(found.samples, 0.95).value == pytest.approx(Interval.of(took, 0.95).value, rel=1e-3)
    assert found.interval == Interval.of(took, 0.95)


def test_a_ratio_says_how_many_times_as_fast_as_the_peer_a_row_is() -> None:
    assert row("box", around(2), {"OpenCV": around(5)}).peers[0].ratio.value == pytest.approx(2.5)


def test_the_ratio_of_what_should_be_more_is_turned_round() -> None:
    frames = row("box", around(100), {"rembg": around(20)}, unit="frames/s", better="more")
    assert frames.peers[0].ratio.value == pytest.approx(5)


def test_the_share_is_the_time_of_the_copy_over_the_rows() -> None:
    share = row("box", around(4), moved=1, copied=around(1)).share
    assert share is not None
    assert share.value == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal(of="value", most=3), "reached"),
        (Goal(of="value", most=1), "missed"),
        (Goal(of="value", most=2), "cannot tell"),
        (Goal(of="ratio", peer="OpenCV", least=2.4), "reached"),
        (Goal(of="ratio", peer="OpenCV", least=2.6), "missed"),
        (Goal(of="ratio", peer="rembg", least=1), "not measured"),
        (Goal(of="share", least=0.4), "not measured"),
    ],
)
def test_a_goal_is_judged_by_the_whole_interval(goal: Goal, verdict: str) -> None:
    assert row("box", around(2), {"OpenCV": around(5)}, goals=[goal]).goals[0].verdict == verdict


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        (Goal(of="value", most=3), "≤ 3 µs"),
        (Goal(of="ratio", peer="OpenCV", least=2.5), "≥ 2.5x OpenCV"),
        (Goal(of="share", least=0.4), "≥ 40% of a copy"),
    ],
)
def test_a_goal_tells_itself_in_words(goal: Goal, text: str) -> None:
    assert goal.text("µs") == text


def test_a_row_without_samples_is_refused() -> None:
    with pytest.raises(IndexError):
        row("box", [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no result of bgflow bench: it: invalid json"),
        ('{"rows": []}', "is no result of bgflow bench: fingerprint: field required; write one with --json"),
        ('{"format": 2}', "is no result of bgflow bench: format: input should be 1"),
    ],
)
def test_a_file_that_is_no_result_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(UsageError) as e:
        read(file)
    assert str(e.value).startswith(f"{file}: {said}")
    assert "\n" not in str(e.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: no such file or directory"):
        read(tmp_path / "none.json")


def test_the_file_is_plain_json_with_every_sample(tmp_path: Path) -> None:
    result(row("box", [1.0, 2.0])).save(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["rows"][0]["samples"] == [1.0, 2.0]
