"""Fetching a model: from a real server that misbehaves, and from a wheel through the real pip."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bgflow import models
from bgflow.cli.commands.models import command
from bgflow.errors import ModelError
from bgflow.models import fetch

CONTENT = np.random.default_rng(3).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOWHERE = "http://127.0.0.1:9/net.onnx"  # the discard port: nobody listens


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; each connection ends after `cut` bytes; `ranges` keeps the Range header of every request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.knows_ranges, self.status = CONTENT, len(CONTENT), True, 200
        self.silent = threading.Event()
        self.silent.set()
        self.ranges: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/net.onnx"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers["Range"]
        server.ranges.append(wanted)
        server.silent.wait(10)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.knows_ranges else 0
        self.send_response(206 if start else server.status)
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : start + server.cut])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as it:
        thread = threading.Thread(target=it.serve_forever, args=(0.01,))
        thread.start()
        yield it
        it.silent.set()
        it.shutdown()
        thread.join()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A source: a wheel that the real pip finds in a folder, without any index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "bgflow_test_net-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("net/net.onnx", CONTENT)
        wheel.writestr(
            "bgflow_test_net-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: bgflow-test-net\nVersion: 1.0\n"
        )
        wheel.writestr(
            "bgflow_test_net-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("bgflow_test_net-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return "wheel: bgflow-test-net==1.0, net/net.onnx"


def net(*sources: str) -> models.Model:
    return models.Model(name="net", file="net.onnx", sha256=SHA256, size=len(CONTENT), licence="MIT", sources=sources)


def pull(model: models.Model) -> tuple[bool, list[str]]:
    notes: list[str] = []
    return fetch.pull(model, lambda done, total: None, notes.append), notes


def test_a_pull_fetches_once(server: Server, store: Path) -> None:
    assert pull(net(server.address)) == (True, [])
    assert pull(net(server.address)) == (False, [])
    assert server.ranges == [None]
    assert (store / "net.onnx").read_bytes() == CONTENT


def test_a_pull_leaves_only_the_model_and_a_lock(server: Server, store: Path) -> None:
    pull(net(server.address))
    assert {p.name for p in store.iterdir()} <= {"net.onnx", ".net.onnx.lock"}


def test_a_whole_file_in_a_store_that_cannot_be_written_is_fine(store: Path) -> None:
    store.mkdir()
    (store / "net.onnx").write_bytes(CONTENT)
    (store / ".net.onnx.lock").mkdir()  # root may write everywhere, but not open a folder
    assert pull(net(NOWHERE)) == (False, [])


def test_a_cut_connection_is_resumed_where_it_ended(server: Server, store: Path) -> None:
    server.cut = 120_000
    assert pull(net(server.address)) == (True, [])
    assert server.ranges == [None, "bytes=120000-", "bytes=240000-"]
    assert (store / "net.onnx").read_bytes() == CONTENT


def test_an_earlier_pulls_part_is_continued(server: Server, store: Path) -> None:
    store.mkdir()
    (store / "net.onnx.part").write_bytes(CONTENT[:1000])
    assert pull(net(server.address)) == (True, [])
    assert server.ranges == ["bytes=1000-"]


def test_a_server_without_ranges_starts_again(server: Server, store: Path) -> None:
    server.knows_ranges = False
    store.mkdir()
    (store / "net.onnx.part").write_bytes(b"x" * 1000)
    assert pull(net(server.address)) == (True, [])
    assert (store / "net.onnx").read_bytes() == CONTENT


def test_a_connection_that_always_ends_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "CONNECTIONS", 3)
    server.cut = 1000
    with pytest.raises(ModelError) as e:
        pull(net(server.address))
    assert str(e.value) == f"cannot fetch 'net': {server.address}: the connection ended early, 3 times"


def test_the_next_source_is_taken_with_a_note(server: Server) -> None:
    fetched, notes = pull(net(NOWHERE, server.address))
    assert fetched
    assert notes == [f"{NOWHERE}: Connection refused; trying {server.address}"]


def test_a_silent_server_is_left_soon(server: Server, wheels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server.silent.clear()
    monkeypatch.setattr(fetch, "TIMEOUT", 0.05)
    assert pull(net(server.address, wheels)) == (True, [f"{server.address}: timed out; trying {wheels}"])


def test_an_http_error_is_named(server: Server) -> None:
    server.status = 404
    with pytest.raises(ModelError) as e:
        pull(net(server.address))
    assert str(e.value) == f"cannot fetch 'net': {server.address}: HTTP 404 Not Found"


def test_another_size_is_refused_before_it_is_read(server: Server, store: Path) -> None:
    server.content = b"<html>please log in</html>"
    with pytest.raises(ModelError) as e:
        pull(net(server.address))
    assert str(e.value) == f"cannot fetch 'net': {server.address}: it has 26 bytes instead of 300000"
    assert not (store / "net.onnx.part").exists()


def test_a_wrong_hash_is_refused_with_both_and_the_file_removed(server: Server, store: Path) -> None:
    server.content = b"y" * len(CONTENT)
    found = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(ModelError) as e:
        pull(net(server.address))
    part = store / "net.onnx.part"
    assert str(e.value) == (f"cannot fetch 'net': {server.address}: {part}: wrong sha256 {found}; net has {SHA256}")
    assert not part.exists()
    assert not (store / "net.onnx").exists()


def test_a_damaged_file_is_fetched_again(server: Server, store: Path) -> None:
    store.mkdir()
    (store / "net.onnx").write_bytes(b"damaged")
    assert pull(net(server.address)) == (True, [f"{store}/net.onnx: damaged; fetching it again"])
    assert (store / "net.onnx").read_bytes() == CONTENT


def test_two_pulls_at_once_fetch_once(server: Server) -> None:
    server.silent.clear()
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(pull(net(server.address))[0])) for _ in range(2)]
    for t in threads:
        t.start()
    server.silent.set()
    for t in threads:
        t.join()
    assert sorted(results) == [False, True]
    assert server.ranges == [None]


def test_the_progress_ends_at_the_whole_size(server: Server) -> None:
    told: list[tuple[int, int | None]] = []
    fetch.pull(net(server.address), lambda done, total: told.append((done, total)), lambda text: None)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_wheel_gives_its_member(wheels: str, store: Path) -> None:
    assert pull(net(wheels)) == (True, [])
    assert (store / "net.onnx").read_bytes() == CONTENT
    assert {p.name for p in store.iterdir()} <= {"net.onnx", ".net.onnx.lock"}


def test_a_wheel_that_is_not_to_be_had_tells_pips_words(wheels: str) -> None:
    source = "wheel: bgflow-test-net==2.0, net/net.onnx"
    with pytest.raises(ModelError) as e:
        pull(net(source))
    assert str(e.value) == f"cannot fetch 'net': {source}: No matching distribution found for bgflow-test-net==2.0"


def test_a_wheel_without_the_member_says_so(wheels: str) -> None:
    source = "wheel: bgflow-test-net==1.0, net/other.onnx"
    with pytest.raises(ModelError) as e:
        pull(net(source))
    assert str(e.value) == (
        f"cannot fetch 'net': {source}: bgflow_test_net-1.0-py3-none-any.whl holds no net/other.onnx"
    )


def test_a_full_disk_is_one_line(server: Server, store: Path) -> None:
    store.mkdir()
    (store / "net.onnx.part").symlink_to("/dev/full")
    with pytest.raises(ModelError) as e:
        pull(net(server.address))
    assert str(e.value) == (
        f"{store}: cannot write net.onnx: No space left on device; BGFLOW_MODELS names another folder"
    )


def test_an_unwritable_store_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path / "file" / "store"))
    with pytest.raises(ModelError) as e:
        pull(net(NOWHERE))
    assert str(e.value) == (
        f"{tmp_path}/file/store: cannot write net.onnx: Not a directory; BGFLOW_MODELS names another folder"
    )


def run(*words: str) -> str:
    """What `bgflow models …` prints."""
    return CliRunner().invoke(command, words, catch_exceptions=False).output


def test_the_command_tells_where_the_file_is(server: Server, store: Path) -> None:
    store.mkdir()
    entry = net(server.address).model_dump(exclude={"name"})
    (store / "models.json").write_text(json.dumps({"net": entry}))
    assert run("pull", "net") == f"net: fetched, {store}/net.onnx\n"
    assert run("pull", "net") == f"net: already here, {store}/net.onnx\n"
