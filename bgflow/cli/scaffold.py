"""Write a new stage, its test and a graph that runs it: all three work as they are."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path

from bgflow.errors import MediaError, UsageError

STAGE = '''\
"""{title}."""

import numpy as np

from bgflow import In, Out, Param, Stage


class {cls}(Stage):
    """{title}: paints with few shades, as posters are printed; change it into what you need."""

    image = In("u8[h,w,3] rgb", description="the picture as it comes; a stage never writes into it")
    out = Out("u8[h,w,3] rgb", description="the picture in few shades")

    bits: int = Param(3, ge=1, le=8, hot=True, description="shades as a power of 2; hot: may change while it runs")

    def process(self, image):
        out = self.ctx.empty("out")  # memory from a pool, as large as the image because both ports say h and w
        np.bitwise_and(image, np.uint8(256 - (256 >> self.bits)), out=out)
        return out
'''

TEST = '''\
"""{cls} does what it says."""

import numpy as np
from {module} import {cls}

from bgflow.testing import run_stage

RAMP = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)


def test_one_bit_leaves_two_shades():
    assert set(run_stage({cls}(bits=1), image=RAMP).ravel()) == {{0, 128}}


def test_eight_bits_change_nothing_and_the_input_is_kept():
    image = RAMP.copy()
    assert (run_stage({cls}(bits=8), image=image) == RAMP).all()
    assert (image == RAMP).all()
'''

GRAPH = """\
# Run it: bgflow run {file}
graph: {module}
stages:
  camera: {{use: synth.source, set: {{count: 60}}}}
  mine: {{use: "{module}.py:{cls}", in: camera.image}}
  sink: {{use: file.sink, in: mine.out, set: {{path: {module}.mp4}}}}
"""


def new_stage(name: str, folder: Path) -> list[Path]:
    """Write NAME.py, test_NAME.py and NAME.yaml into `folder`; returns what was written.

    Raises:
        UsageError: the name cannot be a module's, or one of the files is there already.
        MediaError: a file cannot be written.
    """
    module = re.sub(r"[\s.-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())).lower()
    if not module.isidentifier() or keyword.iskeyword(module):
        raise UsageError(f"{name!r} cannot be a stage's name; use letters, digits and _, as in 'edge_glow'")
    cls = "".join(word.capitalize() for word in module.split("_"))
    words = {
        "module": module,
        "cls": cls,
        "title": module.replace("_", " ").strip().capitalize(),
        "file": f"{module}.yaml",
    }
    files = {
        folder / f"{module}.py": STAGE.format(**words),
        folder / f"test_{module}.py": TEST.format(**words),
        folder / f"{module}.yaml": GRAPH.format(**words),
    }
    if there := [str(file) for file in files if file.exists()]:
        raise UsageError(f"{', '.join(there)}: exists already; nothing was written, choose another name or folder")
    if importlib.util.find_spec(module):
        raise UsageError(f"{module!r} is a Python module already, which the stage would hide; choose another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            file.write_text(text, "utf-8")
    except OSError as e:
        raise MediaError(f"{folder}: cannot be written: {(e.strerror or str(e)).lower()}") from e
    return list(files)
