"""The networks of bgflow/models/models.json: a table for docs/models.md, and a page with all that is known of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bgflow import models
from docs.reference.markdown import code, table

BINDING = "**{}**"


def pages() -> dict[str, str]:
    """`reference/models.md`."""
    parts = [
        "# All models",
        "Made from `bgflow/models/models.json`. [Models](../models.md) tells how to use them, and networks of your "
        "own. A file is taken only when its sha256 is the one below.",
    ]
    for name, about in listed().items():
        parts += _model(name, about)
    return {"reference/models.md": "\n\n".join([*parts, ""])}


def listed() -> dict[str, dict[str, Any]]:
    """The manifest that comes with bgflow."""
    known: dict[str, dict[str, Any]] = json.loads(models.BUILT_IN.read_text("utf-8"))
    return known


def overview() -> str:
    """The table of docs/models.md."""
    return table(
        ["name", "finds", "size", "licence of the weights"],
        [[code(name), _finds(about), _size(about), _licence(about)] for name, about in listed().items()],
    )


def _finds(about: Mapping[str, Any]) -> str:
    return str(about["title"]).rpartition(": ")[2] if ": " in about["title"] else str(about["title"])


def _size(about: Mapping[str, Any]) -> str:
    return f"{about['size'] / 1e6:.1f} MB"


def _licence(about: Mapping[str, Any]) -> str:
    licence = str(about["licence"])
    told = licence if licence in models.PERMISSIVE else BINDING.format(licence)
    if home := about.get("home"):
        return f"{told}, [{home.rpartition('/')[2]}]({home})"
    return f"{told}, [trained here](training.md)" if about.get("trained") else told


def _model(name: str, about: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {name}"
    yield f"{about['title']}."
    origin = [f"`{source}`" for source in about.get("sources", ())] or ["comes with bgflow"]
    rows = [
        ["licence of the weights", str(about["licence"])],
        ["home", f"<{about['home']}>" if about.get("home") else ""],
        ["trained by", code(about.get("trained", ""))],
        ["comes from, in this order", ", then ".join(origin)],
        ["file", f"`{about['file']}`, {about['size']:,} bytes"],
        ["sha256", code(about["sha256"])],
        *([key, code(json.dumps(value))] for key, value in about.get("layout", {}).items()),
    ]
    yield table(["what", "value"], [row for row in rows if row[1]])
