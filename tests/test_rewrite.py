"""Other values in a graph's text, with everything else as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.document import Document, Place
from bgflow.rewrite import flow, rewritten

TEXT = """\
# What it is for.
graph: demo
stages:
  # The first.
  a: {use: toy.a, set: {x: 1, y: '#00b140'}}  # and more
  b:
    use: toy.b
    in: a.out
    set:
      x: 1   # one
      list:
        - 1
        - 2

  # The last.
  c:
    use: toy.c
    every: {least: 3}
    set:
  d: {use: toy.d,
      set: {}}
"""
COMMENTS = ("What it is for.", "The first.", "and more", "one", "The last.")
STAGES = ("a", "b", "c", "d")
VALUES = st.one_of(
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12),
    st.sampled_from(["#2f52cf", "yes", "12:30", "a, b", "{x}", "gallery:dusk", "- x", "2026-01-05", "x # y", "'", '"']),
    st.lists(st.integers(0, 9), max_size=3),
    st.dictionaries(st.sampled_from("pq"), st.integers(0, 9), max_size=2),
)
PLACES = st.tuples(st.just("stages"), st.sampled_from(STAGES), st.just("set"), st.sampled_from(["x", "y", "z", "list"]))


def merged(values: dict[Place, Any]) -> Any:
    """The same on plain data."""
    data = copy.deepcopy(Document("t", TEXT).data)
    for place, value in values.items():
        spot = data
        for key in place[:-1]:
            spot[key] = spot.get(key) or {}
            spot = spot[key]
        spot[place[-1]] = value
    return data


@settings(max_examples=50)
@given(st.dictionaries(PLACES, VALUES, max_size=4))
def test_the_text_says_what_was_asked_for_and_nothing_else(values: dict[Place, Any]) -> None:
    assert Document("t", rewritten(TEXT, values)).data == merged(values)


@given(st.dictionaries(PLACES, st.integers(0, 9), max_size=5))
def test_comments_stay(values: dict[Place, Any]) -> None:
    text = rewritten(TEXT, values)
    assert [c for c in COMMENTS if f"# {c}\n" not in text] == []


@given(VALUES)
def test_a_value_may_stand_inside_any_mapping(value: Any) -> None:
    assert Document("t", f"{{a: {flow(value)}, b: 1}}").data == {"a": value, "b": 1}


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        (("stages", "a", "set", "x"), 2, "  a: {use: toy.a, set: {x: 2, y: '#00b140'}}  # and more"),
        (("stages", "a", "set", "z"), 2, "  a: {use: toy.a, set: {x: 1, y: '#00b140', z: 2}}  # and more"),
        (("stages", "a", "every"), 2, "  a: {use: toy.a, set: {x: 1, y: '#00b140'}, every: 2}  # and more"),
        (("stages", "b", "set", "x"), 2, "      x: 2   # one"),
        (("stages", "b", "set", "z"), 2, "      z: 2"),
        (("stages", "b", "every"), 4, "    every: 4"),
        (("stages", "c", "every", "least"), 4, "    every: {least: 4}"),
        (("stages", "c", "set", "x"), 2, "    set: {x: 2}"),
        (("stages", "d", "set", "x"), 2, "      set: {x: 2}}"),
    ],
)
def test_a_value_is_written_as_its_neighbours_are(place: Place, value: Any, line: str) -> None:
    assert line in rewritten(TEXT, {place: value}).splitlines()


def test_without_values_the_text_is_the_same() -> None:
    assert rewritten(TEXT, {}) == TEXT


def test_a_note_stands_before_the_line_of_its_value() -> None:
    place = ("stages", "b", "set", "x")
    lines = rewritten(TEXT, {place: 2}, {place: "two"}).splitlines()
    assert lines[lines.index("      x: 2   # one") - 1] == "      # two"


def test_a_note_at_the_top_level_stands_at_the_margin() -> None:
    assert rewritten("a: 1\nb: 2\n", {("b",): 3}, {("b",): "three"}) == "a: 1\n# three\nb: 3\n"


def test_yaml_reads_it_as_well() -> None:
    assert yaml.safe_load(rewritten(TEXT, {("stages", "d", "set", "x"): 2}))["stages"]["d"]["set"] == {"x": 2}
