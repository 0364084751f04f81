"""What is made from the code but kept in docs/, so that it shows where the pages are read without a site.

`make docs` writes it anew; a test finds what is not current.
"""

from __future__ import annotations

import re
from pathlib import Path

from docs.reference import engine, models

DOCS = Path(__file__).resolve().parents[1]
TABLE = re.compile(r"(<!-- table: models -->\n\n).*(\n\n<!-- end of table: models -->)", re.S)


def kept() -> dict[Path, str]:
    """Each file as it should be."""
    page = DOCS / "models.md"
    table = TABLE.sub(lambda found: found[1] + models.overview() + found[2], page.read_text("utf-8"))
    return {page: table, DOCS / "images/engine.svg": engine.picture()}
