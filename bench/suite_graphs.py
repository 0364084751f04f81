"""The file graphs end to end, beside what a user would run instead.

BGFLOW_PEERS names an environment with rembg and backgroundremover (`pip install 'rembg[cpu,cli]' backgroundremover`),
BGFLOW_BENCH_DATA a folder of data sets, of which `davis/breakdance` is taken. The clips are rendered where nothing else
is said, so all but one row need no data.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bgflow import models
from bgflow.bench import filegraph
from bgflow.bench.clips import Clip, filmed, rendered
from bgflow.bench.peers import Rembg
from bgflow.bench.pictures import Host, Size
from bgflow.bench.result import Absent, Goal, Row
from bgflow.bench.rival import Rival
from bgflow.bench.suite import Case, Item, Scope
from bgflow.errors import BgflowError
from bgflow.media import gallery
from bgflow.stages.u2net import Mask
from bgflow.testing import opened

SUITE = "graphs"
DATA = "BGFLOW_BENCH_DATA"
OURS, THEIRS = 40, 8  # frames of a sample
PHOTOS = 8  # pictures of a sample
COMPARED = 6  # frames whose mattes are compared with rembg's
ROUNDS = 7
MATTE = "graph: mask\nstages:\n  video: {use: file.source, set: {path: a.mp4}}\n"
MASK = MATTE + "  net: {use: u2net.mask, in: video.image, thread: net}\n  out: {use: null.sink, in: net.alpha}\n"
DECODE = MATTE + "  out: {use: null.sink, in: video.image}\n"
ENCODE = """
graph: encode
stages:
  feed: {{use: "bgflow.bench.ends:Feed", set: {{width: {size.width}, height: {size.height}, resident: true}}}}
  out: {{use: file.sink, in: feed.image, set: {{path: {path}}}}}
