"""The command reference: every command with its arguments and options, from the parser itself."""

from __future__ import annotations

from collections.abc import Iterator

import click

from bgflow.cli import cli
from docs.reference.markdown import block, escaped, prose, table


def pages() -> dict[str, str]:
    """`reference/commands.md`."""
    parts = [
        "# All commands",
        "Made from the code. [The command line](../cli.md) tells of what they share: names of inputs and outputs, exit "
        "codes, the report. Every command takes `-h`, and `-v` for more to read.",
    ]
    for path, command in found():
        parts += _command(path, command)
    return {"reference/commands.md": "\n\n".join([*parts, ""])}


def found(group: click.Group = cli, path: str = "bgflow") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, and what to type for it."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from found(command, f"{path} {name}")
        elif command is not None:
            yield f"{path} {name}", command


def _command(path: str, command: click.Command) -> Iterator[str]:
    ctx = click.Context(command, info_name=path)
    arguments = " ".join(p.make_metavar(ctx) for p in command.params if isinstance(p, click.Argument))
    yield f"## {path}"
    yield block(f"{path} [OPTIONS] {arguments}", "text")
    yield prose(command.help or "")
    options = [p for p in command.params if isinstance(p, click.Option) and "--verbose" not in p.opts]
    yield table(["option", "what it does"], [_option(option, ctx) for option in options])


def _option(option: click.Option, ctx: click.Context) -> list[str]:
    record = option.get_help_record(ctx)
    if record is None:
        return ["", ""]
    names, told = record
    return [f"`{names}`", escaped(told)]
