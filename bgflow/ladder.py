"""The order in which a graph gives up quality for time, and takes it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bgflow.cadence import Auto
from bgflow.controls import EVERY

if TYPE_CHECKING:
    from bgflow.graph import Graph, Node

Changes = Mapping[str, Any]
"""What one rung changes, by 'stage.param' or 'stage.every'."""
CADENCES = (2, 3, 4, 6)
"""At which instants a stage that may rest can run: each so many."""
SAVES = 0.75
"""What a stage is taken to cost after a rung, until it has been measured: as from each third to each fourth instant."""


class Ladder:
    """Chains of changes, each from the best picture to the cheapest; going down takes the next of one of them.

    With one chain that is its order. With several, one a stage, it is the next of the stage that costs most. Going up
    takes them back in reverse order.
    """

    def __init__(self, chains: Mapping[str, Sequence[Changes]]):
        self._chains = {name: tuple(chain) for name, chain in chains.items() if chain}
        self._taken: list[str] = []

    @property
    def lowest(self) -> int:
        """The last rung; the first one, 0, is the graph as it is written."""
        return sum(map(len, self._chains.values()))

    @property
    def rung(self) -> int:
        """Where it stands."""
        return len(self._taken)

    def down(self, cost: Mapping[str, float], rungs: int = 1) -> list[Changes]:
        """Take so many rungs, of which each has its changes; `cost` is what the chains' stages have taken lately.

        So many must be left.
        """
        cost, changes = dict(cost), []
        for _ in range(rungs):
            left = [name for name, chain in self._chains.items() if self._taken.count(name) < len(chain)]
            name = max(left, key=lambda n: cost.get(n, 0.0))  # the first of those that cost the same
            self._taken.append(name)
            changes.append(self._chains[name][self._taken.count(name) - 1])
            cost[name] = SAVES * cost.get(name, 0.0)
        return changes

    def up(self) -> Changes:
        """Take the last step back; what it had changed."""
        name = self._taken.pop()
        return self._chains[name][self._taken.count(name)]


def chains(graph: Graph, rungs: Sequence[Changes] = (), fast: Collection[str] = ()) -> dict[str, list[Changes]]:
    """What may be given up in a graph: `rungs` if there are any, else what its stages offer, by stage.

    A stage that the graph lets rest (`every`) rests longer first, since what stands behind it copes with that; only
    then it does what it offers itself. Stages in `fast` (on an accelerator) have time for every instant.
    """
    if rungs:
        return {"": list(rungs)}
    out = {}
    for name, node in graph.nodes.items():
        if node.stage.is_source():
            continue
        chain: list[Changes] = [] if name in fast else [{f"{name}.{EVERY}": n} for n in _rests(node)]
        chain += [{f"{name}.{param}": value for param, value in step.items()} for step in node.stage.ladder()]
        if chain:
            out[name] = chain
    return out


def _rests(node: Node) -> list[int]:
    """The longer rests of a stage that may rest at all."""
    now = node.every.least if isinstance(node.every, Auto) else node.every
    return [n for n in CADENCES if n > now] if now > 1 or isinstance(node.every, Auto) else []
