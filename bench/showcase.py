"""Render the pictures of docs/gallery.md: every graph runs as it is shipped, but for its ends, on a rendered scene.

    python -m bgflow.bench.showcase docs/images/gallery [GRAPH...]

The camera is replaced by `synth.source` and the page or file by a stage that keeps some pictures and, like somebody at
the page, sets values and presses buttons. Needs u2netp and palm: `bgflow models pull u2netp palm`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bgflow import Run, load, plan
from bgflow.bench.filegraph import dumped, shipped
from bgflow.bench.onlooker import ONLOOKER, Onlooker
from bgflow.bench.pictures import Host
from bgflow.errors import BgflowError, MediaError, UsageError

PANEL = 640, 360
GAP = 8  # white pixels between panels
QUALITY = 84  # of the JPEGs
FPS = 10  # enough for what is shown, and quickly rendered
ROOM = {
    "width": 640, "height": 360, "fps": FPS, "noise": 1.5, "edge": 1.5, "hair": 0.3, "shadow": 0.25, "seed": 5,
}  # fmt: skip
PLATE = 85  # frames of the empty room, in which the plate is taken


@dataclass(frozen=True)
class Shot:
    """A picture of the gallery: a graph, its scene, and what happens at which frame.

    `keep` are (frame, what), where what is the `before` or the `after` of the graph, panel by panel in rows of two.
    `do` are actions and values by frame: 'stage.action', or {'stage.param': value}.
    """

    graph: str
    keep: Sequence[tuple[int, str]]
    scene: Mapping[str, Any] = field(default_factory=dict)
    do: Mapping[int, Any] = field(default_factory=dict)
    source: str = "camera"
    before: str = "camera.image"
    last: str = "out"


SHOTS = [
    Shot("webrtc_blur", [(20, "before"), (20, "after")], {"seed": 7}),
    Shot("camera_remove", [(20, "before"), (20, "after")], {"seed": 11}),
    Shot("greenscreen", [(20, "before"), (20, "after")], source="actor", before="shot.out"),
    Shot(
        "airbuttons_capture",
        [(15, "after"), (42, "after"), (70, "after"), (88, "after")],
        {"enter": 5, "leave": 24, "seed": 9},
        {12: ("buttons.point", {"x": 0.15, "y": 0.45}), 20: ("buttons.point", {"x": 0.15, "y": 0.45, "down": False})},
    ),
    Shot("plate_test", [(30, "after"), (PLATE + 30, "after")], {"enter": PLATE, "seed": 3}),
    Shot(
        "duplicate_self",
        [(PLATE + 40, "before"), (PLATE + 40, "after"), (PLATE + 60, "after"), (PLATE + 80, "after")],
        {"enter": PLATE, "size": 0.8},
        {
            PLATE: {"twin.aside": 20},
            PLATE + 42: {
                "twin.aside": -24,
                "twin.number": 3,
                "twin.mirror": "none",
                "twin.shift": 17,
                "twin.scale": 0.9,
            },
            PLATE + 43: {"twin.delay": 0.5},
            PLATE + 62: {"twin.aside": 5, "twin.number": 1, "twin.mirror": "all", "twin.shift": 0, "twin.delay": 0},
            PLATE + 63: {"twin.order": "front", "twin.scale": 1},
        },
    ),
]


def staged(shot: Shot) -> str:
    """The graph's text with a rendered scene as its source, and an onlooker at its end."""
    graph = yaml.safe_load(shipped(shot.graph))
    stages = graph["stages"]
    end = stages[shot.last]["in"]
    frames = max(n for n, _ in shot.keep) + 1
    stages[shot.source] = {"use": "synth.source", "set": {**ROOM, "count": frames, **shot.scene}}
    stages[shot.last] = {
        "use": ONLOOKER,
        "in": {"image": end if isinstance(end, str) else end["image"], "before": shot.before},
        "set": {"keep": sorted({n for n, _ in shot.keep})},
    }
    return dumped({**graph, "device": "cpu"})


def panels(shot: Shot, folder: Path) -> list[Host]:
    """The pictures of a shot, from a run of its graph; what the graph writes goes into `folder`."""
    sets = [f"capture.path={folder}"] if "capture.sets" in staged(shot) else []
    graph = load(f"{shot.graph}.yaml", staged(shot), sets=sets)
    keep = graph.nodes[shot.last].stage
    assert isinstance(keep, Onlooker)
    keep.do = shot.do
    with Run(plan(graph)) as run:
        run.wait()
    return [keep.kept[moment] for moment in shot.keep]


def picture(panels: Sequence[Host]) -> Any:
    """Panels in rows of two, as a PIL image."""
    from PIL import Image

    w, h = PANEL if len(panels) < 3 else (PANEL[0] * 3 // 4, PANEL[1] * 3 // 4)
    rows = -(-len(panels) // 2)
    out = Image.new("RGB", (2 * w + GAP, rows * h + (rows - 1) * GAP), "white")
    for n, panel in enumerate(panels):
        image = Image.fromarray(panel).resize((w, h), Image.Resampling.LANCZOS)
        out.paste(image, (n % 2 * (w + GAP), n // 2 * (h + GAP)))
    return out


def main(folder: str, *names: str) -> None:
    """Render the pictures of these graphs, or of all, into a folder."""
    known = {shot.graph: shot for shot in SHOTS}
    if strange := next((name for name in names if name not in known), ""):
        raise UsageError(f"{strange}: no picture shows this graph; there are {', '.join(known)}")
    if not Path(folder).is_dir():
        raise MediaError(f"{folder}: the folder does not exist; make it first")
    for name in names or known:
        with tempfile.TemporaryDirectory() as made:
            file = Path(folder) / f"{name}.jpg"
            picture(panels(known[name], Path(made))).save(file, quality=QUALITY, optimize=True)
        print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BgflowError as e:
        sys.exit(f"error: {e}")
