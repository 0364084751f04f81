"""Measure the GPU path on one card in one go, under eight minutes.

    python -m bgflow.bench.gpu [--quick] [--device cuda:0] [--out bench/results/gpu-CARD.json]

It prints tables, writes all figures as JSON, and on a GPU also writes the tables between the markers of docs/gpu.md
and README.md. Run it in a checkout that has the test tools: the kernels are compared on the cases of tests/kernels.
`--device fake` and `--device cpu` try the bench itself on a machine without a GPU; they write no page.

It ends with 1 when a section broke off or something is not equal, with 2 when there is no such device.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from bgflow import graphs, load
from bgflow.bench import page
from bgflow.bench.bandwidth import bandwidth
from bgflow.bench.card import card
from bgflow.bench.chains import CHAINS, chain, equality, grafted, growth, measured
from bgflow.bench.figures import Result
from bgflow.bench.goals import goals
from bgflow.bench.kernels import kernels
from bgflow.bench.networks import networks
from bgflow.bench.parity import parity
from bgflow.bench.pictures import Size
from bgflow.bench.quality import between_markers
from bgflow.bench.stopwatch import Stopwatch
from bgflow.bench.streams import streams
from bgflow.devices import Device, device
from bgflow.errors import BgflowError, ModelError
from bgflow.graph import Graph

PAGES = ("docs/gpu.md", "README.md")
SECONDS = 420  # what has not begun by then is left out
RESULTS = Path("bench/results")


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is measured."""

    sizes: tuple[Size, ...] = (Size(1280, 720), Size(1920, 1080))
    frames: int = 600
    long: int = 1000
    """Frames over which memory must not grow."""
    repeats: int = 20
    streams: int = 64
    stream_seconds: float = 3
    seconds: float = SECONDS


QUICK = Extent(sizes=(Size(1280, 720),), frames=200, repeats=7, streams=8, stream_seconds=2, seconds=150)


def measure(where: Device, extent: Extent, model: str, wanted: Sequence[str]) -> Result:
    """All sections in turn; one that fails is noted, and the next one begins."""
    name, first = where.name, extent.sizes[0]
    deadline = time.monotonic() + extent.seconds
    watch, result = Stopwatch(where), Result(card=card(where))

    def section(title: str, work: Callable[[], None]) -> None:
        began = time.monotonic()
        if began > deadline:
            result.absent[title] = "the time was up"
            return
        print(f"{title} …", file=sys.stderr, flush=True)
        try:
            work()
        except Exception as e:  # the figures of the other sections are still worth something
            missing = isinstance(e, ImportError) or isinstance(e.__cause__ or e, ModelError)
            (result.absent if missing else result.failed)[title] = _line(e)
        result.seconds[title] = round(time.monotonic() - began, 2)

    def copy_speed() -> None:
        result.bandwidth = bandwidth(watch, first, extent.repeats)

    def kernel_figures(size: Size) -> None:
        speed = result.bandwidth.device_gbs if result.bandwidth else None
        result.kernels.extend(kernels(watch, size, speed, extent.repeats, result.failed))

    def compared() -> None:
        result.parity = parity(where, deadline)

    def in_chain(chosen: str, size: Size) -> None:
        for copies in (False, True):
            for graph in (False, True):
                result.chains.append(measured(chosen, name, size, model, copies, graph, extent.frames))

    def replayed(make: Callable[[], Graph]) -> None:
        result.equality.append(equality(make, 40))

    def long_run(chosen: str) -> None:
        result.growth.append(growth(watch, chosen, first, model, extent.long))

    def live() -> None:
        for figure in streams("full", name, first, model, extent.streams, extent.stream_seconds, deadline):
            result.streams.append(figure)

    def network(chosen: str) -> None:
        for figure in networks(watch, chosen, first, extent.repeats, deadline):
            result.networks.append(figure)

    section("bandwidth", copy_speed)
    for chosen in CHAINS:
        section(f"chain {chosen} at {first}", functools.partial(in_chain, chosen, first))
    for title, make in _graphs(name, first, model):
        section(f"replay of {title}", functools.partial(replayed, make))
    for chosen in ("classical", "full"):
        section(f"memory of {chosen}", functools.partial(long_run, chosen))
    for size in extent.sizes:
        section(f"kernels at {size}", functools.partial(kernel_figures, size))
    section("streams", live)
    section("parity", compared)
    for size in extent.sizes[1:]:
        for chosen in CHAINS:
            section(f"chain {chosen} at {size}", functools.partial(in_chain, chosen, size))
    for chosen in wanted:
        section(f"network {chosen}", functools.partial(network, chosen))
    result.goals = goals(result)
    return result


def _graphs(name: str, size: Size, model: str) -> Iterator[tuple[str, Callable[[], Graph]]]:
    """The names of the chains and of every graph that comes with bgflow, and what makes them on the same frames."""
    for chosen in CHAINS:
        yield chosen, functools.partial(chain, chosen, name, size, model, {"out.keep": "true"})
    for file in sorted(Path(str(graphs.__path__[0])).glob("*.yaml")):
        sets = [f"{n}.model={model}" for n, node in load(file).nodes.items() if node.stage.use == "u2net.mask"]
        yield file.stem, functools.partial(_grafted, file, name, sets, size)


def _grafted(file: Path, name: str, sets: list[str], size: Size) -> Graph:
    return grafted(load(file, device=name, sets=sets), size)


def _line(e: BaseException) -> str:
    return f"{type(e).__name__}: {' '.join(str(e).split())}"[:300]


def main(args: Sequence[str] | None = None) -> int:
    """Measure, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bgflow.bench.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda:0", help="cuda:0; fake or cpu to try the bench itself")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the JSON; on a GPU bench/results/gpu-CARD.json")
    parser.add_argument("--quick", action="store_true", help="720p only, in two minutes")
    parser.add_argument("--model", default="u2netp", help="the network of the chains; u2netp")
    parser.add_argument("--networks", default="u2netp,u2net", help="those that are timed alone; u2netp,u2net")
    parser.add_argument("--seconds", type=float, help=f"after which nothing more is begun; {SECONDS}")
    given = parser.parse_args(args)
    try:
        where = device(given.device)
    except BgflowError as e:
        print(f"bgflow.bench.gpu: {e}", file=sys.stderr)
        return 2
    extent = QUICK if given.quick else Extent()
    if given.seconds is not None:
        extent = dataclasses.replace(extent, seconds=given.seconds)
    return finish(measure(where, extent, given.model, given.networks.split(",")), given.out)


def finish(result: Result, out: Path | None) -> int:
    """Print the tables, write the JSON and, on a GPU, the pages."""
    page.show(result, Console(width=None if sys.stdout.isatty() else 160))
    on_gpu = result.card.device.startswith("cuda")
    if out is None and on_gpu:
        out = RESULTS / f"gpu-{slug(result.card.card)}.json"
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(result.model_dump_json(indent=2) + "\n", "utf-8")
        print(f"wrote {out}", file=sys.stderr)
    if on_gpu:
        _write_pages(result)
    unequal = [g.what for g in result.goals[4:] if g.verdict == "missed"]
    return int(bool(result.failed or unequal))


def slug(name: str) -> str:
    """'NVIDIA H200' is h200."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("nvidia ")).strip("-")


def _write_pages(result: Result) -> None:
    for name, text in zip(PAGES, (page.markdown(result), page.headline(result).markdown()), strict=True):
        if (file := Path(name)).is_file():
            file.write_text(between_markers(file.read_text("utf-8"), "gpu", text), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
