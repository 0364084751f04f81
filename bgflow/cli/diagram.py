"""Draw a graph: as text, as Mermaid, or as an SVG picture that needs nothing else."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bgflow.graph import Graph, Wire

# SVG measures, in pixels
BOX_H, GAP_Y, MARGIN, PAD = 54, 34, 24, 16
CHAR, SMALL = 7.8, 6.2  # widths of a character of the two font sizes

STYLE = """
  :root { color-scheme: light dark }
  svg { --paper: #fff; --box: #f4f6f8; --line: #8a97a5; --ink: #17202a; --faint: #5b6875; --hue: #0b6e99 }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #12161b; --box: #1e252d; --line: #66737f; --ink: #e8edf2; --faint: #9aa7b4; --hue: #5cc3ee }
  }
  text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: var(--ink) }
  .name { font-weight: 600 }
  .use, .type { font-size: 11px; fill: var(--faint) }
  .type { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round }
  .paper { fill: var(--paper) }
  rect.stage { fill: var(--box); stroke: var(--line) }
  rect.end { stroke: var(--hue); stroke-width: 1.5 }
  path { fill: none; stroke: var(--line); stroke-width: 1.4 }
  path.hold { stroke-dasharray: 5 4 }
  marker path { fill: var(--line); stroke: none }
