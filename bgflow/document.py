"""YAML as plain data that remembers where every key and value stands, so that errors can point at them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bgflow.errors import GraphError, UsageError

Place = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_NODES = 20_000  # a graph of aliases of aliases would otherwise grow without bound
MAX_DEPTH = 50  # libyaml's own recursion ends the process at some tens of thousands

BOOL_TRAPS = {"yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True)
class Problem:
    """One mistake at a 1-based line and column; `line` 0 means it is not in a file but in an option."""

    file: str
    line: int
    column: int
    text: str
    source: str = ""

    def __str__(self) -> str:
        if not self.line:
            return f"{self.file}: {self.text}"
        where = f"{self.file}:{self.line}:{self.column}: {self.text}"
        return f"{where}\n    {self.source}\n    {' ' * (self.column - 1)}^" if self.source.strip() else where


def near(word: str, words: Iterable[str]) -> str:
    """'; did you mean …' when one of `words` is close, else a list of what there is; '' when there is nothing."""
    words = sorted(set(words))
    if hit := difflib.get_close_matches(str(word), words, 1):
        return f"; did you mean {hit[0]!r}?"
    if not words:
        return ""
    return f"; there {'is' if len(words) == 1 else 'are'} {', '.join(words[:12])}{', …' if len(words) > 12 else ''}"


def is_text(value: str) -> bool:
    """Whether a value that stands alone, as on a command line, can only be text, although YAML reads it otherwise.

    A colour such as #2f52cf is no comment there, and words with a colon between them are no mapping: that has braces.
    """
    return value.startswith("#") or (": " in value and value[0] not in "{['\"")


class Document:
    """A YAML file as plain data; `problem(place, text)` points back into it, `problems` holds YAML's own traps.

    Raises:
        UsageError: the file cannot be read.
        GraphError: it is not YAML.
    """

    def __init__(self, file: str, text: str | None = None):
        self.file = file
        text = _read(file) if text is None else text
        self.lines = text.splitlines()
        self.values: dict[Place, tuple[int, int]] = {}
        self.keys: dict[Place, tuple[int, int]] = {}
        self.given: dict[Place, str] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self._loader = yaml.SafeLoader("")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            self._check_depth(yaml.parse(text, Loader=loader))
            root = yaml.compose(text, Loader=loader)
        except yaml.MarkedYAMLError as e:
            mark = e.problem_mark or e.context_mark
            at = (mark.line, mark.column) if mark else (0, 0)
            raise GraphError([self._at(at, f"this is not YAML: {e.problem or e.context}")]) from None
        except yaml.YAMLError as e:
            raise GraphError([self._at((0, 0), f"this is not YAML: {str(e).splitlines()[0]}")]) from None
        self.data: Any = self._walk(root, ()) if root else None

    def _check_depth(self, events: Iterable[yaml.Event]) -> None:
        depth = 0
        for event in events:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise self._too_deep(event.start_mark)

    def _too_deep(self, mark: Any) -> GraphError:
        at = (mark.line, mark.column)
        return GraphError([self._at(at, f"more than {MAX_DEPTH} values inside one another; a graph is far flatter")])

    def _walk(self, node: yaml.Node, place: Place) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise GraphError([self._at((0, 0), f"more than {MAX_NODES} values; a graph is far smaller")])
        if len(place) > MAX_DEPTH:  # an alias may stand inside what it names
            raise self._too_deep(node.start_mark)
        here = (node.start_mark.line, node.start_mark.column)
        self.values[place] = here
        if isinstance(node, yaml.MappingNode):
            out: dict[str, Any] = {}
            for k, v in node.value:
                at = (k.start_mark.line, k.start_mark.column)
                if not isinstance(k, yaml.ScalarNode):
                    self.problems.append(self._at(at, "a key must be one word"))
                elif k.value == "<<":
                    self.problems.append(self._at(at, "'<<' merges are not read; write the keys out"))
                elif k.value in out:
                    first = self.keys[*place, k.value][0] + 1
                    self.problems.append(self._at(at, f"{k.value!r} is already set on line {first}"))
                else:
                    self.keys[*place, k.value] = at
                    out[k.value] = self._walk(v, (*place, k.value))
            return out
        if isinstance(node, yaml.SequenceNode):
            return [self._walk(v, (*place, i)) for i, v in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if trap := _trap(node):
            self.problems.append(self._at(here, trap))
            return node.value
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self.problems.append(self._at(here, f"{node.value!r} is not a plain value; quote it or remove its tag"))
            return node.value

    def override(self, place: Place, value: str, label: str) -> None:
        """Set the value at `place` as if the file said so; problems there name `label` instead of a line."""
        spot = self.data
        for key in place[:-1]:
            spot = spot.setdefault(key, {}) if isinstance(spot, dict) else {}
        if isinstance(spot, dict):
            spot[place[-1]] = Document(label, value).data if value and not is_text(value) else value
            self.given[place] = label

    def _at(self, mark: tuple[int, int], text: str) -> Problem:
        line, column = mark
        return Problem(self.file, line + 1, column + 1, text, self.lines[line] if line < len(self.lines) else "")

    def problem(self, place: Place, text: str, *, key: bool = False) -> Problem:
        """A problem at `place` (its key with `key`), or at its nearest parent when the file has no such place."""
        if place in self.given:
            return Problem(self.given[place], 0, 0, text)
        if key and place in self.keys:
            return self._at(self.keys[place], text)
        while place and place not in self.values:
            place = place[:-1]
        return self._at(self.values.get(place, (0, 0)), text)

    def where(self, place: Place) -> str:
        """`file:line:column` of a key."""
        line, column = self.keys.get(place, self.values.get(place, (0, 0)))
        return f"{self.file}:{line + 1}:{column + 1}"


def _trap(node: yaml.ScalarNode) -> str | None:
    """What YAML 1.1 silently makes of a plain scalar that its writer surely meant otherwise."""
    tag, text = node.tag.rpartition(":")[2], node.value
    if node.style:
        return None
    if tag == "bool" and text.lower() in BOOL_TRAPS:
        meant = "true" if text.lower() in ("yes", "on", "y") else "false"
        return f"{text} is {meant} in YAML 1.1; write {meant}, or '{text}' in quotes"
    if tag in ("int", "float") and ":" in text:
        return f"{text} is a number to the base 60 in YAML 1.1; write '{text}' in quotes"
    if tag == "int" and re.fullmatch(r"[-+]?0[0-9_]+", text):
        return f"{text} is octal in YAML 1.1; write {text.lstrip('0') or '0'}, or '{text}' in quotes"
    if tag == "timestamp":
        return f"{text} is a date in YAML 1.1; write '{text}' in quotes"
    return None


def _read(file: str) -> str:
    path = Path(file)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{file}: is {path.stat().st_size} bytes; a graph is far smaller than {MAX_BYTES}")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        folder = path.parent
        names = [str(folder / p.name) for p in folder.glob("*.y*ml")] if folder.is_dir() else []
        hint = near(file, names) if names else "; give the path of a .yaml file"
        raise UsageError(f"{file}: there is no such graph file{hint}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: is not UTF-8 text; a graph is a YAML file") from None
    except OSError as e:
        raise UsageError(f"{file}: cannot be read: {(e.strerror or str(e)).lower()}") from None
