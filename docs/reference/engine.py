"""The picture of docs/engine.md: a graph as its run sees it, with threads and the queues between them."""

from __future__ import annotations

import itertools
from xml.sax.saxutils import escape

from bgflow import load, plan
from bgflow.cadence import Auto
from bgflow.cli.diagram import STYLE, levels
from bgflow.graph import Node
from bgflow.planning import EdgePlan, Plan, SegmentPlan
from docs.reference.graphs import FOLDER

GRAPH = FOLDER / "webrtc_replace.yaml"
CORES = 4  # the same picture on every machine
BOX_W, BOX_H, LEFT, TOP = 112, 54, 24, 14
LANE = 156  # from one thread to the next
CALL, HANDOVER = 30, 104  # between columns, within a thread and from thread to thread
TRACK, ROW, SLOT = 18, 19, 13  # between lines into the same thread, between their notes; a queue's slot
LEGEND = [
    ('<rect class="lane" x="0" y="-9" width="22" height="14" rx="4"/>', "one thread, its stages run in turn"),
    ('<rect class="slot" x="4" y="-9" width="13" height="13" rx="2"/>', "a queue: a slot for each frame that may wait"),
    ('<path class="hold" d="M0 -3H22"/>', "held: the newest value is used again"),
]
STYLES = """
  .lane { fill: none; stroke: var(--hue); stroke-width: 1.5; stroke-dasharray: 2 4; stroke-linecap: round }
  .thread { font-size: 11.5px; font-weight: 600; fill: var(--hue) }
  .slot { fill: var(--paper); stroke: var(--hue); stroke-width: 1.5 }
  .note { font-size: 11px; fill: var(--faint); paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
"""


class Picture:
    """Where everything is: a row for each thread, a column for each step from the source."""

    def __init__(self, planned: Plan):
        self.plan, self.graph = planned, planned.graph
        self.column = levels(self.graph)
        self.row = {stage: n for n, segment in enumerate(planned.segments) for stage in segment.stages}
        handed = {self.column[s.stages[0]] for s in planned.segments[1:]}
        self.x = [float(LEFT)]
        for column in range(1, max(self.column.values()) + 1):
            self.x.append(self.x[-1] + BOX_W + (HANDOVER if column in handed else CALL))
        self.width = self.x[-1] + BOX_W + LEFT
        self.height = TOP * 2 + len(planned.segments) * LANE - 40

    def place(self, stage: str) -> tuple[float, float]:
        """The left upper corner of a stage's box."""
        return self.x[self.column[stage]], TOP + self.row[stage] * LANE + 30

    def svg(self) -> str:
        """The whole picture."""
        plan = self.plan
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img">',
            f"<title>{escape(self.graph.name)}: {len(plan.segments)} threads and the queues between them</title>",
            f"<style>{STYLE}{STYLES}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
            '<rect class="paper" width="100%" height="100%"/>',
            *(self._lane(segment) for segment in plan.segments),
            *(self._call(a, b) for s in plan.segments for a, b in itertools.pairwise(s.stages)),
            *(self._edge(edge) for edge in plan.edges),
            *(self._box(name, node) for name, node in self.graph.nodes.items()),
            *(
                f'<g transform="translate({self.width - 320} {TOP + 20 + n * 24})">{sign}'
                f'<text class="note" x="34" y="2">{escape(told)}</text></g>'
                for n, (sign, told) in enumerate(LEGEND)
            ),
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

    def _lane(self, segment: SegmentPlan) -> str:
        x0, y = self.place(segment.stages[0])
        x1, _ = self.place(segment.stages[-1])
        return (
            f'<rect class="lane" x="{x0 - 10}" y="{y - 30}" width="{x1 - x0 + BOX_W + 20}" height="{BOX_H + 50}" '
            f'rx="10"/><text class="thread" x="{x0}" y="{y - 12}">thread {escape(segment.name)}</text>'
        )

    def _box(self, name: str, node: Node) -> str:
        x, y = self.place(name)
        end = " end" if node.stage.is_source() or not node.stage.outputs else ""
        middle = x + BOX_W / 2
        return (
            f'<rect class="stage{end}" x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="8"/>'
            f'<text class="name" x="{middle}" y="{y + 23}" text-anchor="middle">{escape(name)}</text>'
            f'<text class="use" x="{middle}" y="{y + 40}" text-anchor="middle">{escape(node.stage.use)}</text>'
            f'<text class="note" x="{middle}" y="{y + BOX_H + 13}" text-anchor="middle">{_cadence(node)}</text>'
        )

    def _call(self, a: str, b: str) -> str:
        (x0, y), (x1, _) = self.place(a), self.place(b)
        return f'<path marker-end="url(#tip)" d="M{x0 + BOX_W} {y + BOX_H / 2}H{x1}"/>'

    def _edge(self, edge: EdgePlan) -> str:
        """A hand-over to another thread: the line, its queue with a slot for each frame that may wait, what it does."""
        segment = {s.name: s.stages for s in self.plan.segments}
        into = [e for e in self.plan.edges if e.dst == edge.dst]
        out_of = [e for e in self.plan.edges if e.src == edge.src]
        n = into.index(edge)
        (x0, y0), (x1, y1) = self.place(segment[edge.src][-1]), self.place(segment[edge.dst][0])
        leave = y0 + BOX_H * (len(out_of) - out_of.index(edge)) / (len(out_of) + 1)
        enter = y1 + BOX_H * (len(into) - n) / (len(into) + 1)
        x, y = x1 - 22 - TRACK * (len(into) - 1 - n), y1 - 46 - ROW * (len(into) - 1 - n)
        slots = "".join(
            f'<rect class="slot" x="{x - SLOT / 2}" y="{y + 4 - SLOT * (k + 1)}" width="{SLOT}" height="{SLOT}" '
            'rx="2"/>'
            for k in range(edge.size)
        )
        told = f"{', '.join(sorted(edge.keys))}: {'the newest wins' if edge.latest else 'the source waits'}"
        return (
            f'<path class="{"wire" if edge.driver else "hold"}" marker-end="url(#tip)" '
            f'd="M{x0 + BOX_W} {leave:.1f}H{x}V{enter:.1f}H{x1}"/>{slots}'
            f'<text class="note" x="{x1 - 22 + SLOT}" y="{y + 2}">{escape(told)}</text>'
        )


def _cadence(node: Node) -> str:
    """How often a stage runs, where that is not at every frame."""
    if isinstance(node.every, Auto):
        return f"on change, 1 in {node.every.least}" if node.every.least > 1 else "on change"
    return f"1 in {node.every}" if node.every > 1 else ""


def picture() -> str:
    """The picture, as docs/images has it."""
    return Picture(plan(load(GRAPH, device="cpu"), cores=CORES)).svg()
