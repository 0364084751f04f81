"""The command line: finds its commands in `bgflow/cli/commands/`, configures logging, and turns errors into exit codes.

0    done, or stopped by the first Ctrl-C with every file finished
1    failed while running
2    could not start: a wrong graph, option, file, model or device
70   an error in bgflow itself
130  interrupted
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import logging
import os
import pkgutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType

import click

from bgflow import __version__, process
from bgflow.cli import commands
from bgflow.errors import BgflowError
from bgflow.stopping import INTERRUPTED

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # looking for them reads every installed distribution: 13 ms

INTERNAL = 70
log = logging.getLogger("bgflow")


class Commands(click.Group):
    """A group whose commands are the modules of `bgflow.cli.commands`; only the one that is called is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(m.name for m in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"bgflow.cli.commands.{name}").command
        _give_verbose(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            from bgflow.document import near

            ctx.fail(f"there is no command {args[0]!r}{near(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _verbose(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value:
        log.setLevel(logging.DEBUG)


VERBOSE = click.Option(
    ["-v", "--verbose"], is_flag=True, expose_value=False, callback=_verbose, help="Tell more; show tracebacks."
)


def _give_verbose(command: click.Command) -> None:
    """Let a command and all below it take `-v`."""
    if VERBOSE not in command.params:
        command.params.append(VERBOSE)
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _give_verbose(below)


@click.group(cls=Commands, params=[VERBOSE], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="bgflow", message="bgflow %(version)s")
def cli() -> None:
    """Remove, blur and replace the background of live video.

    The everyday verbs need nothing but an input and an output: remove, replace, blur.
    """


class Plain(logging.Handler):
    """Log records as plain lines on whatever stderr is at the moment, so that a progress bar can make way."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {record.name.removeprefix('bgflow.')}: {text}"
        elif record.levelno < logging.INFO:
            text = f"{record.name}: {text}"
        print(text, file=sys.stderr)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; prints one line for an error, a traceback only with `-v`."""
    process.prepare()
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers = [Plain()]
    with _interrupts() as interrupted:
        try:
            return cli.main(args, prog_name="bgflow", standalone_mode=False) or 0
        except BrokenPipeError:  # the reader of our output has gone, as in `bgflow stages | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except BaseException as error:
            if isinstance(error, SystemExit | GeneratorExit):
                raise
            return told(KeyboardInterrupt() if interrupted.is_set() else error)


@contextlib.contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Whether Ctrl-C was pressed: an import that it breaks may raise any other error instead."""
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def told(error: BaseException) -> int:
    """Print an error as its user should see it; returns the exit code."""
    if isinstance(error, BaseExceptionGroup):
        return max(told(e) for e in error.exceptions)
    if log.isEnabledFor(logging.DEBUG):
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        _say("interrupted")
        return INTERRUPTED
    if isinstance(error, BgflowError):
        _say(str(error))
        return error.exit_code
    if isinstance(error, click.ClickException):
        _say(_in_our_words(error))
        return error.exit_code
    lines = str(error).splitlines() or [""]
    _say(f"internal error: {type(error).__name__}: {lines[0]}; run with -v for the traceback")
    return INTERNAL


def _in_our_words(error: click.ClickException) -> str:
    """A usage error as one line: command: what is wrong; what would be right."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "bgflow"
    if isinstance(error, click.NoSuchOption) and ctx:
        there = {name.lstrip("-"): name for option in ctx.command.params for name in option.opts if name[0] == "-"}
        hit = difflib.get_close_matches(error.option_name.lstrip("-"), there, 1)
        hint = f"did you mean {there[hit[0]]!r}?" if hit else f"see {path} -h"
        return f"{path}: there is no option {error.option_name!r}; {hint}"
    text = " ".join(error.format_message().split()).rstrip(".")
    hint = "" if "did you mean" in text else f"; see {path} -h"
    return f"{path}: {text[:1].lower()}{text[1:]}{hint}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
