"""The store of models: names, hashes, importing, and the command over them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bgflow import models
from bgflow.cli.commands.models import command
from bgflow.errors import ModelError
from tests.networks import tiny

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
    assert str(e.value) == "there is no model 'zzz'; there are modnet, u2net, u2netp, or give an .onnx file"


def test_an_onnx_path_is_a_model(tmp_path: Path) -> None:
    file = tiny(tmp_path / "own.onnx")
    assert models.find(str(file)).path == file


def test_a_missing_onnx_path_is_one_line() -> None:
    with pytest.raises(ModelError) as e:
        models.get("own.onnx")
    assert str(e.value) == "own.onnx: there is no such file; give an .onnx file or one of modnet, u2net, u2netp"


def test_every_built_in_model_may_be_used_commercially() -> None:
    assert all(m.permissive for m in models.known().values())


def test_every_built_in_wheel_is_pinned() -> None:
    wheels = [s for m in models.known().values() for s in m.sources if s.startswith("wheel")]
    assert len(wheels) == 3
    assert all(re.fullmatch(r"wheel: [\w-]+==[\d.]+, [\w/]+\.onnx", s) for s in wheels)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not a manifest of models: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (
            json.dumps({"a": {"file": "a", "size": 1, "sha256": SHA256, "hue": 1}}),
            "hue: extra inputs are not permitted",
        ),
        (json.dumps({"a": {"file": "a", "size": 0, "sha256": SHA256}}), "size: input should be greater than or equal"),
        ("[]", "not a manifest of models: "),
    ],
)
def test_a_broken_manifest_is_one_line(store: Path, text: str, told: str) -> None:
    store.mkdir()
    (store / "models.json").write_text(text)
    with pytest.raises(ModelError) as e:
        models.known()
    assert str(e.value).startswith(f"{store}/models.json: {told}")
    assert "\n" not in str(e.value)


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
    assert every - {m["name"] for m in json.loads(run("list", "--json", "--commercial"))} == {"own"}


def test_import_and_verify_and_a_flipped_byte(tmp_path: Path, store: Path) -> None:
    assert run("import", str(tiny(tmp_path / "some.onnx")), "--name", "own").startswith("own: imported, sha256 ")
    assert run("verify") == "own: good\n"
    file = store / "own.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ModelError, match="^1 of 1 models failed; run: bgflow models pull own$"):
        run("verify")


def test_an_imported_model_cannot_be_pulled(tmp_path: Path, store: Path) -> None:
    models.add(tiny(tmp_path / "some.onnx"), "own")
    (store / "own.onnx").unlink()
    with pytest.raises(ModelError) as e:
        run("pull", "own")
    assert str(e.value) == "model 'own' has no source; run: bgflow models import FILE --name own"
