"""What the engine itself costs: an empty stage, the hand-over between two threads, the start of a process.

Everything runs through the real engine: `load`, `plan`, `Run`, and for the start `python -m bgflow run`.
"""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Iterator

from bgflow import Run, load, plan
from bgflow.bench.empty import END, NOTHING, TICK, End
from bgflow.bench.result import Goal
from bgflow.bench.starts import starts
from bgflow.bench.suite import Case, Item, Scope
from bgflow.frame import WARM_UP

LENGTHS = (1, 10, 100)  # stages of a chain
WORK = 40_000  # calls of stages in one sample
GAP = 0.001  # seconds between frames that find the other thread asleep


def cases(scope: Scope) -> Iterator[Item]:
    """Chains, hand-overs, starts."""
    work = 400 if scope.tiny else WORK
    for length in LENGTHS:
        yield Case(
            f"{length} empty stage{'s' * (length > 1)}, each",
            lambda length=length: chain(length, work // length) / length,  # type: ignore[misc]
            unit="µs",
            note="processor time of a frame, with its share of the source, the end and the instant itself",
            clocked=True,
        )
    short, long = LENGTHS[1:]
    yield Case(
        "one empty stage more",
        lambda: (chain(long, work // long) - chain(short, work // short)) / (long - short),
        unit="µs",
        goals=[Goal(of="value", most=3)],
        note=f"processor time of a frame; from {short} to {long} of them",
        clocked=True,
    )
    frames = 20 if scope.tiny else 300
    yield Case(
        "hand-over to a thread that sleeps",
        lambda: delay(frames, two=True) - delay(frames, two=False),
        {"a bare lock": lambda: woken(frames)},
        unit="µs",
        goals=[Goal(of="value", most=30)],
        note=f"one frame every {GAP * 1e3:g} ms, from its entry to its end; median, less the same on one thread",
        clocked=True,
    )
    yield Case(
        "hand-over of frames without a rest",
        lambda: passed(work // 10, two=True) - passed(work // 10, two=False),
        unit="µs",
        note="time from frame to frame on two threads, less the same on one; Python runs one of them at a time",
        clocked=True,
    )
    yield from starts(scope)


def chain(length: int, frames: int) -> float:
    """Seconds of a processor for a frame through so many empty stages, on one thread; what others do counts little."""
    names = ["tick", *(f"s{n}" for n in range(length))]
    stages = [f'{name}: {{use: "{NOTHING}", in: {before}}}' for before, name in itertools.pairwise(names)]
    return _ran([*stages, f'end: {{use: "{END}", in: {names[-1]}, set: {{warm: {WARM_UP}}}}}'], frames).work


def delay(frames: int, *, two: bool) -> float:
    """Seconds from a frame's entry to its end, the median; the end on a thread of its own or on the source's."""
    return statistics.median(_ran([_end(two)], frames, gap=GAP).delays)


def woken(frames: int) -> float:
    """Seconds from the release of a lock to the thread that slept on it, the median: what no hand-over can beat."""
    lock, rest = threading.Lock(), threading.Event()
    lock.acquire()
    released, woke = list[float](), list[float]()

    def sleeper() -> None:
        for _ in range(frames):
            lock.acquire()
            woke.append(time.monotonic())

    thread = threading.Thread(target=sleeper)
    thread.start()
    for _ in range(frames):
        rest.wait(GAP)
        while not lock.locked():  # the sleeper has not come yet
            rest.wait(GAP)
        released.append(time.monotonic())
        lock.release()
    thread.join()
    return statistics.median(b - a for a, b in zip(released, woke, strict=True))


def passed(frames: int, *, two: bool) -> float:
    """Seconds from frame to frame."""
    return _ran([_end(two)], frames).each


def _end(two: bool) -> str:
    return f'end: {{use: "{END}", in: tick, set: {{warm: {WARM_UP}}}{", thread: other" if two else ""}}}'


def _ran(stages: list[str], frames: int, gap: float = 0.0) -> End:
    """The end of a graph that was run for so many frames after its warm-up."""
    tick = f'tick: {{use: "{TICK}", set: {{gap: {gap}}}}}'
    text = "\n".join(["graph: overhead", "device: cpu", "stages:", *(f"  {s}" for s in (tick, *stages)), ""])
    graph = load("bench/overhead.yaml", text)
    with Run(plan(graph, cores=1), frames=frames + WARM_UP) as run:
        run.wait()
    end = graph.nodes["end"].stage
    assert isinstance(end, End)
    return end
