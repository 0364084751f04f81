"""The pages of the site that are made from the code when it is built, so that they cannot be out of date.

`python -m docs.reference build` writes them beside copies of the pages in docs/: plain Markdown, so that what makes a
site of it (mkdocs.yml) needs no plugin of ours, and another tool can take its place.
"""

from __future__ import annotations

from docs.reference import commands, graphs, kernels, models, python, stages


def pages() -> dict[str, str]:
    """Every generated page: its path in the site, and its text."""
    makers = stages, graphs, commands, models, python, kernels
    return {path: text for maker in makers for path, text in maker.pages().items()}
