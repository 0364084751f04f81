"""The graph behind `bgflow remove IN OUT`, `replace` and `blur`: written as YAML, so that people can grow from it."""

from __future__ import annotations

import glob
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from bgflow import models
from bgflow.document import near
from bgflow.errors import UsageError
from bgflow.media.encoders import CONTAINERS
from bgflow.media.pictures import EXTENSIONS, numbered
from bgflow.models.layout import Layout
from bgflow.stages.images import ALPHA_FORMATS, FORMATS
from bgflow.stages.url import SCHEMES as STREAMS

SCHEMES = ("file", "null", "preview", "synth", "v4l2", "webrtc", *STREAMS)
TRANSPARENT = {*ALPHA_FORMATS.values(), *(suffix for suffix, c in CONTAINERS.items() if c.alpha)}
# Found on 24 people and 16 webcam pictures with hand-drawn masks: mean error 0.0265 and 0.0327 with it, 0.0312 and
# 0.0351 without, because steeper edges end the haze that a map of fixed scale has; a wider fit follows wrong edges.
MOVING_EDGE = {"radius": 0.5, "sharpen": 1}
# Found on a dancer of DAVIS: IoU 0.636, dtSSD 18.4 with time.stabilise behind it; 0.641, 19.6 in every frame without.
# A tenth of the picture has changed there after every third frame anyhow. On somebody who walks through a room it is
# every fifth, at an IoU of 0.993 as with `least` alone; 15 % instead of 10 cost 0.003 there.
SELDOM = {"motion": 10, "seconds": 0.5, "least": 3}

Verb = Literal["remove", "replace", "blur"]
Kind = Literal["picture", "pictures", "video", "live", "page", "null"]


@dataclass(frozen=True)
class Job:
    """What someone asks for; `every` 0 and an empty `size` leave the choice to the kind of input."""

    verb: Verb
    source: str
    target: str
    background: str = ""
    radius: float = 5.0
    feather: float = 0.0
    mask_only: bool = False
    audio: bool = True
    overwrite: bool = False
    model: str = "u2netp"
    engine: str = "auto"
    precision: str = "auto"
    every: int = 0
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class End:
    """A source or sink: what kind of pictures, and the stage that reads or writes them."""

    kind: Kind
    use: str
    params: Mapping[str, Any] = field(default_factory=dict)


def graph(job: Job) -> str:
    """The YAML text of the graph that does the job.

    Stages are called source, net, steady, edge, the verb, and sink, for `--set`. Pictures keep what the network says;
    a moving picture gets its mask's edge fitted to the picture. U²-Net sees a frame of a video when a tenth of it has
    changed, at most every third, and what it says is carried along the motion to those between; `every` asks for it in
    each n-th, as it is. A live picture must not wait: the network has a thread of its own and a smaller input, and sees
    every third frame.

    Raises:
        UsageError: input and output do not go together, or one of them is nothing that can be read or written.
    """
    source, sink = source_of(job.source), sink_of(job.target)
    _fit(job, source, sink)
    stills = source.kind in ("picture", "pictures") and sink.kind != "video"
    live = source.kind == "live"
    use, net = _network(job, stills, live)
    carried = use == "u2net.mask" and not (stills or live or job.every)
    every = job.every or (3 if live else SELDOM if carried else 1)
    stages: dict[str, dict[str, Any]] = {
        "source": _stage(source.use, None, source.params),
        "net": _stage(use, "source.image", net, every, "net" if live else ""),
    }
    alpha = "net.alpha"
    if carried:
        stages["steady"] = _stage("time.stabilise", {"image": "source.image", "alpha": alpha}, {})
        alpha = "steady.alpha"
    if job.feather or not stills:
        edge = {"despeckle": 0, "radius": 0} if stills else MOVING_EDGE
        set_ = {**edge, **({"feather": job.feather} if job.feather else {})}
        stages["edge"] = _stage("edge.refine", {"image": "source.image", "alpha": alpha}, set_)
        alpha = "edge.alpha"
    result = _result(job, sink, stages, alpha)
    wires = {"value" if sink.kind == "null" else "image": result}
    if source.use == "images.source" and sink.kind == "pictures":
        wires["name"] = "source.name"
    if job.audio and source.use in ("file.source", "url.source") and sink.use == "file.sink":
        wires["audio"] = "source.audio"
    overwrite = {"overwrite": True} if job.overwrite else {"overwrite": False}
    params = {**sink.params, **overwrite} if sink.use in ("file.sink", "images.sink") else sink.params
    stages["sink"] = _stage(sink.use, wires if len(wires) > 1 else result, params)
    lines = [f"  {name}: {_flow(stage)}" for name, stage in stages.items()]
    return "\n".join([f"graph: {job.verb}", "stages:", *lines, ""])


