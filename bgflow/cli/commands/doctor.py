"""`bgflow doctor`: what is here, what is missing, and the line that mends it."""

from __future__ import annotations

import glob
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import click

from bgflow import __version__, environment
from bgflow.cli import gpu
from bgflow.cli.finding import Finding, library


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(as_json: bool) -> int:
    """Look at this machine: processor, libraries, GPU, models, cameras. Ends with 1 if something needed is broken."""
    findings = list(examine())
    if as_json:
        click.echo(json.dumps([asdict(f) for f in findings], indent=2))
    else:
        _table(findings)
    return int(any(f.required and f.state == "broken" for f in findings))


def examine() -> Iterator[Finding]:
    """Everything worth knowing, one finding at a time; each look is independent of the others' failures."""
    yield Finding("bgflow", "ok", __version__)
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    flags = " ".join(environment.flags()) or "no vector units known"
    yield Finding("processor", "ok", f"{environment.cpu()}, {environment.cores()} cores, {flags}")
    for package, look in LIBRARIES.items():
        yield library(package, package, look, required=True)
    yield from gpu.examine()
    yield _kernels()
    yield from _models()
    cameras = sorted(glob.glob("/dev/video*"))
    yield Finding("cameras", "ok" if cameras else "absent", ", ".join(cameras) or "no /dev/video*")


def _numba(numba: Any) -> str:
    from numba.np.ufunc import parallel

    launch: Any = parallel  # untyped
    launch._launch_threads()
    return f"threads by {launch.threading_layer()}"


def _av(av: Any) -> str:
    libraries = ", ".join(f"{n} {'.'.join(map(str, av.library_versions[n]))}" for n in ("libavcodec", "libavformat"))
    wanted = ("libx264", "libvpx-vp9", "prores_ks")
    missing = [codec for codec in wanted if codec not in av.codecs_available]
    if missing:
        raise RuntimeError(f"{libraries}, without {', '.join(missing)}; the wheel from PyPI has them")
    return f"{libraries}, with {', '.join(wanted)}"


def _openvino(openvino: Any) -> str:
    core = openvino.Core()
    return "; ".join(
        f"{d} {' '.join(core.get_property(d, 'OPTIMIZATION_CAPABILITIES'))}" for d in core.available_devices
    )


def _onnxruntime(onnxruntime: Any) -> str:
    return ", ".join(onnxruntime.get_available_providers())


LIBRARIES: dict[str, Callable[[Any], str]] = {
    "numpy": lambda m: "",
    "numba": _numba,
    "av": _av,
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
    "aiortc": lambda m: "",
    "aiohttp": lambda m: "",
    "PIL": lambda m: "",
}


def _kernels() -> Finding:
    from bgflow.errors import KernelError
    from bgflow.numbajit import cache_folder

    try:
        return Finding("kernel cache", "ok", str(cache_folder()), required=True)
    except KernelError as e:
        return Finding("kernel cache", "broken", str(e), "export BGFLOW_CACHE=/a/writable/folder", required=True)


def _models() -> Iterator[Finding]:
    from bgflow import models
    from bgflow.errors import ModelError

    store = models.store()
    writable = os.access(next(p for p in (store, *store.parents) if p.exists()), os.W_OK)
    remedy = "" if writable else "export BGFLOW_MODELS=/a/writable/folder"
    yield Finding(
        "model store", "ok" if writable else "broken", f"{store}{'' if writable else ' cannot be written'}", remedy
    )
    try:
        known = models.known()
    except ModelError as e:
        yield Finding("models", "broken", str(e))
        return
    for name, model in known.items():
        here = model.path.is_file() and model.path.stat().st_size == model.size
        size = f"{model.size / 1e6:.1f} MB, {model.licence}"
        if here or not model.path.exists():
            remedy = "" if here else f"bgflow models pull {name}"
            yield Finding(f"model {name}", "ok" if here else "absent", size, remedy)
        else:
            yield Finding(f"model {name}", "broken", f"{model.path} is cut short", f"bgflow models pull {name}")


def _table(findings: list[Finding]) -> None:
    colour = {"ok": "green", "absent": "yellow", "broken": "red"}
    width = max(len(f.what) for f in findings)
    for f in findings:
        click.echo(f"{click.style(f'{f.state:6}', colour[f.state])}  {f.what:{width}}  {f.found}")
        if f.remedy:
            click.echo(f"{'':{width + 10}}-> {f.remedy}")
