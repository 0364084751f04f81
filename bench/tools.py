"""The tools that bgflow is measured against, each as a function from a picture to a matte.

This file imports nothing of bgflow, so that it also runs under another interpreter, whose environment has the tool and
the versions that the tool pins:

    VENV/bin/python bench/tools.py NAME '{"option": value}'

Then it speaks on its standard streams, in the machine's byte order. It says b"\\0" when it is ready, and then, for each
picture that it is sent as two u32, height and width, and u8[h,w,3], b"\\0" and f32[h,w]. Instead of b"\\0" it may say
b"\\1", a u32 and so many bytes of text, which tell what is wrong, and end.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Array = np.ndarray[Any, Any]
Tool = Callable[[Array], Array]


def rembg(model: str, file: str, matting: bool) -> Tool:
    """rembg with the model in `file`; `matting` is its option -a. It downloads nothing."""
    session = _session(model, file)
    remove = importlib.import_module("rembg").remove

    def cut_out(image: Array) -> Array:
        cut: Any = remove(image, session=session, alpha_matting=matting, only_mask=not matting)
        matte: Array = (cut[..., 3] if cut.ndim == 3 else cut) * np.float32(1 / 255)
        return matte

    return cut_out


def rembg_cut(model: str, file: str) -> Callable[[Any], Any]:
    """The same from PIL's picture to PIL's picture with transparency, as its users call it."""
    return functools.partial(importlib.import_module("rembg").remove, session=_session(model, file))


def _session(model: str, file: str) -> Any:
    with tempfile.TemporaryDirectory(prefix="bgflow-rembg-") as home:
        shutil.copy(file, Path(home) / f"{model}.onnx")
        before = os.environ.get("U2NET_HOME")
        os.environ["U2NET_HOME"] = home
        try:
            return importlib.import_module("rembg").new_session(model)
        finally:
            if before is None:
                del os.environ["U2NET_HOME"]
            else:
                os.environ["U2NET_HOME"] = before


def selfie(landscape: bool) -> Tool:
    """MediaPipe's selfie segmentation, with the models that come in its wheel: 256x256, or 144x256 for `landscape`."""
    import mediapipe

    network: Any = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=int(landscape))

    def cut_out(image: Array) -> Array:
        found: Array = network.process(np.ascontiguousarray(image)).segmentation_mask
        return found

    return cut_out


def mog2() -> Tool:
    """OpenCV's createBackgroundSubtractorMOG2(); its shadows are no subject."""
    import cv2

    return _subtractor(cv2.createBackgroundSubtractorMOG2())


def knn() -> Tool:
    """OpenCV's createBackgroundSubtractorKNN(); its shadows are no subject."""
    import cv2

    return _subtractor(cv2.createBackgroundSubtractorKNN())


def _subtractor(model: Any) -> Tool:
    def cut_out(image: Array) -> Array:
        label: Array = model.apply(np.ascontiguousarray(image[..., ::-1]))
        matte: Array = np.equal(label, 255).astype(np.float32)
        return matte

    return cut_out


TOOLS: dict[str, Callable[..., Tool]] = {"rembg": rembg, "selfie": selfie, "mog2": mog2, "knn": knn}
NEEDS = {"rembg": "rembg", "selfie": "mediapipe", "mog2": "cv2", "knn": "cv2"}  # what each imports


def exactly(stream: BinaryIO, count: int) -> bytes:
    """So many bytes; raises EOFError when the other end is gone."""
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def serve(name: str, options: dict[str, Any], asked: BinaryIO, told: BinaryIO) -> None:
    """Answer until the other end is gone."""

    def say(matte: Array | None) -> None:
        told.write(b"\0" + (b"" if matte is None else np.ascontiguousarray(matte, np.float32).tobytes()))
        told.flush()

    try:
        tool = TOOLS[name](**options)
        say(None)
        while True:
            h, w = struct.unpack("=II", exactly(asked, 8))
            say(tool(np.frombuffer(exactly(asked, h * w * 3), np.uint8).reshape(h, w, 3)))
    except (EOFError, BrokenPipeError):
        return
    except Exception as e:
        text = f"{type(e).__name__}: {e}".splitlines()[0].encode()
        told.write(b"\1" + struct.pack("=I", len(text)) + text)
        told.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a tool prints must not get among the answers
    serve(sys.argv[1], json.loads(sys.argv[2]), sys.stdin.buffer, answers)
