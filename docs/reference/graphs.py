"""The graphs that come with bgflow: what each says of itself, its drawing, and its text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import bgflow.graphs
from bgflow import Graph, load
from bgflow.cli import diagram
from docs.reference.markdown import block, prose

FOLDER = Path(bgflow.graphs.__file__).parent


@functools.cache
def shipped() -> Mapping[str, Graph]:
    """Every graph by its name."""
    return {file.stem: load(file) for file in sorted(FOLDER.glob("*.yaml"))}


def pages() -> dict[str, str]:
    """`reference/graphs.md`, and a drawing of each graph beside it."""
    drawings = {f"reference/graphs/{name}.svg": diagram.svg(graph) for name, graph in shipped().items()}
    parts = [part for name, graph in shipped().items() for part in _graph(name, graph)]
    lead = "Each runs as it is, by its name: `bgflow run synth_demo`. Copy one to begin a graph of your own."
    return {"reference/graphs.md": "\n\n".join(["# The graphs that come with bgflow", lead, *parts, ""]), **drawings}


def _graph(name: str, graph: Graph) -> Iterator[str]:
    text = (FOLDER / f"{name}.yaml").read_text("utf-8")
    comment, body = _split(text)
    yield f"## {name} {{ #{name} }}"
    yield _told(comment)
    yield f"[![the stages of {graph.name} and what travels between them](graphs/{name}.svg)](graphs/{name}.svg)"
    yield block(body, "yaml")


def _split(text: str) -> tuple[str, str]:
    """A graph's comment at its top, and the rest."""
    found = re.match(r"(?:#.*\n)*", text)
    comment = found[0] if found else ""
    return "".join(line[2:] or "\n" for line in comment.splitlines(keepends=True)), text[len(comment) :]


def _told(comment: str) -> str:
    """The comment as Markdown: commands are code."""
    return re.sub(r"```\w+\n(bgflow)?", lambda found: "```sh\nbgflow" if found[1] else "```yaml\n", prose(comment))
