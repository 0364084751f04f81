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
from typing import Any, Literal

import pydantic

from bgflow.errors import ModelError
from bgflow.models import onnx

PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0", "MIT"}
BUILT_IN = Path(__file__).with_name("models.json")


class Layout(pydantic.BaseModel):
    """What the network expects of its picture, and which of its outputs is the mask.

    A field with one choice says what the stages do; a model that needs something else cannot be declared by mistake.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    height: int = 320
    width: int = 320
    multiple: int = 32
    """Height and width must be multiples of this."""
    resize: Literal["stretch"] = "stretch"
    """The whole picture fills the input; its aspect ratio is not kept."""
    channels: Literal["rgb"] = "rgb"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """The input is (colour - mean) / std, colour in 0..1."""
    output: int = 0
    """Index of the output that is the mask."""
    activation: Literal["none"] = "none"
    """What is left to do to the output: nothing, the mask is 0..1 already."""


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
    layout: Layout = Layout()

    @property
    def path(self) -> Path:
        """The model's file; an absolute `file` stands for itself."""
        return store() / self.file

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
    """Every model of both manifests by name; raises ModelError when one cannot be read."""
    return {**_built_in(), **_read(store() / "models.json"), **_built_in()}


def get(name: str) -> Model:
    """The model of that name, or of that `.onnx` path (with U²-Net's layout), whether or not its file is there.

    Raises:
        ModelError: no such name, or no such file.
    """
    models = known()
    if name in models:
        return models[name]
    if name.endswith(".onnx") or os.sep in name:
        path = Path(name).expanduser().absolute()
        if not path.is_file():
            raise ModelError(f"{name}: there is no such file; give an .onnx file or one of {', '.join(sorted(models))}")
        return Model(name=path.stem, file=str(path), sha256=digest(path), size=path.stat().st_size)
    near = difflib.get_close_matches(name, models, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(models))}, or give an .onnx file"
    raise ModelError(f"there is no model {name!r}; {hint}")


def find(name: str) -> Model:
    """The model of that name or path, its file present and of the right size; nothing is fetched.

    Raises:
        ModelError: as `get`, or the file is missing or cut short; says how to get it.
    """
    model = get(name)
    size = _present(model).stat().st_size
    if size != model.size:
        raise ModelError(
            f"{model.path}: damaged, it has {size} bytes instead of {model.size}; run: bgflow models pull {name}"
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


def add(file: Path, name: str, licence: str = "unknown", like: str = "u2netp") -> Model:
    """Copy an own ONNX file into the store under `name`, with the layout of the model `like`.

    Raises:
        ModelError: the name is taken or unfit, or the file is no network from a picture to masks.
    """
    if name in _built_in():
        raise ModelError(f"{name!r} is a built-in model; choose another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise ModelError(f"{name!r} is not a model name; use small letters, digits and - _ .")
    layout = get(like).layout
    onnx.read(file, (1, 3, None, None), layout.output)
    with locked("models.json") as folder:
        target, part = folder / f"{name}.onnx", folder / f"{name}.onnx.part"
        shutil.copyfile(file, part)
        part.replace(target)
        entry = Model(
            name=name,
            title=file.name,
            file=target.name,
            sha256=digest(target),
            size=target.stat().st_size,
            licence=licence,
            layout=layout,
        )
        entries = {**_read(folder / "models.json"), name: entry}
        text = json.dumps({n: m.model_dump(exclude={"name"}) for n, m in entries.items()}, indent=2)
        part.write_text(text + "\n", "utf-8")
        part.replace(folder / "models.json")
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


def _present(model: Model) -> Path:
    if not model.path.is_file():
        raise ModelError(f"model {model.name!r} is not in {store()}; run: bgflow models pull {model.name}")
    return model.path


@functools.cache
def _built_in() -> Mapping[str, Model]:
    return _read(BUILT_IN)


def _read(manifest: Path) -> dict[str, Model]:
    try:
        entries: dict[str, Any] = json.loads(manifest.read_text("utf-8"))
        return {name: Model(name=name, **entry) for name, entry in entries.items()}
    except FileNotFoundError:
        return {}
    except pydantic.ValidationError as e:
        first = e.errors()[0]
        raise ModelError(f"{manifest}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from e
    except (OSError, ValueError, TypeError, AttributeError) as e:
        raise ModelError(f"{manifest}: not a manifest of models: {e}") from e
