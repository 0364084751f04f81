"""Other values in a graph's text, with its comments and its layout left as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from bgflow.document import Place

WIDE = 1_000_000  # a value stays on its line


def rewritten(text: str, values: Mapping[Place, Any], notes: Mapping[Place, str] | None = None) -> str:
    """A YAML text of mappings with these values, plain data, at their places; a note is a comment on the line before.

    What is new comes last in its mapping. Whoever needs to be sure reads the result back: an alias stands for several
    places, and all of them change.
    """
    for place, value in values.items():
        text = _with(text, place, value)
    for place, note in (notes or {}).items():
        node = _found(text, place)[0]
        line = text.rfind("\n", 0, node.start_mark.index) + 1
        indent = text[line : len(text) - len(text[line:].lstrip())]
        text = f"{text[:line]}{indent}# {note}\n{text[line:]}"
    return text


def flow(value: Any) -> str:
    """A value as it may stand anywhere in a YAML text."""
    return yaml.safe_dump([value], default_flow_style=True, width=WIDE, sort_keys=False, allow_unicode=True).strip()[
        1:-1
    ]


def _found(text: str, place: Place) -> tuple[yaml.Node, Place]:
    """The node at a place, or the deepest one on the way there; and what is left of the way."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None  # a graph is never empty
    for n, key in enumerate(place):
        inside = {k.value: v for k, v in node.value} if isinstance(node, yaml.MappingNode) else {}
        if key not in inside:
            return node, place[n:]
        node = inside[key]
    return node, ()


def _with(text: str, place: Place, value: Any) -> str:
    node, missing = _found(text, place)
    for key in reversed(missing[1:] if isinstance(node, yaml.MappingNode) else missing):
        value = {key: value}
    if not missing or not isinstance(node, yaml.MappingNode):
        start, end = node.start_mark.index, _end(text, node)
        gap = " " if start == end else ""  # `set:` with nothing after it
        return f"{text[:start]}{gap}{flow(value)}{text[end:]}"
    entry = f"{missing[0]}: {flow(value)}"
    end = _end(text, node)
    if node.flow_style:
        return f"{text[: end - 1].rstrip()}{', ' if node.value else ''}{entry}{text[end - 1 :]}"
    indent = " " * node.value[0][0].start_mark.column
    line = text.find("\n", end)
    end = len(text) if line < 0 else line
    return f"{text[:end]}\n{indent}{entry}{text[end:]}"


def _end(text: str, node: yaml.Node) -> int:
    """Where a node's own text ends; yaml counts what lies between a block and the next one to the former."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())