"""


@dataclass(frozen=True)
class Place:
    """Where everything lies, how large the clips are, and which rows are wanted: those in whose name `only` is."""

    folder: Path
    size: Size
    tiny: bool
    only: str

    @property
    def frames(self) -> int:
        """Frames of one of our samples."""
        return 4 if self.tiny else OURS

    def file(self, name: str) -> Path:
        """A file in it."""
        return self.folder / name

    def rival(self, name: str, **options: Any) -> Rival:
        """A script for a sample of its own length."""
        quick = name == "opencv_mog2"
        return Rival(name, 3 if self.tiny else OURS if quick else THEIRS, **options)


def cases(scope: Scope) -> Iterator[Item]:
    """Every graph, its parts alone, and how good its mattes are."""
    with tempfile.TemporaryDirectory(prefix="bgflow-bench-") as folder:
        place = Place(Path(folder), Size(64, 48) if scope.tiny else Size(1280, 720), scope.tiny, scope.only)
        clip = rendered(place.file("person.mp4"), place.size, place.frames)
        yield from _cctv(place, clip)
        yield from _greenscreen(place)
        yield from _demo(place)
        try:
            weights = models.find("u2netp").path
        except BgflowError as e:
            yield Absent(suite=SUITE, name="u2netp, file_replace", why=str(e))
            return
        yield from _parts(place, clip)
        yield from _network(place, clip, weights)
        yield from _replace(place, clip, weights)
        yield from _photos(place, clip, weights)
        yield from _quality(place, clip)
        if film := _real(place):
            yield from _quality(place, film)
        else:
            why = f"{DATA} names no folder with davis/breakdance"
            yield Absent(suite=SUITE, name="IoU on davis/breakdance", why=why)


def _real(place: Place) -> Clip | None:
    data = os.environ.get(DATA)
    return filmed(place.file("breakdance.mp4"), Path(data), most=2 if place.tiny else 0) if data else None


def _beside(
    place: Place,
    name: str,
    ours: Callable[[], float],
    rivals: Mapping[str, Rival],
    *,
    goals: Sequence[Goal] = (),
    note: str = "",
    others: Mapping[str, Callable[[], float]] | None = None,
) -> Iterator[Item]:
    """A case of milliseconds a frame, beside those rivals that run here; an Absent for each that does not."""
    if place.only not in name:
        return
    with contextlib.ExitStack() as stack:
        peers: dict[str, Callable[[], float]] = dict(others or {})
        for peer, rival in rivals.items():
            try:
                peers[peer] = stack.enter_context(rival)
            except BgflowError as e:
                yield Absent(suite=SUITE, name=f"{name}: {peer}", why=str(e))
        ours()  # compiles kernels
        count = 1 if place.tiny else ROUNDS
        met = [goal for goal in goals if goal.of != "ratio" or goal.peer in peers]
        yield Case(name, ours, peers, unit="ms", goals=met, note=f"a frame; {note}", rounds=count, clocked=True)


def _parts(place: Place, clip: Clip) -> Iterator[Item]:
    """Decoding, computing and encoding of file_replace, each alone."""
    whole = filegraph.shipped("file_replace")
    yield from _beside(place, "decode alone", _ours(DECODE, clip, place), {}, note=str(place.size))
    compute = filegraph.fed(whole, place.size, "replace.out")
    yield from _beside(
        place, "file_replace, computing alone", _ours(compute, None, place), {}, note="u2netp to composite"
    )
    encode = ENCODE.format(size=place.size, path=place.file("fed.mp4"))
    yield from _beside(place, "encode alone", _ours(encode, None, place), {}, note="x264, veryfast, crf 20")


def _ours(text: str, clip: Clip | None, place: Place, out: str = "", *sets: str) -> Callable[[], float]:
    """A run of a graph."""
    target = place.file(out) if out else None
    return lambda: filegraph.seconds(filegraph.changed(text, clip, target, sets), place.frames)


def _network(place: Place, clip: Clip, weights: Path) -> Iterator[Item]:
    """The masks of a video by u2netp, in every frame."""
    shared = {"clip": str(clip.path), "file": str(weights)}
    rivals = {"rembg": place.rival("rembg_mask", **shared)}
    rivals["backgroundremover"] = place.rival("backgroundremover", clip=str(clip.path), out=str(place.file("b.mov")))
    if program := _ffmpeg():
        home = place.file("rembg")
        home.mkdir()
        rivals["rembg b"] = place.rival("rembg_b", **shared, ffmpeg=program, folder=str(home))
    goal = Goal(of="ratio", peer="rembg", least=4)
    note = f"{place.size}, decoding and u2netp in every frame; rembg b also writes PNG files"
    yield from _beside(place, "u2netp on video", _ours(MASK, clip, place), rivals, goals=[goal], note=note)


def _replace(place: Place, clip: Clip, weights: Path) -> Iterator[Item]:
    """file_replace beside rembg in a loop with the same background and encoder."""
    if not (program := _ffmpeg()):
        yield Absent(suite=SUITE, name="file_replace: rembg loop", why="there is no ffmpeg to encode with")
        return
    background = place.file("background.png")
    picture = gallery.render("studio", place.size.height, place.size.width)
    Image.fromarray(np.ascontiguousarray(picture)).save(background)
    options = {"clip": str(clip.path), "file": str(weights), "out": str(place.file("theirs.mp4")), "ffmpeg": program}
    rival = place.rival("rembg_replace", **options, background=str(background))
    ours = _ours(filegraph.shipped("file_replace"), clip, place, "ours.mp4", f"replace.background={background}")
    goal = Goal(of="ratio", peer="rembg loop", least=10)
    note = f"{place.size}, the same network, background and encoder on both sides"
    yield from _beside(place, "file_replace", ours, {"rembg loop": rival}, goals=[goal], note=note)


def _photos(place: Place, clip: Clip, weights: Path) -> Iterator[Item]:
    """image_remove beside rembg, from pictures to PNG files."""
    photos, cut, theirs = (place.file(name) for name in ("photos", "cut", "theirs"))
    for folder in (photos, cut, theirs):
        folder.mkdir()
    for n, picture in enumerate(itertools.islice(_pictures(clip.path), PHOTOS)):
        Image.fromarray(picture).save(photos / f"{n}.jpg", quality=95)
    sets = [f"photos.path={photos}", f"out.path={cut}"]
    graph = filegraph.shipped("image_remove")
    rival = place.rival("rembg_pictures", folder=str(photos), file=str(weights), out=str(theirs))
    note = f"{PHOTOS} JPEG files of {place.size} to PNG with transparency, u2netp in fp32 on both sides"
    yield from _beside(place, "image_remove", _ours(graph, None, place, "", *sets), {"rembg": rival}, note=note)


def _demo(place: Place) -> Iterator[Item]:
    """synth_demo, which has no counterpart: everything in it, from rendering to three files, is bgflow's."""
    names = {"out": "demo.mp4", "clip": "camera.mp4", "pictures": "demo-%04d.jpg"}
    sets = [f"{stage}.path={place.file(name)}" for stage, name in names.items()]
    if place.tiny:
        sets += [f"camera.width={place.size.width}", f"camera.height={place.size.height}", "camera.count=4"]
    graph = filegraph.shipped("synth_demo")

    def ours() -> float:  # all 150 frames, because the room is empty in the first 60
        return filegraph.seconds(filegraph.changed(graph, sets=sets), 0)

    yield from _beside(place, "synth_demo", ours, {}, note="640x360, rendered, masked, composed, encoded twice")


