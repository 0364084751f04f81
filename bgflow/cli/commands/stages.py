"""`bgflow stages`: what stages there are, and what each takes, gives and can be told; all read from the code."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from bgflow import action as actions
from bgflow.errors import UsageError
from bgflow.port import Port
from bgflow.registry import UnknownStage, builtin, find
from bgflow.stage import Stage

WIDTH = 100


@click.command("stages")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(name: str | None, as_json: bool) -> None:
    """List the stages, or show all about one.

    NAME is 'family.stage', a family, or 'file.py:Class'.
    """
    chosen = _chosen(name)
    if as_json:
        click.echo(json.dumps([described(cls) for cls in chosen], indent=2, ensure_ascii=False))
    elif name and ("." in name or ":" in name):
        click.echo("\n".join(_page(described(chosen[0]))))
    else:
        width = max(len(cls.use) for cls in chosen)
        for cls in chosen:
            click.echo(f"{cls.use:{width}}  {_docs(cls).partition(chr(10))[0]}")


def _chosen(name: str | None) -> list[type[Stage]]:
    if name and (":" in name or "." in name):
        try:
            return [find(name, Path.cwd())]
        except UnknownStage as e:
            raise UsageError(str(e)) from e
    there = builtin()
    found = [cls for use, cls in there.items() if not name or use.partition(".")[0] == name]
    if not found:
        from bgflow.document import near

        families = {use.partition(".")[0] for use in there}
        raise UsageError(f"there is no stage and no family {str(name)!r}{near(str(name), families)}")
    return found


def described(cls: type[Stage]) -> dict[str, Any]:
    """All that is known of a stage's class, as plain data."""
    return {
        "use": cls.use,
        "docs": _docs(cls),
        "kind": "source" if cls.is_source() else "stage" if cls.outputs else "sink",
        "live": cls.live,
        "host": cls.host,
        "inputs": {n: _port(p) for n, p in cls.inputs.items()},
        "outputs": {n: _port(p) for n, p in cls.outputs.items()},
        "parameters": {n: _param(cls, n, about) for n, about in _schema(cls).items()},
        "actions": actions.described(cls),
    }


def _docs(cls: type[Stage]) -> str:
    return inspect.getdoc(cls) or ""


def _port(port: Port) -> dict[str, Any]:
    return {"type": port.type, "hold": port.hold, "optional": port.optional, "description": port.description}


def _schema(cls: type[Stage]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cls.Params.model_json_schema().get("properties", {})
    return found


def _param(cls: type[Stage], name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    required = cls.Params.model_fields[name].is_required()
    return {
        "type": _type(about),
        "required": required,
        "default": None if required else about.get("default"),
        "range": _range(about),
        "unit": about.get("unit", ""),
        "hot": bool(about.get("hot")),
        "description": about.get("description", ""),
    }


def _type(about: Mapping[str, Any]) -> str:
    if "enum" in about:
        return " | ".join(map(str, about["enum"]))
    if "anyOf" in about:
        return " | ".join(dict.fromkeys(_type(kind) for kind in about["anyOf"]))
    return str(about.get("const", about.get("type", "any")))


def _range(about: Mapping[str, Any]) -> str:
    """The limits in words: '0 to 1', 'above 0', 'from 1'."""
    for kind in about.get("anyOf", ()):
        if words := _range(kind):
            return words
    low, high = about.get("minimum", about.get("exclusiveMinimum")), about.get("maximum", about.get("exclusiveMaximum"))
    below = "to" if "maximum" in about else "below"
    if low is None and high is None:
        return str(about.get("pattern", ""))
    if low is None:
        return f"up to {high:.10g}" if below == "to" else f"below {high:.10g}"
    first = f"from {low:.10g}" if "minimum" in about else f"above {low:.10g}"
    if high is None:
        return first
    return (
        f"{low:.10g} to {high:.10g}" if first.startswith("from") and below == "to" else f"{first} {below} {high:.10g}"
    )


def _page(about: Mapping[str, Any]) -> Iterator[str]:
    """One stage as a page of text."""
    notes = [about["kind"], *(["live"] if about["live"] else []), *(["always on the CPU"] if about["host"] else [])]
    yield f"{about['use']}  ({', '.join(notes)})"
    yield ""
    yield from about["docs"].splitlines()
    for title in ("inputs", "outputs"):
        if about[title]:
            yield ""
            yield f"{title}:"
        for name, port in about[title].items():
            traits = ", ".join(t for t in ("hold", "optional") if port[t])
            yield f"  {name}: {port['type']}" + (f"  ({traits})" if traits else "")
            yield from _indented(port["description"])
    if about["parameters"]:
        yield ""
        yield "parameters:"
    for name, param in about["parameters"].items():
        default = "required" if param["required"] else f"default {_shown(param['default'])}"
        words = [param["type"], param["range"], param["unit"], default, "hot" if param["hot"] else ""]
        yield f"  {name}: {', '.join(w for w in words if w)}"
        yield from _indented(param["description"])
    if about["actions"]:
        yield ""
        yield "actions:"
    for it in about["actions"]:
        takes = ", ".join(f"{name}: {_type(param)}" for name, param in it["parameters"].items())
        yield f"  {it['action']}" + (f"({takes})" if takes else "")
        yield from _indented(it["description"])


def _shown(value: Any) -> str:
    return "''" if value == "" else str(value).lower() if isinstance(value, bool) else str(value)


def _indented(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, initial_indent="      ", subsequent_indent="      ")
