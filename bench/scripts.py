"""What a user would write without bgflow: short programs around rembg and OpenCV, each over a whole video.

This file imports nothing of bgflow, so that it also runs under another interpreter, whose environment has the library:

    VENV/bin/python bench/scripts.py NAME '{"option": value}'

It says `ready`, and then, for each line with a number of frames, runs so many of the clip and answers with the seconds
from the first finished frame to the end, encoder and file closed, on a frame's mean. What fails is told in one line
that begins with `error: `.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter may have no bgflow

Array = np.ndarray[Any, Any]
Loop = Callable[[int], float]


class Stopwatch:
    """Seconds a frame, from the end of the first frame to the end of the last."""

    def __init__(self) -> None:
        self.frames, self.began = 0, 0.0

    def frame(self) -> None:
        """A frame is done."""
        self.frames += 1
        if self.frames == 1:
            self.began = time.perf_counter()

    def each(self) -> float:
        """Everything is done."""
        return (time.perf_counter() - self.began) / max(self.frames - 1, 1)


def read(clip: str, frames: int) -> Iterator[Array]:
    """So many BGR pictures of a file, by OpenCV."""
    import cv2

    video = cv2.VideoCapture(clip)
    for _ in range(frames):
        there, picture = video.read()
        if not there:
            break
        yield picture
    video.release()


class Encoder:
    """x264 by a pipe to FFmpeg, with the settings of bgflow's `file.sink`."""

    def __init__(self, ffmpeg: str, out: str, width: int, height: int):
        given = f"-f rawvideo -pix_fmt bgr24 -s {width}x{height} -r 25 -i -"
        wanted = "-c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p"
        command = [ffmpeg, "-y", "-v", "error", *given.split(), *wanted.split(), out]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def __call__(self, picture: Array) -> None:
        assert self._process.stdin
        self._process.stdin.write(picture.tobytes())

    def close(self) -> None:
        """Wait until the file is whole."""
        assert self._process.stdin
        self._process.stdin.close()
        if code := self._process.wait():
            raise RuntimeError(f"ffmpeg ended with {code}")


def _rembg(model: str, file: str) -> Callable[[Array], Array]:
    """rembg's masks of RGB pictures, as `bgflow eval` compares them."""
    matte: Callable[[Array], Array] = importlib.import_module("tools").rembg(model, file, False)
    return matte


def rembg_mask(clip: str, file: str, model: str = "u2netp") -> Loop:
    """Decode, and have rembg make the mask of every frame; nothing is written."""
    matte = _rembg(model, file)

    def loop(frames: int) -> float:
        watch = Stopwatch()
        for picture in read(clip, frames):
            matte(np.ascontiguousarray(picture[..., ::-1]))
            watch.frame()
        return watch.each()

    return loop


def rembg_replace(clip: str, file: str, out: str, background: str, ffmpeg: str, model: str = "u2netp") -> Loop:
    """Decode, rembg's mask, blend over a picture, encode."""
    import cv2

    matte = _rembg(model, file)
    behind: Any = cv2.imread(background)

    def loop(frames: int) -> float:
        watch, encoder = Stopwatch(), None
        for picture in read(clip, frames):
            h, w = picture.shape[:2]
            if encoder is None:
                scene = cv2.resize(behind, (w, h)).astype(np.float32)
                encoder = Encoder(ffmpeg, out, w, h)
            alpha = matte(np.ascontiguousarray(picture[..., ::-1]))[..., None]
            encoder((scene + (picture - scene) * alpha).astype(np.uint8))
            watch.frame()
        if encoder:
            encoder.close()
        return watch.each()

    return loop


def rembg_pictures(folder: str, file: str, out: str, model: str = "u2netp") -> Loop:
    """Cut the subject out of each picture of a folder, as rembg's page shows it, and write a PNG."""
    from PIL import Image

    cut = importlib.import_module("tools").rembg_cut(model, file)
    files = sorted(Path(folder).iterdir())

    def loop(frames: int) -> float:
        watch = Stopwatch()
        for n in range(frames):
            with Image.open(files[n % len(files)]) as picture:
                cut(picture).save(Path(out) / f"{n}.png")
            watch.frame()
        return watch.each()

    return loop


