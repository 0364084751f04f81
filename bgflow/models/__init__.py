"""The models bgflow knows, and the folder that holds their files.

A manifest maps a name to a model: `bgflow/models.json` lists those that `bgflow models pull` can fetch, a file of the
same form in the store lists what the user imported. Nothing here touches the network; `bgflow.models.fetch` does.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pydantic

from bgflow.aside import aside
from bgflow.errors import ModelError
from bgflow.models import ends
from bgflow.models.layout import Layout

PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0", "MIT"}
SUFFIXES = (".onnx", ".tflite")
BUILT_IN = Path(__file__).with_name("models.json")


class Model(pydantic.BaseModel):
    """One entry of a manifest; `path` is where its file is, or would be."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = ""
    file: str
    sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")
    size: int = pydantic.Field(ge=1)
    licence: str = "unknown"
    """An SPDX identifier; it is that of the weights."""
    home: str = ""
    sources: tuple[str, ...] = ()
    """In order of preference: an address, or 'wheel: NAME==VERSION, path/in/the/wheel'."""
    trained: str = ""
    """Of an own model: what it was trained on and how."""
    layout: Layout = Layout()

    @property
    def path(self) -> Path:
        """The model's file, which comes with bgflow or is in the store; an absolute `file` stands for itself."""
        shipped = BUILT_IN.parent / self.file
        return shipped if shipped.is_file() else store() / self.file

    @property
    def permissive(self) -> bool:
        """Whether the licence lets a closed commercial product use the weights."""
        return self.licence in PERMISSIVE


def store() -> Path:
    """The folder of model files: `BGFLOW_MODELS`, else `models` in the user's data folder."""
    if chosen := os.environ.get("BGFLOW_MODELS"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("bgflow", appauthor=False) / "models"


def known() -> dict[str, Model]:
    """Every model of both manifests by name, without the user's own that this version does not understand.

    Raises:
        ModelError: the user's manifest is none.
    """
    file = store() / "models.json"
    own = {name: _model(file, name, entry) for name, entry in _entries(file).items()}
    return {**_built_in(), **{n: m for n, m in own.items() if isinstance(m, Model)}, **_built_in()}


def get(name: str | Mapping[str, Any]) -> Model:
    """The model of that name, of that `.onnx` or `.tflite` path (with U²-Net's layout), or of that declaration.

    A declaration is a path and the fields of a Layout. Whether a named model's file is there does not matter.

    Raises:
        ModelError: no such name, no such file, or a declaration that makes no sense.
    """
    if not isinstance(name, str):
        return _own(str(name.get("path", "")), {k: v for k, v in name.items() if k != "path"})
    models = known()
    if name in models:
        return models[name]
    file = store() / "models.json"
    if name in (entries := _entries(file)) and isinstance(wrong := _model(file, name, entries[name]), ModelError):
        raise wrong
    if name.endswith(SUFFIXES) or os.sep in name:
        return _own(name, {})
    near = difflib.get_close_matches(name, models, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(models))}, or give an .onnx file"
    raise ModelError(f"there is no model {name!r}; {hint}")


def find(name: str | Mapping[str, Any]) -> Model:
    """The model of that name or path, its file present and of the right size; nothing is fetched.

    Raises:
        ModelError: as `get`, or the file is missing or cut short; says how to get it.
    """
    model = get(name)
    size = _present(model).stat().st_size
    if size != model.size:
        raise ModelError(
            f"{model.path}: damaged, it has {size} bytes instead of {model.size}; run: bgflow models pull {model.name}"
        )
    return model


