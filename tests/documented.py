"""The documentation as tests read it: pages, links, headings, blocks of code and commands."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import docs.reference

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.M | re.S)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    language: str
    text: str
    number: int

    def __str__(self) -> str:
        return f"{self.page}:{self.number}"


@functools.cache
def pages() -> dict[str, str]:
    """Every page by its path from the root, generated ones as if they lay in docs/, too."""
    written = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    made = {f"docs/{path}": text for path, text in docs.reference.pages().items() if path.endswith(".md")}
    return {**{str(file.relative_to(ROOT)): file.read_text("utf-8") for file in written}, **made}


@functools.cache
def made() -> frozenset[str]:
    """The paths of all generated files."""
    return frozenset(f"docs/{path}" for path in docs.reference.pages())


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all pages in these languages."""
    return [
        Block(page, found[2], found[3], text[: found.start()].count("\n") + 1)
        for page, text in pages().items()
        for found in FENCE.finditer(text)
        if found[2] in languages
    ]


def prose(page: str) -> str:
    """A page without its blocks and code, where what looks like a link is none."""
    return re.sub(r"`[^`\n]*`", "code", FENCE.sub("", pages()[page]))


def links(page: str) -> list[str]:
    """Where a page's links and pictures lead."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


@functools.cache
def anchors(page: str) -> frozenset[str]:
    """The anchors of a page's headings, as MkDocs and code hosts make them, and those that it sets itself."""
    found = set()
    for line in re.findall(r"^#+ (.+)$", FENCE.sub("", pages()[page]), re.M):
        heading, _, own = line.partition(" { #")
        plain = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", heading).strip().lower())
        found.add(own.removesuffix(" }") or re.sub(r"[\s-]+", "-", plain))
    return frozenset(found)


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every line of a shell block that calls bgflow, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["bgflow"] or words[:1] == [".venv/bin/bgflow"]:
            yield words[1 : words.index("&&") if "&&" in words else None]
