"""Small pieces of Markdown."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; '' when it has no rows."""
    lines = [f"| {' | '.join(_cell(text) for text in row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |", *lines])


def code(text: object) -> str:
    """Text as code; '' stays ''."""
    return f"`{text}`" if str(text) else ""


def block(text: str, language: str) -> str:
    """Lines of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def prose(docs: str) -> str:
    """A docstring as Markdown: sections such as `Raises:` become lists, and what is indented becomes code."""
    return "\n\n".join(_paragraph(text) for text in re.split(r"\n\s*\n", inspect.cleandoc(docs)) if text.strip())


def summary(docs: str) -> str:
    """A docstring's first paragraph on one line."""
    return " ".join(inspect.cleandoc(docs).partition("\n\n")[0].split())


def escaped(text: str) -> str:
    """Text whose signs are to mean nothing in Markdown, but for the code in it."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part[:1] == "`" else re.sub(r"([\\*_{}\[\]<>|])", r"\\\1", part) for part in parts)


def _paragraph(text: str) -> str:
    if section := re.match(r"(Raises|Returns|Yields):\n", text):
        items = re.sub(r"\n {8,}", " ", text[section.end() :])
        return "\n".join([f"{section[1]}:\n", *(f"- {item.strip()}" for item in items.splitlines())])
    if text.startswith("    "):
        lines = textwrap.dedent(text)
        return block(lines, "python" if _is_python(lines) else "text")
    if re.match(r"- ", text):
        return text
    return "\n".join(_lines(text))


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _lines(text: str) -> Iterator[str]:
    """A paragraph; a line that begins as a list does not make one."""
    for line in text.splitlines():
        yield re.sub(r"^(\s*)(\d+\.|[-+*#]) ", r"\1\\\2 ", line)


def _cell(text: str) -> str:
    return " ".join(re.sub(r"(?<!\\)\|", r"\\|", text).split())
