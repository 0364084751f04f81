"""Something to be judged: a graph file, the name of a graph that comes with bgflow, or a single stage.

A stage is written as its name in YAML, with its parameters behind a question mark: `u2net.mask?scale=minmax`,
`mog.mask?history=200`, `bgflow.bench.peers:Mog2`. It gets the data's pictures, and its first alpha is judged.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bgflow.check import load
from bgflow.cli.commands import graph_file
from bgflow.errors import UsageError
from bgflow.evaluate.feed import Feed, Judge
from bgflow.evaluate.footage import Footage
from bgflow.evaluate.graft import graft
from bgflow.evaluate.verdict import verdict
from bgflow.graph import Graph
from bgflow.registry import find

STAGE = re.compile(r"[\w./]+(\.[a-z]\w*|:\w+)(\?.*)?")


@dataclass(frozen=True)
class Candidate:
    """One graph to judge and how; `label` is its name in tables."""

    text: str
    label: str
    sets: tuple[str, ...] = ()
    device: str = ""
    alpha: str = ""
    source: str = ""

    def grafted(self, footage: Footage) -> tuple[Graph, Feed, Judge]:
        """The graph with eval's ends on it, its stages new; raises BgflowError for what `bgflow check` would tell."""
        graph = self._load(footage)
        feed = Feed(footage)
        judge = Judge(feed, verdict(footage))
        return graft(graph, feed, judge, alpha=self.alpha, source=self.source), feed, judge

    def _load(self, footage: Footage) -> Graph:
        if not is_stage(self.text):
            return load(graph_file(self.text), sets=self.sets, device=self.device)
        use, _, query = self.text.partition("?")
        name = re.split(r"[.:]", use)[0 if ":" not in use else -1].lower()
        given = [f"{name}.{k}={v}" for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True)]
        stage = find(use, Path())
        links = {p: f"source.{p}" for p in stage.inputs if p == "image" or (p == "plate" and footage.plate)}
        mattes = [n for n, p in stage.outputs.items() if p.types[0].meaning == "alpha"]
        if not mattes:
            raise UsageError(f"{use}: is a stage that makes no alpha; give one that does, or a graph")
        text = (
            f"graph: {self.label}\nstages:\n  source: {{use: eval.source}}\n"
            f"  {name}: {{use: '{use}', in: {{{', '.join(f'{k}: {v}' for k, v in links.items())}}}}}\n"
            f"  judge: {{use: eval.sink, in: {{alpha: {name}.{mattes[0]}}}}}\n"
        )
        return load(use, text, sets=(*given, *self.sets), device=self.device)


def is_stage(text: str) -> bool:
    """Whether a text is a stage's name rather than a file's."""
    plain = text.partition("?")[0]
    yaml = Path(plain).suffix in (".yaml", ".yml")
    return bool(STAGE.fullmatch(text)) and not yaml and not Path(text).exists()


def candidates(texts: Sequence[str], sets: Sequence[str], device: str, alpha: str, source: str) -> list[Candidate]:
    """The graphs of a comparison: --set, --alpha and --source belong to the first; labels differ."""
    out: list[Candidate] = []
    for n, text in enumerate(texts):
        label = text.rpartition(":")[2] if is_stage(text) else Path(text).stem
        while label in [c.label for c in out]:
            label += "'"
        first = n == 0
        out.append(
            Candidate(
                text, label, tuple(sets) if first else (), device, alpha if first else "", source if first else ""
            )
        )
    return out
