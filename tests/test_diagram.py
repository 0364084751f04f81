"""Drawings show every stage and every wire, and nothing lies on anything else."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import tests.toys
from bgflow import load
from bgflow.cli.diagram import levels, mermaid, svg, text
from tests.commandline import bgflow

assert tests.toys

GRAPH = """\
device: cpu
stages:
  src: {use: toy.count}
  a: {use: toy.add, in: src.image}
  b: {use: toy.add, in: a.out}
  c: {use: toy.add, in: b.out}
  end: {use: toy.pair, in: {image: c.out, other: src.image}}
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_mermaid_has_every_stage_every_wire_with_its_type_and_held_inputs_dotted() -> None:
    assert mermaid(load("g.yaml", GRAPH)) == "\n".join(
        [
            "flowchart LR",
            '  s0["<b>src</b><br>toy.count"]',
            '  s1["<b>a</b><br>toy.add"]',
            '  s2["<b>b</b><br>toy.add"]',
            '  s3["<b>c</b><br>toy.add"]',
            '  s4["<b>end</b><br>toy.pair"]',
            '  s0 -->|"u8[h,w,3] rgb"| s1',
            '  s1 -->|"u8[h,w,3] rgb"| s2',
            '  s2 -->|"u8[h,w,3] rgb"| s3',
            '  s3 -->|"u8[h,w,3] rgb"| s4',
            '  s0 -.->|"u8[h,w,3] rgb"| s4',
        ]
    )


def test_text_lists_what_feeds_each_stage() -> None:
    assert text(load("g.yaml", GRAPH)).splitlines()[-3:] == [
        "end: toy.pair",
        "  image <- c.out  u8[h,w,3] rgb",
        "  other <- src.image  u8[h,w,3] rgb",
    ]


def drawn() -> ET.Element:
    return ET.fromstring(svg(load("g.yaml", GRAPH)))


def boxes() -> list[tuple[float, float, float, float]]:
    found = [r for r in drawn().iter(f"{SVG}rect") if "stage" in r.get("class", "")]
    return [tuple(float(r.get(k, "")) for k in ("x", "y", "width", "height")) for r in found]  # type: ignore[misc]


def test_svg_is_xml_with_a_box_per_stage_and_a_line_and_a_label_per_wire() -> None:
    root = drawn()
    words = [t.text for t in root.iter(f"{SVG}text")]
    assert {"src", "toy.count", "end", "toy.pair"} <= set(words)
    assert len(boxes()) == 5
    assert sum(1 for p in root.iter(f"{SVG}path") if p.get("marker-end")) == 5
    assert words.count("u8[h,w,3] rgb") == 5


def test_svg_boxes_lie_inside_the_picture_and_never_on_each_other() -> None:
    root = drawn()
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for x, y, w, h in boxes():
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes(), 2):
        assert x + w < x2 or x2 + w2 < x or y + h < y2 or y2 + h2 < y


def test_a_wire_that_skips_columns_passes_beside_the_stages_between() -> None:
    [long] = [p.get("d", "") for p in drawn().iter(f"{SVG}path") if p.get("class") == "hold"]
    lanes = re.findall(r" ([\d.]+) ([\d.]+)H([\d.]+)", long)
    assert len(lanes) == 3
    for left, lane, right in lanes:
        here = [(y, h) for x, y, w, h in boxes() if x < float(right) and x + w > float(left)]
        assert here
        assert all(not y <= float(lane) <= y + h for y, h in here)


def test_a_source_stands_just_before_the_first_stage_that_takes_it() -> None:
    late = GRAPH.replace("other: src.image", "other: late.image") + "  late: {use: toy.count}\n"
    assert levels(load("g.yaml", late)) == {"src": 0, "a": 1, "b": 2, "c": 3, "late": 3, "end": 4}


def test_the_ending_of_the_output_file_chooses_the_format(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(GRAPH)
    for name, start in (("g.svg", "<svg "), ("g.mmd", "flowchart LR"), ("g.txt", "src: toy.count")):
        assert bgflow("graph", tmp_path / "g.yaml", "-o", tmp_path / name).code == 0
        assert (tmp_path / name).read_text().startswith(start)


def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(GRAPH)
    told = bgflow("graph", tmp_path / "g.yaml", "-o", tmp_path)
    assert (told.code, told.err) == (1, f"{tmp_path}: cannot be written: is a directory\n")