def verify(model: Model, path: Path | None = None) -> None:
    """Read the whole file and compare its hash; raises ModelError with both hashes."""
    path = path or _present(model)
    if (found := digest(path)) != model.sha256:
        raise ModelError(f"{path}: wrong sha256 {found}; {model.name} has {model.sha256}")


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def vacant(name: str) -> None:
    """Raise ModelError when an own model cannot be called so."""
    if name in _built_in():
        raise ModelError(f"{name!r} is a built-in model; choose another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise ModelError(f"{name!r} is not a model name; use small letters, digits and - _ .")


def add(
    file: Path, name: str, licence: str = "unknown", like: str | Layout = "u2netp", title: str = "", trained: str = ""
) -> Model:
    """Copy an own ONNX file into the store under `name`, with that layout or the one of the model `like`.

    Raises:
        ModelError: the name is taken or unfit, or the file has not the tensors of that layout.
    """
    vacant(name)
    layout = like if isinstance(like, Layout) else get(like).layout
    ends.read(file, layout.shape(*layout.size), layout.ends(*layout.size))
    with locked("models.json") as folder:
        target = folder / f"{name}{file.suffix}"
        with aside(target) as part:
            shutil.copyfile(file, part)
        entry = Model(
            name=name,
            title=title or file.name,
            file=target.name,
            sha256=digest(target),
            size=target.stat().st_size,
            licence=licence,
            trained=trained,
            layout=layout,
        )
        entries = {**_entries(folder / "models.json"), name: entry.model_dump(exclude={"name"})}
        with aside(folder / "models.json") as manifest:
            manifest.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")
    return entry


@contextlib.contextmanager
def locked(what: str) -> Iterator[Path]:
    """The store for writing `what`: made if need be, and this process alone in it; a full disk is a ModelError."""
    import filelock

    folder = store()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / f".{what}.lock"):
            yield folder
    except OSError as e:
        raise ModelError(f"{folder}: cannot write {what}: {e.strerror or e}; BGFLOW_MODELS names another folder") from e


def _own(text: str, declared: Mapping[str, Any]) -> Model:
    path = Path(text).expanduser().absolute()
    if not text:
        raise ModelError("a declared model needs its file: {path: my.onnx, …}")
    if not path.is_file():
        names = ", ".join(sorted(known()))
        raise ModelError(f"{text}: there is no such file; give an .onnx file or one of {names}")
    try:
        layout = Layout(**declared)
    except pydantic.ValidationError as e:
        raise ModelError(f"{text}: {_first(e)}") from None
    return Model(name=path.stem, file=str(path), sha256=digest(path), size=path.stat().st_size, layout=layout)


def _first(error: pydantic.ValidationError) -> str:
    """What is wrong first, in one line."""
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place, Layout.model_fields, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are path, {', '.join(Layout.model_fields)}"
        return f"unknown key {place!r}; {hint}"
    text = found["msg"].removeprefix("Value error, ")
    return f"{place}: {text[0].lower()}{text[1:]}" if place else text


def _present(model: Model) -> Path:
    if not model.path.is_file():
        raise ModelError(f"model {model.name!r} is not in {store()}; run: bgflow models pull {model.name}")
    return model.path


@functools.cache
def _built_in() -> Mapping[str, Model]:
    return {name: Model(name=name, **entry) for name, entry in _entries(BUILT_IN).items()}


def _entries(manifest: Path) -> dict[str, Any]:
    """What a manifest says of each name; nothing where there is none. Raises ModelError when it is not JSON."""
    try:
        return dict(json.loads(manifest.read_text("utf-8")).items())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as e:
        raise ModelError(f"{manifest}: not a manifest of models: {e}") from e


def _model(manifest: Path, name: str, entry: Any) -> Model | ModelError:
    """An entry as a model, or what is wrong with it; another version may have written it."""
    try:
        return Model(name=name, **entry)
    except pydantic.ValidationError as e:
        first = e.errors()[0]
        return ModelError(f"{manifest}: {'.'.join(map(str, [name, *first['loc']]))}: {first['msg'].lower()}")
    except TypeError:
        return ModelError(f"{manifest}: {name}: is {entry!r}, but must be an object with file, size and sha256")