def source_of(text: str) -> End:
    """What IN means: a picture, a folder, a glob, a numbered pattern, a video, a camera, an address or `synth://`.

    Raises:
        UsageError: it is an address of an unknown kind.
    """
    scheme, rest = _scheme(text)
    if scheme == "synth":
        query = dict(urllib.parse.parse_qsl(rest.partition("?")[2]))
        if "frames" in query:
            query["count"] = query.pop("frames")
        return End("video", "synth.source", {k: yaml.safe_load(v) for k, v in query.items()})
    if scheme == "v4l2" or re.fullmatch(r"/dev/video\d+", text):
        return End("live", "camera.source", {"device": rest if scheme else text})
    if scheme == "webrtc":
        return End("live", "webrtc.source", _address(text, rest))
    if scheme in STREAMS:
        return End("live", "url.source", {"url": text})
    if scheme in ("null", "preview"):
        raise UsageError(f"{text}: can only be an output; give a file, a camera or an address to read")
    path = rest if scheme == "file" else text
    if Path(path).is_dir() or ((numbered(path) or glob.has_magic(path)) and not Path(path).exists()):
        return End("pictures", "images.source", {"path": path})
    if Path(path).suffix.lower() in EXTENSIONS:
        return End("picture", "images.source", {"path": path})
    return End("video", "file.source", {"path": path})


def sink_of(text: str) -> End:
    """What OUT means: a picture, a folder, a numbered pattern, a video, `preview://`, `webrtc://` or `null`.

    Raises:
        UsageError: it is nothing that can be written.
    """
    scheme, rest = _scheme(text)
    if text in ("null", "preview", "webrtc"):
        scheme = text
        rest = ""
    if scheme == "null":
        return End("null", "null.sink")
    if scheme in ("preview", "webrtc"):
        return End("page", f"{scheme}.sink", _address(text, rest))
    if scheme not in ("", "file"):
        raise UsageError(
            f"{text}: cannot be an output; give a file, a folder, preview://@:8080, webrtc://@:8080 or null"
        )
    path = rest if scheme else text
    suffix = Path(path).suffix.lower()
    if numbered(path) or path.endswith("/") or Path(path).is_dir() or not suffix:
        return End("pictures", "images.sink", {"path": path})
    if suffix in FORMATS:
        return End("picture", "images.sink", {"path": path})
    if suffix in CONTAINERS:
        return End("video", "file.sink", {"path": path})
    raise UsageError(f"{text}: no format ends in {suffix!r}{near(suffix, (*FORMATS, *CONTAINERS))}")


def _fit(job: Job, source: End, sink: End) -> None:
    """Refuse what cannot go together, before anything is opened."""
    path = str(sink.params.get("path", ""))
    cut_out = job.verb == "remove" and not job.mask_only
    if cut_out and sink.kind == "page":
        raise UsageError(f"{job.target}: a page shows no transparency; use `bgflow replace`, or add --mask-only")
    if cut_out and Path(path).suffix and Path(path).suffix.lower() not in TRANSPARENT:
        kind = ".webm (VP9) or .mov (ProRes 4444)" if sink.kind == "video" else ".png or .webp"
        raise UsageError(
            f"{job.target}: {Path(path).suffix} cannot hold transparency; write {kind}, or add --mask-only"
        )
    if sink.kind == "picture" and source.kind != "picture":
        pattern = f"{Path(path).with_suffix('')}_%04d{Path(path).suffix}"
        raise UsageError(f"{job.target}: is one picture, but {job.source} is many; give a folder or {pattern}")
    if path and Path(path).resolve() == Path(str(source.params.get("path", ""))).resolve():
        raise UsageError(f"{job.target}: is the input too; give another name for the output")
    if Path(path).is_file() and not job.overwrite:
        raise UsageError(f"{job.target}: exists already; add --overwrite, or give another name")


