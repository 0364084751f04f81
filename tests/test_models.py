"""The store of models: names, hashes, importing, and the command over them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bgflow import models
from bgflow.cli.commands.models import command
from bgflow.errors import ModelError, UsageError
from tests.networks import tiny

NAMES = "modnet, palm, palm_full, plate, pose_detection, pose_landmark, rvm, selfie, u2net, u2netp"
SHA256 = hashlib.sha256(b"").hexdigest()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


def test_a_missing_model_says_what_to_run(store: Path) -> None:
    with pytest.raises(ModelError) as e:
        models.find("u2netp")
    assert str(e.value) == f"model 'u2netp' is not in {store}; run: bgflow models pull u2netp"
    assert e.value.exit_code == 2


def test_a_model_cut_short_is_damaged(store: Path) -> None:
    store.mkdir()
    (store / "u2netp.onnx").write_bytes(b"cut")
    with pytest.raises(ModelError) as e:
        models.find("u2netp")
    assert str(e.value) == (
        f"{store}/u2netp.onnx: damaged, it has 3 bytes instead of 4574861; run: bgflow models pull u2netp"
    )


def test_a_misspelt_model_is_answered_with_the_near_one() -> None:
    with pytest.raises(ModelError, match="^there is no model 'u2nep'; did you mean 'u2netp'\\?$"):
        models.get("u2nep")


def test_a_strange_name_is_answered_with_all_names() -> None:
    with pytest.raises(ModelError) as e:
        models.get("zzz")
    assert str(e.value) == f"there is no model 'zzz'; there are {NAMES}, or give an .onnx file"


def test_an_onnx_path_is_a_model(tmp_path: Path) -> None:
    file = tiny(tmp_path / "own.onnx")
    assert models.find(str(file)).path == file


def test_a_missing_onnx_path_is_one_line() -> None:
    with pytest.raises(ModelError) as e:
        models.get("own.onnx")
    assert str(e.value) == f"own.onnx: there is no such file; give an .onnx file or one of {NAMES}"


def test_every_built_in_model_but_rvm_may_be_used_commercially() -> None:
    assert [m.name for m in models.known().values() if not m.permissive] == ["rvm"]


def test_a_copyleft_model_is_not_fetched_before_its_licence_is_accepted(store: Path) -> None:
    with pytest.raises(UsageError) as e:
        run("pull", "rvm")
    assert str(e.value) == (
        "rvm is under GPL-3.0, which binds what you build with it: https://github.com/PeterL1n/RobustVideoMatting; "
        "to agree: bgflow models pull rvm --accept-licence GPL-3.0"
    )
    assert not store.exists()


def test_every_built_in_wheel_is_pinned() -> None:
    wheels = [s for m in models.known().values() for s in m.sources if s.startswith("wheel")]
    assert len(wheels) == 9
    assert all(re.fullmatch(r"wheel: [\w-]+==[\d.]+, [\w/]+\.(onnx|tflite)", s) for s in wheels)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_manifest_that_is_none_is_one_line(store: Path, text: str) -> None:
    store.mkdir()
    (store / "models.json").write_text(text)
    with pytest.raises(ModelError) as e:
        models.known()
    assert str(e.value).startswith(f"{store}/models.json: not a manifest of models: ")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"file": "a", "size": 1, "sha256": SHA256, "hue": 1}, "a.hue: extra inputs are not permitted"),
        ({"file": "a", "size": 0, "sha256": SHA256}, "a.size: input should be greater than or equal to 1"),
        (7, "a: is 7, but must be an object with file, size and sha256"),
    ],
)
def test_an_entry_that_is_not_understood_costs_only_that_model(store: Path, entry: object, told: str) -> None:
    store.mkdir()
    (store / "models.json").write_text(json.dumps({"a": entry}))
    assert "u2netp" in models.known()
    with pytest.raises(ModelError) as e:
        models.get("a")
    assert str(e.value) == f"{store}/models.json: {told}"


def test_an_entry_that_is_not_understood_stays_in_the_manifest(tmp_path: Path, store: Path) -> None:
    store.mkdir()
    (store / "models.json").write_text(json.dumps({"a": {"hue": 1}}))
    models.add(tiny(tmp_path / "some.onnx"), "own", "MIT", like="modnet")
    assert json.loads((store / "models.json").read_text())["a"] == {"hue": 1}


def test_an_imported_model_is_found_by_its_name(tmp_path: Path, store: Path) -> None:
    file = tiny(tmp_path / "some.onnx")
    models.add(file, "own", "MIT", like="modnet")
    found = models.find("own")
    assert found.path == store / "own.onnx"
    assert found.path.read_bytes() == file.read_bytes()
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.layout.mean == (0.5, 0.5, 0.5)
    assert not list(store.glob("*.part"))


def test_imported_models_stay_when_another_comes(tmp_path: Path) -> None:
    file = tiny(tmp_path / "some.onnx")
    models.add(file, "one")
    models.add(file, "two")
    assert {"one", "two"} < set(models.known())


def test_a_built_in_name_cannot_be_taken(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="^'u2netp' is a built-in model; choose another name$"):
        models.add(tiny(tmp_path / "some.onnx"), "u2netp")


def test_a_name_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^'../x' is not a model name; use small letters, digits and - _ \.$"):
        models.add(tiny(tmp_path / "some.onnx"), "../x")


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({}, "a declared model needs its file: {path: my.onnx, …}"),
        ({"path": "none.onnx"}, f"none.onnx: there is no such file; give an .onnx file or one of {NAMES}"),
        ({"path": "FILE", "imput": "x"}, "FILE: unknown key 'imput'; did you mean 'input'?"),
        ({"path": "FILE", "size": [300, 320]}, "FILE: size: 300 is not a multiple of 32; 288 or 320 would be"),
        ({"path": "FILE", "std": [1, 0, 1]}, "FILE: std: the colour is divided by it, so it is not 0"),
        ({"path": "FILE", "layout": "chw"}, "FILE: layout: input should be 'nchw' or 'nhwc'"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_one_line(tmp_path: Path, declared: Any, told: str) -> None:
    file = str(tiny(tmp_path / "own.onnx"))
    with pytest.raises(ModelError) as e:
        models.get({k: v.replace("FILE", file) if isinstance(v, str) else v for k, v in declared.items()})
    assert str(e.value).startswith(told.replace("FILE", file))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("resize", "picture", "fitted"),
    [
        ("stretch", (720, 1280), (320, 320)),
        ("short", (720, 1280), (320, 576)),
        ("short", (1280, 720), (576, 320)),
        ("short", (1, 4000), (32, 1280)),
        ("within", (720, 1280), (192, 320)),
        ("within", (100, 200), (96, 192)),
        ("within", (1, 1), (32, 32)),
    ],
)
def test_the_input_is_fitted_to_the_picture(resize: Any, picture: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert models.Layout(resize=resize).fitted(*picture) == fitted


def test_the_ratio_shrinks_long_pictures_and_enlarges_none() -> None:
    layout = models.get("rvm").layout
    assert layout.ends(720, 1024).constants == {"downsample_ratio": 0.5}
    assert layout.ends(144, 256).constants == {"downsample_ratio": 1.0}


def test_only_onnx_files_are_imported(tmp_path: Path, store: Path) -> None:
    file = tmp_path / "some.onnx"
    file.write_text("hello")
    with pytest.raises(ModelError) as e:
        models.add(file, "own")
    assert str(e.value) == f"{file}: not an ONNX model: byte 2 starts no field"
    assert not store.exists()


def run(*words: str) -> str:
    """What `bgflow models …` prints; errors come through."""
    result = CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.output


def test_list_shows_every_model_and_the_store(store: Path) -> None:
    told = run("list")
    assert re.search(r"u2netp +4\.6 MB +Apache-2\.0 +no", told)
    assert f"store: {store}" in told


def test_list_can_leave_out_what_a_product_may_not_use(tmp_path: Path) -> None:
    models.add(tiny(tmp_path / "some.onnx"), "own", "GPL-3.0")
    every = {m["name"] for m in json.loads(run("list", "--json"))}
    assert every - {m["name"] for m in json.loads(run("list", "--json", "--commercial"))} == {"own", "rvm"}


def test_import_and_verify_and_a_flipped_byte(tmp_path: Path, store: Path) -> None:
    assert run("import", str(tiny(tmp_path / "some.onnx")), "--name", "own").startswith("own: imported, sha256 ")
    assert run("verify", "--files") == "plate: good\nown: good\n"
    file = store / "own.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ModelError, match="^1 of 2 models failed; run: bgflow models pull own$"):
        run("verify", "--files")


def test_an_imported_model_cannot_be_pulled(tmp_path: Path, store: Path) -> None:
    models.add(tiny(tmp_path / "some.onnx"), "own")
    (store / "own.onnx").unlink()
    with pytest.raises(ModelError) as e:
        run("pull", "own")
    assert str(e.value) == "model 'own' has no source; run: bgflow models import FILE --name own"
