"""A measurement as tables: for the terminal, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table as Rich

from bgflow.bench.figures import ABSENT, Result

NONE = "–"


@dataclass(frozen=True)
class Table:
    """A heading, columns, and rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]] = ()

    def markdown(self) -> str:
        """As a page has it."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        body = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
        return f"**{self.title}**\n\n{body}"

    def show(self, console: Console) -> None:
        """As a terminal has it."""
        table = Rich(*self.columns, title=self.title, title_justify="left", box=box.SIMPLE)
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


def tables(result: Result) -> Iterator[Table]:
    """Everything in the result, in the order in which it is of interest."""
    yield headline(result)
    card = result.card
    rows = [(name, text) for name, value in card.model_dump().items() if (text := str(value))]
    yield Table("Environment", ("what", "is"), rows)
    if result.bandwidth:
        names = {
            "device_gbs": "copy on the device, read + written",
            "pinned_up_gbs": "pinned memory to the device",
            "pinned_down_gbs": "device to pinned memory",
            "upload_gbs": "Device.upload of an NV12 frame",
            "download_gbs": "Device.download of an NV12 frame",
        }
        values = result.bandwidth.model_dump()
        yield Table("Bandwidth", ("copy", "GB/s"), [(text, _number(values[n], "{:,.1f}")) for n, text in names.items()])
    yield Table(
        "Chains through the engine",
        ("chain", "size", "copies", "mode", "frames/s", "p50 ms", "p99 ms", "up", "down", "launches", "µs each"),
        [
            (
                c.chain, c.size, "yes" if c.copies else "no", c.mode, f"{c.fps:,.0f}", f"{c.p50_ms:.2f}",
                f"{c.p99_ms:.2f}", f"{c.ups:g}", f"{c.downs:g}", f"{c.launches:.3g}", f"{c.launch_us:.1f}",
            )
            for c in result.chains
        ],
    )  # fmt: skip
    yield Table(
        "Streams at 30 frames/s",
        ("chain", "size", "streams", "frames/s of the slowest", "p50 ms", "p99 ms", "holds"),
        [
            (
                s.chain, s.size, str(s.streams), f"{s.fps:.1f}", _number(s.p50_ms, "{:.1f}"),
                _number(s.p99_ms, "{:.1f}"), "yes" if s.holds else "no",
            )
            for s in result.streams
        ],
    )  # fmt: skip
    yield Table(
        "Networks",
        ("model", "engine", "precision", "input", "ms", "mean alpha difference to fp32", ""),
        [
            (n.model, n.engine, n.precision, n.input, _number(n.ms, "{:.3f}"), _number(n.mean_alpha, "{:.4f}"), n.why)
            for n in result.networks
        ],
    )
    yield Table(
        "Kernels",
        ("kernel", "in", "size", "launches a frame", "MB moved", "µs", "share of the limit"),
        [
            (
                k.kernel, k.stage, k.size, str(k.launches), f"{k.moved_bytes / 1e6:.3f}", _number(k.us, "{:.1f}"),
                _number(k.share, "{:.0%}"),
            )
            for k in result.kernels
        ],
    )  # fmt: skip
    left_out = [(name, f"left out: {why}") for name, why in result.absent.items()]
    yield Table("Not measured", ("what", "why"), left_out + list(result.failed.items()))


def headline(result: Result) -> Table:
    """The goals, and what was measured."""
    rows = [(g.what, g.goal, g.measured or ABSENT, g.verdict) for g in result.goals]
    return Table(f"Goals, on {result.card.card or result.card.device}", ("what", "goal", "measured", "verdict"), rows)


def markdown(result: Result) -> str:
    """All tables that have rows."""
    return "\n\n".join(t.markdown() for t in tables(result) if t.rows)


def show(result: Result, console: Console) -> None:
    """The same on a terminal."""
    for table in tables(result):
        if table.rows:
            table.show(console)


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else form.format(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
