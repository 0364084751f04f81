"""Who is who from frame to frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.tracks import Part, Tracks

SIZE = (40, 200)
RED, BLUE = np.array([200.0, 30, 30]), np.array([30.0, 30, 200])


def box(x: float, width: int = 12, tint: Any = None, y: int = 10, height: int = 20) -> Part:
    rows, cols = np.mgrid[y : y + height, round(x) : round(x) + width]
    return Part(np.stack([rows.ravel(), cols.ravel()]).astype(np.int32), tint)


def joined(*parts: Part) -> Part:
    """One part of several that touch, with the mean of their colours."""
    cells = np.unique(np.concatenate([p.cells for p in parts], 1), axis=1)
    tints = [p.tint for p in parts if p.tint is not None]
    return Part(cells, np.mean(tints, 0) if tints else None)


def numbers(tracks: Tracks, parts: list[Part], time: float) -> list[list[int]]:
    """The numbers in every part."""
    known = tracks.step(parts, SIZE, time)
    return [sorted(t.number for t in known if t.inside == p) for p in range(len(parts))]


def meeting(places: list[int], tints: tuple[Any, Any]) -> tuple[list[list[int]], list[list[int]]]:
    """Two walk towards each other as far as `places` say, touch from 62 to 78, and part; numbers before and after."""
    tracks, said = Tracks(1.0), []
    for n, at in enumerate(places):
        left, right = box(10 + at, tint=tints[0]), box(150 - at, 16, tints[1])
        said.append(numbers(tracks, [joined(left, right)] if 62 <= at <= 78 else [left, right], n / 30))
    return said[10], said[-1]


def test_two_who_walk_past_each_other_keep_their_numbers() -> None:
    assert meeting([*range(140)], (None, None)) == ([[1], [2]], [[1], [2]])


def test_two_who_turn_back_keep_their_numbers_by_their_colours() -> None:
    places = [*range(64), *[64] * 90, *range(64, 0, -1)]
    assert meeting(places, (RED, BLUE)) == ([[1], [2]], [[1], [2]])


def test_a_crowd_holds_the_numbers_of_all_in_it() -> None:
    tracks = Tracks(1.0)
    for n in range(20):
        numbers(tracks, [box(10), box(60)], n / 30)
    assert numbers(tracks, [joined(box(10), box(60))], 20 / 30) == [[1, 2]]


@pytest.mark.parametrize(("gap", "number"), [(0.5, 1), (1.5, 2)])
def test_a_hidden_subject_is_remembered_for_so_long(gap: float, number: int) -> None:
    tracks = Tracks(1.0)
    for n in range(30):
        numbers(tracks, [box(10 + n)], n / 30)
    assert numbers(tracks, [], 1.0) == []
    assert numbers(tracks, [box(40 + 30 * gap)], 1 + gap) == [[number]]


def test_somebody_else_at_another_place_is_not_taken_for_the_hidden_one() -> None:
    tracks = Tracks(2.0)
    for n in range(30):
        numbers(tracks, [box(10)], n / 30)
    assert numbers(tracks, [box(150)], 1.1) == [[2]]


def test_a_piece_that_broke_off_for_a_moment_is_no_subject() -> None:
    tracks, whole = Tracks(1.0), joined(box(10), box(22, 4))
    for n in range(30):
        numbers(tracks, [whole], n / 30)
    numbers(tracks, [box(10), box(23, 3)], 1.0)
    assert numbers(tracks, [whole], 1.03) == [[1]]
    assert [t.number for t in tracks.tracks] == [1]


def test_one_who_is_wholly_hidden_behind_another_comes_out_with_the_same_number() -> None:
    tracks, said = Tracks(2.0), []
    for n in range(80):
        at = 20 + n
        behind = 44 <= at <= 90
        said.append(numbers(tracks, [box(50, 40)] if behind else [box(50, 40), box(at, 6, height=10)], n / 30))
    assert [said[0], said[60], said[-1]] == [[[1], [2]], [[1, 2]], [[1], [2]]]


def test_numbers_never_leave_a_byte() -> None:
    tracks = Tracks(0.0)
    seen = {numbers(tracks, [box(60 * (n % 2))], float(n))[0][0] for n in range(600)}
    assert seen == set(range(1, 256))


@settings(max_examples=40, deadline=None)
@given(
    frames=st.lists(
        st.lists(st.tuples(st.integers(0, 180), st.integers(1, 20), st.integers(0, 20)), max_size=5), max_size=12
    )
)
def test_every_part_holds_a_number_and_none_is_in_two(frames: list[list[tuple[int, int, int]]]) -> None:
    tracks = Tracks(0.2)
    for n, boxes in enumerate(frames):
        said = numbers(tracks, [box(x, w, y=y) for x, w, y in boxes], n / 10)
        every = [number for part in said for number in part]
        assert all(said)
        assert len(set(every)) == len(every)
