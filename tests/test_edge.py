"""Edges are bounded; joins meet frames by exact time."""

from __future__ import annotations

import threading
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.edge import Edge, Join
from bgflow.errors import Closed
from bgflow.frame import Frame


def frame(pts: int, base: Fraction = Fraction(1, 30), **data: int) -> Frame:
    return Frame(pts, pts, base, data)


def filled(name: str, *frames: Frame) -> Edge:
    edge = Edge(name, size=100)
    for f in frames:
        edge.put(f)
    edge.close()
    return edge


def test_put_waits_for_room() -> None:
    edge = Edge("e", size=1)
    edge.put(frame(0))
    put = threading.Thread(target=edge.put, args=(frame(1),))
    put.start()
    put.join(0.02)
    assert put.is_alive()
    assert edge.get().pts == 0
    put.join(1)
    assert not put.is_alive()
    assert edge.get().pts == 1


def test_a_latest_edge_keeps_the_newest_and_counts_the_rest() -> None:
    edge = Edge("e", size=2, latest=True)
    for n in range(5):
        edge.put(frame(n))
    assert [edge.get().pts, edge.get().pts] == [3, 4]
    assert edge.dropped == 3


def test_closing_wakes_a_taker_and_a_giver() -> None:
    edge = Edge("e", size=1)
    edge.close()
    with pytest.raises(Closed):
        edge.get()
    with pytest.raises(Closed):
        edge.put(frame(0))


def test_frames_of_one_instant_meet_though_their_time_bases_differ() -> None:
    a = filled("a", frame(1, Fraction(1, 30), a=1), frame(2, Fraction(1, 30), a=2))
    b = filled("b", frame(3000, Fraction(1, 90000), b=1), frame(6000, Fraction(1, 90000), b=2))
    assert [dict(f.data) for f in Join([a, b], [], live=False)] == [{"a": 1, "b": 1}, {"a": 2, "b": 2}]


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_only_common_instants_go_on_and_the_others_are_counted(left: set[int], right: set[int]) -> None:
    a = filled("a", *(frame(n, a=n) for n in sorted(left)))
    b = filled("b", *(frame(n, b=n) for n in sorted(right)))
    join = Join([a, b], [], live=False)
    assert [f.pts for f in join] == sorted(left & right)
    assert join.unmatched <= len(left ^ right)


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_a_held_value_is_the_newest_at_or_before_the_instant(instants: set[int], updates: set[int]) -> None:
    a = filled("a", *(frame(n, a=n) for n in sorted(instants)))
    b = filled("b", *(frame(n, b=n) for n in sorted(updates)))
    held = None
    for f in Join([a], [b], live=False):
        held = f.data.get("b", held)
        assert "b" not in f.data or f.time_of("b") == Fraction(f.data["b"], 30)
        assert held == max((u for u in updates if u <= f.pts), default=None)


def test_a_held_value_outlives_its_overtaken_frame_until_a_newer_one_comes() -> None:
    edge = Edge("e", size=1, latest=True, held=frozenset("h"))
    for f in (frame(0, h=0, a=0), frame(1, h=1, a=1), frame(2, a=2), frame(3)):
        edge.put(f)
    got = edge.get()
    assert dict(got.data) == {"h": 1}
    assert (got.time, got.time_of("h")) == (Fraction(3, 30), Fraction(1, 30))
    edge.put(frame(4))
    assert dict(edge.get().data) == {}


def test_a_held_value_outlives_a_frame_that_has_no_partner() -> None:
    a = filled("a", frame(0, a=0, h=0), frame(1, a=1), frame(2, a=2))
    a.held = frozenset("h")
    b = filled("b", frame(2, b=2))
    (met,) = Join([a, b], [], live=False)
    assert dict(met.data) == {"a": 2, "h": 0, "b": 2}
    assert [met.time_of(k) * 30 for k in "ahb"] == [2, 0, 2]


def test_an_edge_that_waits_never_drops() -> None:
    edge = Edge("e", size=2)
    edge.put(frame(0))
    edge.put(frame(1))
    assert (edge.poll(), edge.poll(), edge.poll()) == (frame(0), frame(1), None)
    assert edge.dropped == 0