def _cctv(place: Place, clip: Clip) -> Iterator[Item]:
    """cctv_mog beside a script of OpenCV."""
    rival = place.rival("opencv_mog2", clip=str(clip.path), out=str(place.file("mog.mp4")))
    ours = _ours(filegraph.shipped("cctv_mog"), clip, place, "cctv.mp4")
    note = f"{place.size}; OpenCV writes MPEG-4 part 2, which is cheaper than our H.264"
    yield from _beside(place, "cctv_mog", ours, {"OpenCV script": rival}, note=note)


def _greenscreen(place: Place) -> Iterator[Item]:
    """The keyer of greenscreen beside FFmpeg's filters, from file to file."""
    if not (program := _ffmpeg()):
        yield Absent(suite=SUITE, name="greenscreen", why="there is no ffmpeg; install it or imageio-ffmpeg")
        return
    clip = rendered(place.file("screen.mp4"), place.size, place.frames, screen=True)
    text = filegraph.keyed(filegraph.shipped("greenscreen"))
    behind = "color=c=0x204060:s=" + str(place.size)
    chain = f"[0:v]chromakey=0x00b140:0.12:0.05[k];{behind}[b];[b][k]overlay=shortest=1"
    coder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
    command = [program, "-y", "-v", "error", "-i", str(clip.path), "-filter_complex", chain, *coder]

    def theirs() -> float:
        return _took([*command, str(place.file("key.mp4"))]) / clip.frames

    peers = {"FFmpeg chromakey + overlay": theirs}
    note = f"{place.size}; FFmpeg's start counts, ours does not"
    yield from _beside(place, "greenscreen", _ours(text, clip, place, "screened.mp4"), {}, note=note, others=peers)


def _took(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def _quality(place: Place, clip: Clip) -> Iterator[Item]:
    """How near our mattes are to rembg's, and both to the truth."""
    name = clip.path.stem
    if not any(place.only in row for row in (f"mean |Δα| to rembg, {name}", f"IoU on {name}")):
        return
    text = filegraph.cut(filegraph.shipped("file_replace"), "edge.alpha")
    found = filegraph.mattes(filegraph.changed(text, clip))
    pictures = list(_pictures(clip.path))
    few = np.linspace(0, len(pictures) - 1, min(COMPARED, len(pictures))).astype(int)
    try:
        with opened(Rembg()) as rembg:
            asked = range(len(pictures)) if name == "breakdance" else few
            theirs = {n: np.array(rembg(image=pictures[n])) for n in asked}
    except BgflowError as e:
        yield Absent(suite=SUITE, name=f"mattes on {name} beside rembg's", why=str(e))
        theirs = {}
    if theirs:
        with opened(Mask()) as mask:
            ours = [np.array(mask(image=pictures[n])) for n in few]
        near = filegraph.apart(ours, [theirs[n] for n in few])
        goal = [Goal(of="value", most=0.015)]
        note = f"of {len(few)} frames, u2netp in every frame"
        yield Row.measured(SUITE, f"mean |Δα| to rembg, {name}", "", [near], goals=goal, note=note)
    asked_for = sorted(theirs) or list(range(len(found)))
    true: list[Host] = [clip.truths[n] for n in asked_for]
    peers = {"rembg": [filegraph.iou(list(theirs.values()), true)]} if theirs else {}
    value = [filegraph.iou([found[n] for n in asked_for], true)]
    goals = [Goal(of="ratio", peer="rembg", least=1)] if peers else []
    note = f"file_replace, {len(asked_for)} frames, against the exact masks"
    yield Row.measured(SUITE, f"IoU on {name}", "", value, peers, better="more", goals=goals, note=note)


def _pictures(path: Path) -> Iterator[Host]:
    """The frames of a file, RGB."""
    import av

    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _ffmpeg() -> str:
    """FFmpeg's program, '' where there is none."""
    return shutil.which("ffmpeg") or ""
