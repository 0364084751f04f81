"""Pictures as files: well formed, complete, and in the page that shows them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.bench import gallery, markdown
from bgflow.bench.cdf import COLOURS, distribution, step
from bgflow.bench.result import Absent, Goal, Result
from bgflow.errors import MediaError
from tests.bench.results import around, result, row


def made(latencies: int = 1) -> Result:
    """Bars, and some latencies."""
    late = [row(f"live {n}", [float(v) for v in range(1, 50)], latency=True) for n in range(latencies)]
    return result(
        row("box", around(2), {"Open<CV>": around(5)}, goals=[Goal(of="ratio", peer="Open<CV>", least=2)]), *late
    )


def test_every_picture_stands_alone_as_svg_with_its_style() -> None:
    for picture in gallery.drawn(made()):
        tree = ElementTree.fromstring(gallery.alone(picture.svg))
        assert tree.tag == "{http://www.w3.org/2000/svg}svg"
        assert "prefers-color-scheme: dark" in str(tree.find("{http://www.w3.org/2000/svg}style").text)  # type: ignore[union-attr]


def test_a_suite_has_its_bars_and_as_many_distributions_as_colours_need() -> None:
    files = [picture.file for picture in gallery.drawn(made(COLOURS + 1))]
    assert files == ["kernels-ratios.svg", "kernels-latency.svg", "kernels-latency-2.svg"]


def test_a_distribution_tells_its_quantiles_and_its_limit() -> None:
    (_, picture) = gallery.drawn(made())
    assert "live 0 (p50 25, p95 46.6, p99 48.5 ms)" in picture.svg
    assert 'class="goal"' in distribution({"a": [1, 2]}, "ms", "l", limit=1.5)


def test_many_samples_are_drawn_in_few_steps_to_the_end() -> None:
    svg = distribution({"a": [float(n) for n in range(100_000)]}, "ms", "l")
    assert len(svg) < 20_000
    assert "H880.0V12.0" in svg


def test_the_page_of_everything_has_goals_first_and_shows_the_pictures(tmp_path: Path) -> None:
    page, pictures = tmp_path / "docs/p.md", tmp_path / "bench/results"
    page.parent.mkdir()
    page.write_text("# P\n\n<!-- table: bench all --><!-- end of table: bench all -->\n\nProse.\n")
    markdown.write(page, made(), pictures)
    text = page.read_text()
    assert text.index("## Goals") < text.index("## Kernels") < text.index("](../bench/results/kernels-ratios.svg)")
    assert text.endswith("Prose.\n")


def test_a_page_with_one_marker_gets_that_table_only(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("<!-- table: bench goals --><!-- end of table: bench goals -->\n")
    markdown.write(page, made())
    assert "≥ 2x Open<CV>" in page.read_text()
    assert "**kernels**" not in page.read_text()


def test_a_goal_that_could_not_be_measured_is_in_the_table_with_the_reason() -> None:
    it = made()
    goal = Goal(of="ratio", peer="rembg", least=4)
    it.absent.append(Absent(suite="network", name="u2netp", why="rembg is not installed", goals=[goal]))
    goals = {table.title: table for table in markdown.tables(it)}["goals"]
    assert goals.rows[-1][2:5] == ("≥ 4x rembg", "not measured: rembg is not installed", "not measured")


def test_the_table_says_when_its_rows_were_measured() -> None:
    it = made()
    times = ("2026-01-01T10:00:00+00:00", "2026-01-01T10:20:00+00:00")
    it.rows = [line.model_copy(update={"when": when}) for line, when in zip(it.rows, times, strict=True)]
    assert "2026-01-01 10:00 to 10:20" in markdown.origin(it, "kernels")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be written: no such file or directory"):
        gallery.save(tmp_path / "none", list(gallery.drawn(made())))


@given(most=st.floats(1e-3, 1e6))
def test_ticks_of_a_distribution_are_round_and_four_to_ten(most: float) -> None:
    each = step(most)
    assert f"{each:.0e}"[0] in "125"
    assert each == pytest.approx(float(f"{each:.0e}"))
    assert 4 <= most / each < 11
