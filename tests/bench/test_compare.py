"""Old and new results beside each other: verdicts, and what is refused."""

from __future__ import annotations

import pytest

from bgflow.bench.compare import compare, slower, table
from bgflow.bench.result import Row
from bgflow.errors import UsageError
from tests.bench.results import around, result, row


def said(old: Row, new: Row, **machine: object) -> tuple[str, str]:
    """The verdict of one row, and by what it was judged."""
    change = compare(result(old), result(new, **machine))[0]
    return change.verdict, change.beside


@pytest.mark.parametrize(
    ("new", "verdict"), [(5, "faster"), (20, "slower"), (10.2, "cannot tell"), (11, "cannot tell"), (9, "cannot tell")]
)
def test_a_row_alone_is_judged_by_its_own_time_with_much_room_for_noise(new: float, verdict: str) -> None:
    assert said(row("box", around(10)), row("box", around(new))) == (verdict, "")


@pytest.mark.parametrize(("new", "verdict"), [(9, "faster"), (11, "slower"), (10.2, "cannot tell")])
def test_beside_a_peer_a_smaller_change_counts(new: float, verdict: str) -> None:
    peer = {"OpenCV": around(30)}
    assert said(row("box", around(10), peer), row("box", around(new), peer)) == (verdict, "OpenCV")


def test_a_machine_that_slows_the_peer_alike_makes_nothing_slower() -> None:
    old, new = row("box", around(10), {"OpenCV": around(30)}), row("box", around(20), {"OpenCV": around(60)})
    assert said(old, new) == ("cannot tell", "OpenCV")


def test_a_peer_of_another_version_is_no_measure() -> None:
    old, new = row("box", around(10), {"OpenCV": around(30)}), row("box", around(10), {"OpenCV": around(60)})
    assert said(old, new, packages={"numpy": "9"}) == ("cannot tell", "")


def test_fewer_frames_a_second_are_slower() -> None:
    old, new = (row("box", around(v), unit="frames/s", better="more") for v in (100, 50))
    assert said(old, new)[0] == "slower"


def test_wide_intervals_cannot_tell() -> None:
    assert said(row("box", around(10, spread=2)), row("box", around(20, spread=2)))[0] == "cannot tell"


def test_rows_that_only_one_file_has_are_left_out() -> None:
    changes = compare(result(row("a", [1.0]), row("b", [1.0])), result(row("b", [1.0]), row("c", [1.0])))
    assert [c.row.name for c in changes] == ["b"]


def test_only_a_row_that_is_slower_fails() -> None:
    old = result(row("a", around(1)), row("b", around(1)))
    assert not slower(compare(old, result(row("a", around(0.5)), row("b", around(1)))))
    assert slower(compare(old, result(row("a", around(0.5)), row("b", around(2)))))


def test_another_machine_is_refused_with_both_named() -> None:
    with pytest.raises(UsageError) as e:
        compare(result(row("a", [1.0])), result(row("a", [1.0]), cores=8), where="old.json")
    assert str(e.value) == (
        "old.json: was measured on Test CPU, 2 cores, 8 GiB, not on Test CPU, 8 cores, 8 GiB; "
        "--anyway compares them all the same"
    )


def test_another_machine_is_compared_anyway_when_asked() -> None:
    assert compare(result(row("a", [1.0])), result(row("a", [1.0]), cores=8), anyway=True)


def test_tiny_sizes_are_not_compared_with_real_ones() -> None:
    with pytest.raises(UsageError, match=r"is of tiny sizes; measure both alike"):
        compare(result(row("a", [1.0]), tiny=True), result(row("a", [1.0])))


def test_results_without_a_common_row_are_refused() -> None:
    with pytest.raises(UsageError, match=r"has none of the rows b; name its suite"):
        compare(result(row("a", [1.0])), result(row("b", [1.0])))


def test_the_table_names_the_verdict_and_by_what() -> None:
    shown = table(compare(result(row("a", around(1))), result(row("a", around(2)))), "T").rows[0]
    assert shown[0:2] == ("kernels", "a")
    assert shown[-2:] == ("its own time", "slower")
