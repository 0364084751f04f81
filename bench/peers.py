"""Other tools as stages, so that `bgflow eval --against` judges them on the same pictures by the same measures.

    bgflow eval u2net.mask --against bgflow.bench.peers:Rembg --data photos/
    bgflow eval mog.mask --against bgflow.bench.peers:Mog2 --against bgflow.bench.peers:Knn --data highway/

Each is the tool as it comes. OpenCV is in `bgflow[bench]`; rembg and MediaPipe are not, because they pin versions of
their own. Put them into an environment of their own, and name it with `python` or BGFLOW_PEERS:

    python3 -m venv peers && peers/bin/pip install rembg onnxruntime mediapipe
    BGFLOW_PEERS=peers bgflow eval u2net.mask --against bgflow.bench.peers:Selfie --data photos/

What is not installed here then runs in a process of that environment, which costs a copy of every picture and matte.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bgflow import In, Out, Param, Stage, models
from bgflow.bench import tools
from bgflow.errors import BgflowError, UsageError
from bgflow.frame import Array
from bgflow.stage import Context


class Worker:
    """A tool that runs in a process of its own, under another interpreter."""

    def __init__(self, python: str, name: str, options: dict[str, Any]) -> None:
        """Start it, and wait until it is ready; raises UsageError."""
        self._name, self._python = name, interpreter(python)
        command = [str(self._python), "-I", str(Path(tools.__file__)), name, json.dumps(options)]
        self._printed: Any = tempfile.TemporaryFile()  # noqa: SIM115  # tools log a lot; closed in `close`
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._printed
            )
        except OSError as e:
            raise UsageError(f"{self._python}: cannot be started: {(e.strerror or str(e)).lower()}") from e
        try:
            self._answer(0)
        except BgflowError as e:
            self.close()
            raise UsageError(str(e)) from None

    def __call__(self, image: Array) -> Array:
        """The matte of a picture; raises BgflowError."""
        assert self._process.stdin
        h, w = image.shape[:2]
        with contextlib.suppress(BrokenPipeError):  # it has said why, or that it is gone, where the answer would be
            self._process.stdin.write(struct.pack("=II", h, w) + np.ascontiguousarray(image).tobytes())
            self._process.stdin.flush()
        return np.frombuffer(self._answer(4 * h * w), np.float32).reshape(h, w)

    def _answer(self, size: int) -> bytes:
        assert self._process.stdout
        stream: Any = self._process.stdout
        try:
            if tools.exactly(stream, 1) == b"\0":
                return tools.exactly(stream, size)
            text = tools.exactly(stream, *struct.unpack("=I", tools.exactly(stream, 4))).decode()
        except EOFError:
            code = self._process.wait()
            self._printed.seek(0)
            last = self._printed.read().decode(errors="replace").strip().rpartition("\n")[2]
            text = f"it ended with {code}: {last or 'it said nothing'}"
        raise BgflowError(f"{self._name} in {self._python}: {text}")

    def close(self) -> None:
        """End it: it stops when nobody asks any more."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._printed.close()


def interpreter(place: str) -> Path:
    """The interpreter at a path, or of the virtual environment there; raises UsageError."""
    path = Path(place).expanduser()
    for file in (path, path / "bin" / "python", path / "Scripts" / "python.exe"):
        if file.is_file():
            return file.absolute()
    raise UsageError(f"{place}: is no interpreter and no virtual environment; give a folder that has bin/python")


class Peer(Stage):
    """A tool of `bgflow.bench.tools`, in this process or in another environment's."""

    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    python: str = Param(
        "", description="interpreter, or virtual environment, that has the tool; empty: this one, else BGFLOW_PEERS"
    )
    host = True
    tool: ClassVar[str] = ""
    _matte: tools.Tool

    def options(self) -> dict[str, Any]:
        """What the tool is told."""
        return {}

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._worker: Worker | None = None
        here = not self.python and importlib.util.find_spec(tools.NEEDS[self.tool]) is not None
        place = self.python or os.environ.get("BGFLOW_PEERS", "")
        if here:
            self._matte = tools.TOOLS[self.tool](**self.options())
        elif place:
            self._matte = self._worker = Worker(place, self.tool, self.options())
        else:
            missing = tools.NEEDS[self.tool]
            raise UsageError(f"{missing} is not installed; name an environment that has it with python or BGFLOW_PEERS")

    def process(self, image: Array) -> Array:
        alpha = self.ctx.empty(self.alpha)
        np.copyto(alpha, self._matte(image))
        return alpha

    def close(self) -> None:
        if self._worker:
            self._worker.close()


class Rembg(Peer, use="bgflow.bench.peers:Rembg"):
    """rembg with bgflow's own file of the model, so that nothing is downloaded; `matting` is its option -a."""

    model: str = Param("u2netp", description="a model that both tools know")
    matting: bool = Param(False, description="alpha matting behind the network, as rembg does it")
    tool = "rembg"

    def options(self) -> dict[str, Any]:
        return {"model": self.model, "file": str(models.find(self.model).path), "matting": self.matting}


class Selfie(Peer, use="bgflow.bench.peers:Selfie"):
    """MediaPipe's selfie segmentation, as `mediapipe.solutions` has it."""

    landscape: bool = Param(False, description="the model for wide pictures, 144x256, instead of the general one")
    tool = "selfie"

    def options(self) -> dict[str, Any]:
        return {"landscape": self.landscape}


class Mog2(Peer, use="bgflow.bench.peers:Mog2"):
    """OpenCV's createBackgroundSubtractorMOG2() with its default parameters; shadows do not count as subject."""

    tool = "mog2"


class Knn(Peer, use="bgflow.bench.peers:Knn"):
    """OpenCV's createBackgroundSubtractorKNN() with its default parameters; shadows do not count as subject."""

    tool = "knn"
