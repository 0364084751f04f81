"""The signatures of NVIDIA's Python bindings of TensorRT, read from the bindings without TensorRT.

The wheel tensorrt-cu13-bindings holds one extension module, which needs nine functions of three libraries that are not
in it. Empty libraries with these functions let it be imported, in a process of its own, and pybind11 then tells every
class, attribute and signature. None of its functions can be called so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

FUNCTIONS = (
    "createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
    "createNvOnnxParser_INTERNAL", "createNvOnnxParserRefitter_INTERNAL", "getBuilderPluginRegistry",
    "getNvOnnxParserVersion", "getPluginRegistry", "initLibNvInferPlugins",
)  # fmt: skip
LIBRARIES = ("libnvinfer", "libnvinfer_plugin", "libnvonnxparser")
LOOK = """
import json, sys
import tensorrt_bindings as trt
def look(thing):
    return {n: getattr(getattr(thing, n, None), '__doc__', '') or '' for n in dir(thing)}
found = {'': look(trt)}
for name in sys.argv[1:]:
    thing = trt
    for part in name.split('.'):
        thing = getattr(thing, part, None)
    found[name] = None if thing is None else look(thing)
json.dump(found, sys.stdout)
"""

Signature = tuple[tuple[str, bool], ...]
"""The parameters in order, and whether each has a default."""


def missing() -> str:
    """Why the bindings cannot be read here, or ''."""
    if find_spec("tensorrt_bindings") is None:
        return "needs the bindings: pip install tensorrt-cu13-bindings"
    return "" if shutil.which("gcc") else "needs gcc"


def documented(classes: Sequence[str], folder: Path) -> dict[str, dict[str, list[Signature]] | None]:
    """The attributes of these classes, each with the signatures it is called by; None for a class that is not there."""
    spec = find_spec("tensorrt_bindings")
    assert spec is not None
    assert spec.origin
    package = Path(spec.origin).parent
    binary = next(package.glob("tensorrt*.so")).read_bytes()
    source = folder / "empty.c"
    source.write_text("".join(f"void* {name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    for library in LIBRARIES:
        wanted = re.search(rb"%s\.so\.\d+" % library.encode(), binary)
        assert wanted, f"the bindings do not need {library}"
        name = wanted[0].decode()
        build = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(folder / name), str(source)]
        subprocess.run(build, check=True)
    env = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(package.parent)}
    told = subprocess.run([sys.executable, "-c", LOOK, *classes], env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return {
        cls: None if found is None else {name: signatures(name, doc) for name, doc in found.items()}
        for cls, found in json.loads(told.stdout).items()
    }


def signatures(name: str, doc: str) -> list[Signature]:
    """What pybind11 wrote at the head of a docstring, once for each overload; `self` is left out."""
    heads = re.findall(rf"^(?:\d+\. )?{re.escape(name)}\((.*)\) -> ", doc, re.M)
    return [
        tuple((p.partition(":")[0].strip(), "=" in p) for p in _split(h) if not p.strip().startswith("self"))
        for h in heads
        if h != "*args, **kwargs"
    ]


def _split(text: str) -> list[str]:
    """At commas that stand in no bracket."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "([{<") - (c in ")]}>")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p for p in parts if p.strip()]
