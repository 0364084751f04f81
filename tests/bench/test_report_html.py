"""The page and the tables of a result."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bgflow.bench import markdown, report_html
from bgflow.bench.bars import Bar, ratios
from bgflow.bench.cdf import distribution
from bgflow.bench.compare import compare
from bgflow.bench.interval import Interval
from bgflow.bench.result import Absent, Goal, Result
from bgflow.errors import MediaError
from tests.bench.results import around, result, row

SVG = re.compile(r"<svg.*?</svg>", re.S)


def made() -> Result:
    """A row with a peer and a goal, one of latencies, and one that is absent."""
    goal = Goal(of="ratio", peer="Open<CV>", least=2)
    out = result(
        row("box", around(2), {"Open<CV>": around(5)}, goals=[goal], note="f32"),
        row("live", [float(n) for n in range(100)], latency=True),
        busy=0.6,
    )
    out.absent.append(Absent(suite="network", name="u2net", why="no model"))
    return out


def test_the_page_is_one_file_without_scripts_or_addresses() -> None:
    page = report_html.page(made())
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|src=|href=|url\(|@import", page)


def test_the_page_has_bars_of_ratios_and_a_distribution_of_latencies() -> None:
    pictures = SVG.findall(report_html.page(made()))
    assert len(pictures) == 2
    assert "box / Open&lt;CV&gt;" in pictures[0]
    assert 'class="goal"' in pictures[0]
    assert "course c0" in pictures[1]


def test_every_picture_is_well_formed() -> None:
    for picture in SVG.findall(report_html.page(made())):
        assert ElementTree.fromstring(picture).tag == "svg"


def test_names_cannot_become_markup() -> None:
    assert "Open<CV>" not in report_html.page(made())


def test_the_page_tells_that_the_machine_was_busy() -> None:
    assert 'class="warn">the machine is busy: others took 60%' in report_html.page(made())


def test_the_page_marks_what_became_slower() -> None:
    new = result(row("box", around(9)))
    changes = compare(result(row("box", around(2))), new)
    assert '<td class="bad">slower</td>' in report_html.page(new, changes, "old.json")


def test_the_page_tells_the_tail_of_latencies() -> None:
    assert "p99 98" in report_html.page(made())


def test_a_bar_begins_at_one_and_its_whisker_covers_the_interval() -> None:
    picture = ElementTree.fromstring(
        ratios([Bar("a", Interval(2, 1.5, 3, 9)), Bar("b", Interval(0.5, 0.4, 0.7, 9))], "l")
    )
    one = float(picture.find("line[@class='one']").get("x1"))  # type: ignore[union-attr, arg-type]
    faster, slower = (r for r in picture.iter("rect"))
    assert (faster.get("class"), slower.get("class")) == ("faster", "slower")
    assert float(faster.get("x", 0)) == one
    assert float(slower.get("x", 0)) + float(slower.get("width", 0)) == pytest.approx(one, abs=0.2)
    low, high = (float(v) for v in re.findall(r"M([\d.]+) .*H([\d.]+)m", next(picture.iter("path")).get("d", ""))[0])
    assert low < float(faster.get("x", 0)) + float(faster.get("width", 0)) < high


def test_an_uncertain_bar_is_neither_faster_nor_slower() -> None:
    assert 'class="even"' in ratios([Bar("a", Interval(1.1, 0.9, 1.3, 9))], "l")


def test_a_distribution_ends_at_its_largest_sample() -> None:
    assert "40 ms" in distribution({"a": [10, 20, 40]}, "ms", "l")


def test_the_tables_have_every_row_and_what_is_absent() -> None:
    tables = {t.title: t for t in markdown.tables(made())}
    assert list(tables) == ["kernels", "network", "goals"]
    assert [r[0] for r in tables["kernels"].rows] == ["box", "live"]
    assert tables["network"].rows[0][-1] == "not measured: no model"
    assert tables["goals"].rows[0][2:5] == ("≥ 2x Open<CV>", "2.5 [2.5, 2.5]x", "reached")


def test_tables_replace_what_stands_between_their_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# P\n\n<!-- table: bench kernels -->old<!-- end of table: bench kernels -->\n\nProse.\n")
    markdown.write(page, made())
    text = page.read_text()
    assert "old" not in text
    assert text.index("| box |") < text.index("Prose.")
    assert "bench goals" not in text
    markdown.write(page, made())
    assert page.read_text() == text


def test_a_page_that_is_not_there_is_begun(tmp_path: Path) -> None:
    markdown.write(tmp_path / "new.md", made())
    assert (tmp_path / "new.md").read_text().startswith("# Figures\n")


def test_a_page_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be written: is a directory"):
        report_html.save(tmp_path, "")
    with pytest.raises(MediaError, match="cannot be written: is a directory"):
        markdown.write(tmp_path, made())