"""


def text(graph: Graph) -> str:
    """One line per stage and, indented, one per wire into it."""
    lines = []
    for name, node in graph.nodes.items():
        lines.append(f"{name}: {node.stage.use}")
        lines += [f"  {w.port} <- {w.key}  {_type(graph, w)}" for w in graph.wires if w.dst == name]
    return "\n".join(lines)


def mermaid(graph: Graph) -> str:
    """A Mermaid flow chart, as GitHub and many wikis draw it; held inputs are dotted."""
    ids = {name: f"s{n}" for n, name in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[name]}["<b>{_quoted(name)}</b><br>{_quoted(n.stage.use)}"]' for name, n in graph.nodes.items()]
    for w in graph.wires:
        arrow = "-.->" if _holds(graph, w) else "-->"
        lines.append(f'  {ids[w.src]} {arrow}|"{_quoted(_type(graph, w))}"| {ids[w.dst]}')
    return "\n".join(lines)


@dataclass
class Box:
    """Where a stage is drawn, or (as high as a line) where a long wire crosses a column."""

    x: float
    y: float
    w: float
    h: float


Item = str | tuple[str, int]  # a stage's name, or the lane of an output in the column of that number


def svg(graph: Graph) -> str:
    """A picture from left to right, one column per topological level; it follows the reader's light or dark theme.

    A wire that skips columns gets a lane of its own through them (Sugiyama's layered drawing), shared by all wires of
    the same output, so that no wire passes behind a stage.
    """
    level = levels(graph)
    boxes = _layout(graph, _columns(graph, level))
    width = max(b.x + b.w for b in boxes.values()) + MARGIN
    height = max(b.y + b.h for b in boxes.values()) + MARGIN
    ends = {name for name, node in graph.nodes.items() if node.stage.is_source() or not node.stage.outputs}
    wires = [_wire(graph, w, boxes, level) for w in graph.wires]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img">',
            f"<title>{escape(graph.name)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
            '<rect class="paper" width="100%" height="100%"/>',
            *(line for line, _ in wires),
            *(_stage(name, node.stage.use, boxes[name], name in ends) for name, node in graph.nodes.items()),
            *(label for _, label in wires),
            "</svg>",
            "",
        ]
    )


def levels(graph: Graph) -> dict[str, int]:
    """Each stage's column: the longest way from a source; a source stands just before the first stage it feeds."""
    level: dict[str, int] = {}
    for name in graph.order:
        level[name] = max((level[w.src] + 1 for w in graph.wires if w.dst == name), default=0)
    for name, node in graph.nodes.items():
        if node.stage.is_source():
            level[name] = min((level[w.dst] for w in graph.wires if w.src == name), default=1) - 1
    return level


def _way(w: Wire, level: dict[str, int]) -> list[Item]:
    """What a wire passes, from its stage through lanes to its stage."""
    return [w.src, *((w.key, n) for n in range(level[w.src] + 1, level[w.dst])), w.dst]


def _columns(graph: Graph, level: dict[str, int]) -> list[list[Item]]:
    """Stages and lanes by column, each column ordered by the middle of what feeds it, which keeps wires short."""
    feeds: dict[Item, list[Item]] = {name: [] for name in graph.order}
    for w in graph.wires:
        way = _way(w, level)
        for before, after in itertools.pairwise(way):
            feeds.setdefault(after, []).append(before)
    columns: list[list[Item]] = [[] for _ in range(max(level.values()) + 1)]
    for item in feeds:
        columns[level[item] if isinstance(item, str) else item[1]].append(item)
    row: dict[Item, float] = {}
    for column in columns:
        column.sort(key=lambda item: sum(row.get(f, 0.0) for f in feeds[item]) / max(len(feeds[item]), 1))
        row.update({item: i - (len(column) - 1) / 2 for i, item in enumerate(column)})
    return columns


def _layout(graph: Graph, columns: list[list[Item]]) -> dict[Item, Box]:
    boxes: dict[Item, Box] = {}
    gap = SMALL * max((len(_type(graph, w)) for w in graph.wires), default=0) + 56
    heights = [sum(BOX_H if isinstance(i, str) else 0 for i in c) + GAP_Y * (len(c) - 1) for c in columns]
    x = float(MARGIN)
    for column, height in zip(columns, heights, strict=True):
        names = [i for i in column if isinstance(i, str)]
        w = max((max(len(n) * CHAR, len(graph.nodes[n].stage.use) * SMALL) for n in names), default=0) + 2 * PAD
        y = MARGIN + (max(heights) - height) / 2
        for item in column:
            boxes[item] = Box(x, y, w, BOX_H if isinstance(item, str) else 0)
            y += boxes[item].h + GAP_Y
        x += w + gap
    return boxes


def _stage(name: str, use: str, box: Box, end: bool) -> str:
    x = box.x + box.w / 2
    return (
        f'<rect class="stage{" end" if end else ""}" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.w:.1f}" '
        f'height="{box.h}" rx="8"/>'
        f'<text class="name" x="{x:.1f}" y="{box.y + 23:.1f}" text-anchor="middle">{escape(name)}</text>'
        f'<text class="use" x="{x:.1f}" y="{box.y + 40:.1f}" text-anchor="middle">{escape(use)}</text>'
    )


def _wire(graph: Graph, w: Wire, boxes: dict[Item, Box], level: dict[str, int]) -> tuple[str, str]:
    """The line of a wire and its label; wires that enter the same stage fan out along its side."""

    def before(v: Wire) -> float:
        return boxes[_way(v, level)[-2]].y

    outs = list(dict.fromkeys(v.key for v in graph.wires if v.src == w.src))
    into = sorted((v for v in graph.wires if v.dst == w.dst), key=before)
    src, *lanes, dst = (boxes[item] for item in _way(w, level))
    x, y = src.x + src.w, src.y + src.h * (outs.index(w.key) + 1) / (len(outs) + 1)
    path = f"M{x:.1f} {y:.1f}"
    for lane in lanes:
        path += _curve(x, y, lane.x, lane.y) + f"H{lane.x + lane.w:.1f}"
        x, y = lane.x + lane.w, lane.y
    end = dst.y + dst.h * (into.index(w) + 1) / (len(into) + 1)
    path += _curve(x, y, dst.x, end)
    kind = "hold" if _holds(graph, w) else "wire"
    middle = f'x="{(x + dst.x) / 2:.1f}" y="{(y + end) / 2 - 4:.1f}"'
    return (
        f'<path class="{kind}" marker-end="url(#tip)" d="{path}"/>',
        f'<text class="type" {middle} text-anchor="middle">{escape(_type(graph, w))}</text>',
    )


def _curve(x0: float, y0: float, x1: float, y1: float) -> str:
    """Level at both ends."""
    x = (x0 + x1) / 2
    return f"C{x:.1f} {y0:.1f} {x:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"


def _type(graph: Graph, w: Wire) -> str:
    """The type that travels on a wire, in as few letters as say it."""
    return str(graph.nodes[w.src].stage.outputs[w.out].types[0])


def _holds(graph: Graph, w: Wire) -> bool:
    return graph.nodes[w.dst].stage.inputs[w.port].hold


def _quoted(words: str) -> str:
    return words.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
