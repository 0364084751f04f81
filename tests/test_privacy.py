"""What docs/privacy.md says of connections and files, on real runs in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aioice.ice import get_host_addresses
from PIL import Image

from bgflow import In, Out, Run, Stage, load, plan
from bgflow.errors import ModelError
from bgflow.models import find
from bgflow.numbajit import cache_folder
from bgflow.stages.compose import Alpha
from bgflow.testing import run_stage
from tests.peers import Bars, connected, pictures

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 250  # a machine's very first run compiles every kernel
WATCHED = """
import json, os, sys

seen = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def watch(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        told = args[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "subprocess.Popen", "os.fork"):
        told = args[0] if args else ""
    else:
        return
    os.write(seen, (json.dumps([event, told], default=str) + "\\n").encode())

sys.addaudithook(watch)
from bgflow.cli import main
sys.exit(main(sys.argv[1:]))
"""
FILES = """
device: cpu
stages:
  camera: {use: synth.source, set: {width: 160, height: 96, count: 5}}
  net: {use: u2net.mask, in: camera.image, set: {height: 64, width: 96}}
  edge: {use: edge.refine, in: {image: camera.image, alpha: net.alpha}}
  blur: {use: compose.blur, in: {image: camera.image, alpha: edge.alpha}}
  out: {use: file.sink, in: blur.out, set: {path: out.mp4}}
"""
PAGE = """
device: cpu
stages:
  camera: {use: webrtc.source, set: {port: 0%s}}
  out: {use: webrtc.sink, in: camera.image}
"""
PICTURES = """
device: cpu
stages:
  photo: {use: images.source, set: {path: in.png}}
  flip: {use: preprocess.flip, in: photo.image}
  out: {use: images.sink, in: flip.out, set: {path: out.png}}
"""


class Late(Stage, use="privacy.late"):
    """A matte that is there from the third picture on."""

    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    def process(self, image: Any) -> Any:
        if self.ctx.frame.seq < 2:
            return None
        alpha = self.ctx.empty(self.alpha)
        alpha[...] = 0
        return alpha


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a user works who has never run bgflow."""
    return tmp_path


@contextlib.contextmanager
def started(home: Path, graph: str, *by: str, **own: str) -> Iterator[subprocess.Popen[str]]:
    """`bgflow run` of a graph, watched; `by` is what starts it, `own` is set in its environment."""
    (home / "graph.yaml").write_text(graph)
    command = [*by, sys.executable, "-c", WATCHED, str(home / "seen"), "run", "graph.yaml"]
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "BGFLOW_"))}
    environment = {**keep, "HOME": str(home), "PYTHONPATH": str(ROOT), **own}
    with subprocess.Popen(command, cwd=home, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> None:
    """Wait for a run to end well."""
    told = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0, told


@pytest.fixture
def ours() -> dict[str, str]:
    """The environment in which kernels are compiled already, and the model is there."""
    try:
        models = find("u2netp").path.parent
    except ModelError as e:
        pytest.skip(str(e))
    return {"BGFLOW_MODELS": str(models), "BGFLOW_CACHE": str(cache_folder().parent)}


def seen(home: Path) -> list[tuple[str, Any]]:
    """What the run did that another machine, or another process, could have to do with."""
    file = home / "seen"
    return [tuple(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.slow
def test_a_run_with_files_asks_no_network_for_anything_and_starts_no_process(home: Path, ours: dict[str, str]) -> None:
    with started(home, FILES, **ours) as process:
        ended(process)
    assert (home / "out.mp4").stat().st_size
    assert seen(home) == []


@pytest.mark.slow
def test_a_run_with_files_works_where_there_is_no_network_at_all(home: Path, ours: dict[str, str]) -> None:
    alone = ("unshare", "--user", "--map-root-user", "--net")
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network of his own")
    with started(home, FILES, *alone, **ours) as process:
        ended(process)


def test_a_run_leaves_its_results_and_compiled_kernels_on_the_disk_and_nothing_else(home: Path) -> None:
    Image.new("RGB", (16, 8), "red").save(home / "in.png")
    with started(home, PICTURES) as process:
        ended(process)
    files = {str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()}
    kept = {file for file in files if file.startswith(".cache/bgflow/kernels/")}
    assert files - kept == {"graph.yaml", "in.png", "out.png", "seen"}
    assert {Path(file).suffix for file in kept} <= {".py", ".json", ".nbi", ".nbc", ".pyc"}


@pytest.mark.parametrize("narrow", [False, True], ids=["as it is", "ice_host"])
def test_a_page_listens_on_this_machine_alone_and_sends_to_it_alone(home: Path, narrow: bool) -> None:
    async def watch(url: str) -> None:
        async with connected(url, "camera", Bars()), connected(url, "viewer") as track:
            assert len(await pictures(track, 3, SECONDS)) == 3

    graph = PAGE % (", ice_host: 127.0.0.1" if narrow else "")
    with started(home, graph, BGFLOW_CACHE=str(cache_folder().parent)) as process:
        told, found = "", None
        assert process.stderr
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", told)):
            line = process.stderr.readline()
            assert line, told
            told += line
        asyncio.run(watch(found[0]))
        listed = len(list(home.glob(".local/state/bgflow/running/*")))
        process.send_signal(signal.SIGINT)
        ended(process)
    assert (listed, len(list(home.glob(".local/state/bgflow/running/*")))) == (1, 0)
    done = [(event, told) for event, told in seen(home) if told != "/sbin/ldconfig"]  # Python's way to find a library
    assert {event for event, _ in done} == {"socket.bind", "socket.sendto"}
    own = set() if narrow else set(get_host_addresses(use_ipv4=True, use_ipv6=True))
    assert {str(told[0]).partition("%")[0] for _, told in done} <= own | {"127.0.0.1"}


def test_no_picture_is_shown_before_there_is_a_matte(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(
        "device: cpu\nstages:\n  camera: {use: synth.source, set: {count: 5, width: 64, height: 48}}\n"
        "  net: {use: privacy.late, in: camera.image}\n"
        "  over: {use: compose.replace, in: {image: camera.image, alpha: net.alpha}, set: {background: '#102030'}}\n"
        f"  out: {{use: images.sink, in: over.out, set: {{path: {tmp_path}/%d.png}}}}\n"
    )
    with Run(plan(load(tmp_path / "graph.yaml"), sync=True)) as run:
        run.wait()
    shown = [np.asarray(Image.open(file)) for file in sorted(tmp_path.glob("*.png"))]
    assert len(shown) == 3
    assert all((picture == (0x10, 0x20, 0x30)).all() for picture in shown)


def test_a_cut_out_holds_nothing_of_the_room_where_it_is_transparent() -> None:
    image = np.full((8, 8, 3), 200, np.uint8)
    alpha = np.zeros((8, 8), np.float32)
    alpha[:, 4:] = 1
    cut = run_stage(Alpha(), image=image, alpha=alpha)
    assert (cut[:, :4] == 0).all()
    assert (cut[:, 4:] == (200, 200, 200, 255)).all()


def test_a_saved_picture_says_neither_where_nor_with_which_camera(tmp_path: Path) -> None:
    told = Image.Exif()
    told[0x0110] = "Camera 9000"
    Image.new("RGB", (32, 32), "red").save(tmp_path / "in.jpg", exif=told)
    (tmp_path / "graph.yaml").write_text(
        f"device: cpu\nstages:\n  photo: {{use: images.source, set: {{path: {tmp_path}/in.jpg}}}}\n"
        f"  out: {{use: images.sink, in: photo.image, set: {{path: {tmp_path}/out.jpg}}}}\n"
    )
    with Run(plan(load(tmp_path / "graph.yaml"))) as run:
        run.wait()
    assert b"Camera 9000" in (tmp_path / "in.jpg").read_bytes()
    assert b"Camera 9000" not in (tmp_path / "out.jpg").read_bytes()
    assert not Image.open(tmp_path / "out.jpg").getexif()