def _network(job: Job, stills: bool, live: bool) -> tuple[str, dict[str, Any]]:
    """The stage that finds the subject, and its parameters.

    Pictures have time: they are computed in fp32, and U²-Net's map is stretched to 0..1 as its authors do.
    """
    precision = "fp32" if stills and job.precision == "auto" else job.precision
    common = {"engine": job.engine, "precision": precision}
    set_: dict[str, Any] = {"model": job.model, **{key: value for key, value in common.items() if value != "auto"}}
    if layout := _other(job.model):
        if job.size:
            set_ |= {"height": job.size[0], "width": job.size[1]}
        if stills and layout.state:
            set_["memory"] = False
        return "net.mask", set_
    size = job.size or ((160, 288) if live else (320, 320))
    set_ |= {key: n for key, n in zip(("height", "width"), size, strict=True) if n != 320}
    if stills:
        set_["scale"] = "minmax"
    return "u2net.mask", set_


def _other(name: str) -> Layout | None:
    """The layout of a model that is not one of U²-Net's family; a file without a name is taken for one."""
    model = models.known().get(name)
    return model.layout if model and model.layout != Layout() else None


def _result(job: Job, sink: End, stages: dict[str, dict[str, Any]], alpha: str) -> str:
    """Add the stage that makes the result, and say which output that is."""
    both = {"image": "source.image", "alpha": alpha}
    if job.mask_only:
        if sink.kind != "page":
            return alpha
        stages["mask"] = _stage("compose.mask", {"alpha": alpha}, {})
        return "mask.out"
    if job.verb == "remove":
        stages["remove"] = _stage("compose.alpha", both, {})
    elif job.verb == "replace":
        stages["replace"] = _stage("compose.replace", both, {"background": job.background})
    else:
        stages["blur"] = _stage("compose.blur", both, {"radius": job.radius})
    return f"{job.verb}.out"


def _scheme(text: str) -> tuple[str, str]:
    """'rtsp://host/x' as ('rtsp', 'host/x'); ('', text) for a path."""
    found = re.match(r"([A-Za-z][\w+.-]*)://(.*)", text, re.S)
    if not found:
        return "", text
    scheme = found[1].lower()
    if scheme not in SCHEMES:
        raise UsageError(f"{scheme}:// is not known{near(scheme, [f'{s}://' for s in SCHEMES])}")
    return scheme, found[2]


def _address(text: str, rest: str) -> dict[str, Any]:
    """'@:8080', ':8080' or '0.0.0.0:8080' as parameters of a served stage; what is not said stays at its default."""
    place = rest.partition("/")[0].rpartition("@")[2]
    host, _, port = place.rpartition(":") if ":" in place else (place, "", "")
    if port and not port.isdecimal():
        raise UsageError(f"{text}: {port!r} is no port; write for example {text.partition(':')[0]}://@:8080")
    return {**({"address": host} if host else {}), **({"port": int(port)} if port else {})}


def _stage(
    use: str, in_: str | dict[str, str] | None, set_: Mapping[str, Any], every: Any = 1, thread: str = ""
) -> dict[str, Any]:
    parts = {"use": use, "in": in_, "every": every if every != 1 else None, "thread": thread, "set": dict(set_)}
    return {key: value for key, value in parts.items() if value}


def _flow(stage: dict[str, Any]) -> str:
    """A stage on one line of YAML."""
    text: str = yaml.safe_dump(stage, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.strip()
