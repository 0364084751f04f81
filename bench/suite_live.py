"""The WebRTC graph live: with a browser beside it on the same cores, and fed with recorded packets.

The first run has all that a user has: the shipped page in headless Chromium, whose camera plays a clip. The second has
no browser, so that the server alone is measured, and at 720p: a small process sends recorded packets at 30 a second,
however late the server is, and counts what comes back.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bgflow import graphs, models
from bgflow.bench.passages import ARRIVED, CORES, FPS, GROWTH, NAMES, UNITS, latency, rows
from bgflow.bench.pictures import Size
from bgflow.bench.result import Absent, Goal, Row
from bgflow.bench.suite import Item, Scope
from bgflow.errors import BgflowError, ModelError

if TYPE_CHECKING:
    from bgflow.bench.served import Reading, Server

GRAPH, MODEL = str(Path(graphs.__path__[0]) / "webrtc_replace.yaml"), "u2netp"
WATCHED, RECORDED, TINY = Size(640, 360), Size(1280, 720), Size(160, 96)
GLASS, SHOWN = "camera to screen, p95", "pictures a second decoded by the browser"
DUE = "due to last packet out, p95"
CODEC = "VP8"  # of the camera's pictures, as browsers send them; what goes out is the graph's choice
LEAST, TINIEST = 20.0, 2.0  # seconds of a run, however few are asked for
WINDOWS, LONGEST = 10, 10.0  # of a run: so many at least, and of so many seconds at most
SETTLED, PATIENCE = 90, 120.0  # pictures that do not count; seconds in which they must have come
RECORD = 300  # pictures that are sent again and again
GROWN = Goal(of="value", most=1.0)  # MB in ten minutes, which count as none: 58 bytes a picture
WATCHED_GOALS = {
    FPS: Goal(of="value", least=24),
    ARRIVED: Goal(of="value", most=60),
    GROWTH: GROWN,
    GLASS: Goal(of="value", most=200),
}
RECORDED_GOALS = {
    FPS: Goal(of="value", least=29.5),
    ARRIVED: Goal(of="value", most=50),
    CORES: Goal(of="value", most=1.6),
    GROWTH: GROWN,
}


def cases(scope: Scope) -> Iterator[Item]:
    """Both runs."""
    why = ""
    try:
        models.find(MODEL)
    except ModelError as e:
        why = str(e)
    if importlib.util.find_spec("aiortc") is None:
        why = "aiortc is not installed; pip install aiortc"
    seconds = TINIEST if scope.tiny else max(scope.seconds, LEAST)
    size = TINY if scope.tiny else RECORDED
    browserless = why or ("tiny sizes start no browser" if scope.tiny else "")
    runs: dict[str, tuple[tuple[str, ...], str, Mapping[str, Goal], Callable[[], Iterator[Item]]]] = {
        f"browser {WATCHED}": ((*NAMES, GLASS, SHOWN), browserless, WATCHED_GOALS, lambda: watched(seconds)),
        f"packets {size}": ((*NAMES, DUE), why, RECORDED_GOALS, lambda: recorded(size, seconds)),
    }
    for name, (kinds, missing, goals, run) in runs.items():
        if any(scope.only in f"{name}, {kind}" for kind in kinds):
            yield from absent(name, missing, goals) if missing else run()


def absent(run: str, why: str, goals: Mapping[str, Goal]) -> Iterator[Absent]:
    """The rows of a run that have goals, which nobody can tell now."""
    for kind, goal in goals.items():
        yield Absent(suite="live", name=f"{run}, {kind}", why=why, unit=UNITS.get(kind, "ms"), goals=[goal])


def watched(seconds: float) -> Iterator[Item]:
    """The shipped page in a browser."""
    from bgflow.bench import browser

    name = f"browser {WATCHED}"
    if why := browser.missing():
        yield from absent(name, why, WATCHED_GOALS)
        return
    from bgflow.bench.glass import Glass, Seen, coded
    from bgflow.bench.served import Server

    with tempfile.TemporaryDirectory(prefix="bgflow-bench-") as folder:
        clip = browser.write_clip(Path(folder) / "camera.y4m", coded(*WATCHED))
        with Server(GRAPH, sets(WATCHED), code=True) as server, browser.chromium(clip) as driver:
            glass, seen = Glass(driver, server.url), list[Seen]()
            readings = measured(server, seconds, lambda: seen.append(glass.look()))
    yield from rows("live", name, readings, WATCHED_GOALS)
    took = [s * 1e3 for one in seen[1:] for s in one.latencies]
    unread = sum(one.unread for one in seen[1:])
    note = f"; {unread} codes could not be read" if unread else ""
    yield latency("live", f"{name}, {GLASS}", took, [WATCHED_GOALS[GLASS]], note)
    spans = zip(seen, seen[1:], readings, readings[1:], strict=False)
    fps = [(after.decoded - before.decoded) / (b.at - a.at) for before, after, a, b in spans]
    yield Row.measured("live", f"{name}, {SHOWN}", "frames/s", fps, better="more", note="by windows")


def recorded(size: Size, seconds: float) -> Iterator[Item]:
    """Recorded packets in, packets out."""
    from bgflow.bench.glass import scene
    from bgflow.bench.packets import RATE, Client, Sent, record
    from bgflow.bench.served import Server

    name, tiny = f"packets {size}", size == TINY
    with tempfile.TemporaryDirectory(prefix="bgflow-bench-") as folder:
        file = record(Path(folder) / "camera", scene(*size, RATE if tiny else RECORD), CODEC)
        codec = f"camera.codec={CODEC}"
        with Server(GRAPH, [*sets(size), codec]) as server, Client(server.url, file) as client:
            sent = list[Sent]()
            readings = measured(server, seconds, lambda: sent.append(client.read()))
    yield from rows("live", name, readings, {} if tiny else RECORDED_GOALS)
    due = [(p[3] - sent[0].due(p[0])) * 1e3 for reading in readings[1:] for p in reading.passages]
    back = sent[-1].received - sent[0].received
    note = f"; {sent[-1].pictures - sent[0].pictures} sent, {back} received by the client"
    yield latency("live", f"{name}, {DUE}", due, also=note)


def sets(size: Size) -> list[str]:
    """What a run changes in the graph: its port, its address, and what is asked of the camera."""
    values = {"port": 0, "ice_host": "127.0.0.1", "width": size.width, "height": size.height}
    return [f"camera.{name}={value}" for name, value in values.items()]


def measured(server: Server, seconds: float, look: Callable[[], None]) -> list[Reading]:
    """The readings at the ends of all windows of a run, after its warm-up; at each of them `look` is called."""
    end, settled = time.monotonic() + PATIENCE, 0
    while settled < SETTLED:
        if time.monotonic() > end:
            raise BgflowError(f"{GRAPH}: {settled} pictures came through in {PATIENCE:.0f} s")
        time.sleep(0.2)
        settled += len(server.read().passages)
    count = max(WINDOWS, round(seconds / LONGEST))
    look()
    readings, began = [server.read()], time.monotonic()
    for n in range(1, count + 1):
        time.sleep(max(began + n * seconds / count - time.monotonic(), 0))
        look()
        readings.append(server.read())
    return readings
