"""The stage reference: one page for each family, from the classes of its stages."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

from bgflow.cli.commands.stages import described
from bgflow.graph import Graph
from bgflow.registry import builtin
from bgflow.stage import Stage
from docs.reference.examples import example
from docs.reference.graphs import shipped
from docs.reference.markdown import block, code, escaped, prose, summary, table

KINDS = {"source": "makes frames", "stage": "takes frames and gives frames", "sink": "takes frames and is the end"}


def pages() -> dict[str, str]:
    """`reference/stages/FAMILY.md` for every family, and the list of all."""
    families: dict[str, list[type[Stage]]] = {}
    for use, cls in builtin().items():
        families.setdefault(use.partition(".")[0], []).append(cls)
    graphs = shipped()
    out = {f"reference/stages/{family}.md": _page(family, classes, graphs) for family, classes in families.items()}
    return {"reference/stages/index.md": _index(families), **out}


def _index(families: Mapping[str, list[type[Stage]]]) -> str:
    rows = [
        [
            f"[`{cls.use}`]({family}.md#{anchor(cls)})",
            described(cls)["kind"],
            escaped(summary(inspect.getdoc(cls) or "")),
        ]
        for family, classes in families.items()
        for cls in classes
    ]
    return "\n\n".join(
        [
            "# All stages",
            "Made from the code, as `bgflow stages` is. A port's type says what an array holds: `u8[h,w,3] rgb` is a "
            "picture of bytes, `f32[h,w] alpha` a matte from 0 to 1, and the same letter is the same number on all "
            "ports of a stage. A *hot* parameter may [change while the graph runs](../../controls.md). Stages of your "
            "own: [custom-stages](../../custom-stages.md).",
            table(["stage", "kind", "what it does"], rows),
            "",
        ]
    )


def anchor(cls: type[Stage]) -> str:
    """Where on its family's page a stage is."""
    return cls.use.replace(".", "-")


def _page(family: str, classes: list[type[Stage]], graphs: Mapping[str, Graph]) -> str:
    about = inspect.getdoc(importlib.import_module(f"bgflow.stages.{family}")) or ""
    parts = [f"# {family}", prose(about)]
    for cls in classes:
        parts += _stage(cls, graphs)
    return "\n\n".join([*filter(None, parts), ""])


def _stage(cls: type[Stage], graphs: Mapping[str, Graph]) -> Iterator[str]:
    about = described(cls)
    notes = [KINDS[about["kind"]], *(["live: never waits"] if about["live"] else [])]
    notes += ["always on the CPU"] if about["host"] else []
    yield f"## `{cls.use}` {{ #{anchor(cls)} }}"
    yield f"*{'; '.join(notes)}*"
    yield prose(about["docs"])
    yield _ports("input", about["inputs"])
    yield _ports("output", about["outputs"])
    yield table(
        ["parameter", "values", "default", "meaning"],
        [_parameter(name, param) for name, param in about["parameters"].items()],
    )
    yield table(
        ["action", "takes", "does"],
        [
            [code(it["action"]), ", ".join(f"`{name}`" for name in it["parameters"]), escaped(it["description"])]
            for it in about["actions"]
        ],
    )
    yield block(example(cls), "yaml")
    used = [name for name, graph in graphs.items() if any(n.stage.use == cls.use for n in graph.nodes.values())]
    if used:
        yield "Used in " + ", ".join(f"[{name}](../graphs.md#{name})" for name in used) + "."


def _ports(title: str, ports: Mapping[str, Any]) -> str:
    def traits(port: Mapping[str, Any]) -> str:
        words = {"hold": "keeps the newest value", "optional": "may be left open"}
        return "; ".join(filter(None, [*(text for trait, text in words.items() if port[trait]), port["description"]]))

    return table([title, "type", "note"], [[code(n), code(p["type"]), escaped(traits(p))] for n, p in ports.items()])


def _parameter(name: str, param: Mapping[str, Any]) -> list[str]:
    default = "**required**" if param["required"] else code(json.dumps(param["default"], ensure_ascii=False))
    values = param["type"].replace(" | ", ", ")
    if param["range"]:
        values += ", " + (code(param["range"]) if param["type"] == "string" else f"{param['range']} {param['unit']}")
    elif param["unit"]:
        values += f", {param['unit']}"
    return [code(name) + " *hot*" * param["hot"], values, default, escaped(param["description"])]
