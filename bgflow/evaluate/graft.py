"""Put eval's own ends on a graph: cut it down to what makes one matte, and feed that from the data.

The matte is the graph's last one: the `f32[h,w] alpha` output that no other matte of the graph is made from. Sources
do not count. When there are several such outputs, or a label is to be judged, `--alpha STAGE.OUTPUT` says which. What
that matte does not need is left out: sinks, compositing, sound. The source that it comes from is replaced; when it
comes from several, `--source STAGE` says which one, and the others stay as they are.
"""

from __future__ import annotations

from bgflow.document import near
from bgflow.errors import UsageError
from bgflow.evaluate.feed import Feed, Judge
from bgflow.graph import Graph, Node, Wire

JUDGE = "eval.sink"  # no stage of a graph has a dot in its name


def graft(graph: Graph, feed: Feed, judge: Judge, *, alpha: str = "", source: str = "") -> Graph:
    """The graph that eval runs.

    Raises:
        UsageError: there is no such matte or source, or the matte needs what the data does not have.
    """
    stage, out = judged(graph, alpha)
    needed = upstream(graph, stage)
    replaced = _source(graph, needed, source, f"{stage}.{out}")
    pictures = [n for n, p in graph.nodes[replaced].stage.outputs.items() if p.types[0].meaning == "rgb"]
    has_plate = feed.footage is None or feed.footage.plate is not None
    wires = []
    for w in graph.wires:
        if w.dst not in needed or w.dst == replaced:
            continue
        if w.src != replaced:
            wires.append(w)
            continue
        port = "plate" if w.out == "plate" else "image" if w.out in pictures else ""
        if port == "image" or (port and has_plate):
            wires.append(Wire(w.src, port, w.dst, w.port))
        elif not graph.nodes[w.dst].stage.inputs[w.port].optional:
            raise UsageError(f"{graph.file}: {w.dst} needs {w.key}, which the data does not have; it has pictures")
    wires += [Wire(replaced, "ticket", JUDGE, "ticket"), Wire(stage, out, JUDGE, "alpha")]
    nodes = {n: graph.nodes[n] for n in graph.order if n in needed}
    nodes[replaced] = Node(replaced, feed, graph.nodes[replaced].where)
    nodes[JUDGE] = Node(JUDGE, judge, graph.nodes[stage].where)
    return Graph(graph.name, graph.file, nodes, tuple(wires), graph.device, "file")


def judged(graph: Graph, alpha: str = "") -> tuple[str, str]:
    """The stage and the output that are judged; raises UsageError."""
    mattes = {
        f"{name}.{out}": p.types[0].meaning
        for name, node in graph.nodes.items()
        for out, p in node.stage.outputs.items()
        if p.types[0].meaning in ("alpha", "label") and not node.stage.is_source()
    }
    if alpha:
        if alpha not in mattes:
            raise UsageError(f"--alpha {alpha}: {graph.file} has no such matte{near(alpha, mattes)}")
        return _split(alpha)
    alphas = [key for key, meaning in mattes.items() if meaning == "alpha"]
    last = [
        key
        for key in alphas
        if not any(_split(key)[0] in upstream(graph, _split(k)[0]) for k in alphas if _split(k)[0] != _split(key)[0])
    ]
    if len(last) == 1:
        return _split(last[0])
    if last:
        raise UsageError(f"{graph.file}: has several mattes, {', '.join(last)}; choose one with --alpha")
    more = f"; judge a label with --alpha {next(iter(mattes))}" if mattes else "; eval judges f32[h,w] alpha outputs"
    raise UsageError(f"{graph.file}: no stage makes a matte{more}")


def upstream(graph: Graph, stage: str) -> set[str]:
    """A stage and all that feed it, directly or not."""
    found, todo = {stage}, [stage]
    while todo:
        here = todo.pop()
        fresh = {w.src for w in graph.wires if w.dst == here} - found
        found |= fresh
        todo += fresh
    return found


def _source(graph: Graph, needed: set[str], wanted: str, matte: str) -> str:
    sources = [n for n in graph.order if n in needed and graph.nodes[n].stage.is_source()]
    if wanted:
        if wanted not in sources:
            raise UsageError(f"--source {wanted}: {matte} comes from no such source{near(wanted, sources)}")
        return wanted
    if len(sources) > 1:
        raise UsageError(
            f"{graph.file}: {matte} comes from several sources, {', '.join(sources)}; choose with --source"
        )
    return sources[0]


def _split(key: str) -> tuple[str, str]:
    stage, _, out = key.partition(".")
    return stage, out
