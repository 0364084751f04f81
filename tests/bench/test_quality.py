"""Where the tables of the quality page go."""

from __future__ import annotations

from bgflow.bench.quality import SETS, between_markers


def test_a_new_table_comes_to_the_end_under_its_heading() -> None:
    page = between_markers("# Page\n", "davis", "| a |")
    assert page == "# Page\n\n### davis\n\n<!-- table: davis -->\n\n| a |\n\n<!-- end of table: davis -->\n"


def test_a_table_is_replaced_and_the_prose_around_it_stays() -> None:
    page = between_markers(between_markers("# Page\n", "davis", "| a |") + "\nIt fell.\n", "synth", "| s |")
    again = between_markers(page, "davis", r"| \1 |")
    assert again == page.replace("| a |", r"| \1 |")


def test_every_set_has_the_network_the_model_both_together_and_the_peers() -> None:
    for name, graphs in SETS.items():
        named = " ".join(graphs)
        for part in ("u2net.mask", "mog.mask", "fuse.yaml", "full.yaml", "Mog2", "Knn"):
            assert part in named
        assert ("Selfie" in named) == (name != "highway")  # nobody is in its pictures
        assert ("Rembg" in named) == (name not in ("highway", "synth"))