def rembg_b(clip: str, file: str, ffmpeg: str, folder: str, model: str = "u2netp") -> Loop:
    """The command `rembg b`, which reads FFmpeg's raw pictures from a pipe and writes a PNG for each."""
    import cv2

    importlib.import_module("watchdog")  # of rembg[cli], without which its command does not start
    video = cv2.VideoCapture(clip)
    size = [str(int(video.get(what))) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
    home = Path(folder)
    shutil.copy(file, home / f"{model}.onnx")
    start = "from rembg.cli import main; main()"
    command = [sys.executable, "-c", start, "b", "-m", model, "-o", str(home / "out-%05u.png"), *size]

    def loop(frames: int) -> float:
        for old in home.glob("out-*.png"):
            old.unlink()
        raw = [ffmpeg, "-v", "error", "-i", clip, "-frames:v", str(frames), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        watch = Stopwatch()
        with subprocess.Popen(raw, stdout=subprocess.PIPE) as decoder:
            environment = {**os.environ, "U2NET_HOME": str(home)}
            run = subprocess.Popen(command, stdin=decoder.stdout, stdout=subprocess.DEVNULL, env=environment)
            while run.poll() is None:
                for _ in range(watch.frames, len(list(home.glob("out-*.png")))):
                    watch.frame()
                time.sleep(0.005)
        if run.returncode or watch.frames < 2:
            raise RuntimeError(f"rembg b ended with {run.returncode} after {watch.frames} pictures")
        return watch.each()

    return loop


def backgroundremover(clip: str, out: str, model: str = "u2netp") -> Loop:
    """The command `backgroundremover`, writing the mattes as a video; a run of two frames is its start."""
    importlib.import_module("backgroundremover")
    weights = Path.home() / ".u2net" / f"{model}.pth"
    if not weights.is_file():  # it would fetch them
        raise FileNotFoundError(
            f"backgroundremover has no weights at ~/.u2net/{weights.name}; its first use downloads them"
        )

    def took(frames: int) -> float:
        command = [sys.executable, "-m", "backgroundremover.cmd.cli", "-i", clip, "-m", model, "-mk", "-o", out]
        began = time.perf_counter()
        subprocess.run([*command, "-fl", str(frames)], check=True)
        return time.perf_counter() - began

    def loop(frames: int) -> float:
        return (took(max(frames, 3)) - took(2)) / (max(frames, 3) - 2)

    return loop


def opencv_mog2(clip: str, out: str, opacity: float = 0.7) -> Loop:
    """Decode, MOG2 with shadows, an opening against specks, a colour over what stands still, OpenCV's own writer."""
    import cv2

    film = np.array((0x40, 0x20, 0x10), np.float32) * np.float32(opacity)

    def loop(frames: int) -> float:
        watch, model, writer = Stopwatch(), cv2.createBackgroundSubtractorMOG2(detectShadows=True), None
        kernel = np.ones((5, 5), np.uint8)
        for picture in read(clip, frames):
            moving = cv2.morphologyEx((model.apply(picture) == 255).astype(np.uint8), cv2.MORPH_OPEN, kernel)
            dull = cv2.convertScaleAbs(picture, alpha=1 - opacity) + film.astype(np.uint8)
            cv2.copyTo(picture, moving, dull)
            if writer is None:
                h, w = picture.shape[:2]
                writer = cv2.VideoWriter(out, cv2.VideoWriter.fourcc(*"mp4v"), 25, (w, h))
            writer.write(dull)
            watch.frame()
        if writer:
            writer.release()
        return watch.each()

    return loop


SCRIPTS: dict[str, Callable[..., Loop]] = {
    "rembg_mask": rembg_mask,
    "rembg_replace": rembg_replace,
    "rembg_pictures": rembg_pictures,
    "rembg_b": rembg_b,
    "backgroundremover": backgroundremover,
    "opencv_mog2": opencv_mog2,
}
NEEDS = {
    "rembg_mask": "rembg",
    "rembg_replace": "rembg",
    "rembg_pictures": "rembg",
    "rembg_b": "rembg",
    "backgroundremover": "backgroundremover",
    "opencv_mog2": "cv2",
}  # what each imports


def main(name: str, options: dict[str, Any]) -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not get among the answers

    def say(text: str) -> None:
        print(text, file=answers, flush=True)

    try:
        loop = SCRIPTS[name](**options)
        say("ready")
        for line in sys.stdin:
            say(repr(loop(int(line))))
    except Exception as e:
        say(f"error: {type(e).__name__}: {e}".splitlines()[0])


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
