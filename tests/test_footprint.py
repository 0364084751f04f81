"""Code that is not called any more leaves memory, and works when it is called again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bgflow import footprint

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="needs Linux")

LLVM = """
import llvmlite.binding as llvm
from bgflow import footprint

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssFile:"))

def parsed():
    return str(llvm.parse_assembly("define i32 @one() { ret i32 1 }"))

first, before = parsed(), resident()
footprint.shrink()
print(before - resident())
assert parsed() == first
"""


def test_a_library_that_has_done_its_work_is_forgotten_and_still_works() -> None:
    pytest.importorskip("llvmlite")
    done = subprocess.run([sys.executable, "-c", LLVM], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 10_000  # kB; LLVM alone is 35,000 after its import


def test_nothing_that_was_written_or_can_be_is_forgotten() -> None:
    clean = {start for start, _ in footprint.clean()}
    assert clean
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        start, rights, inode = int(line.partition("-")[0], 16), line.split()[1], line.split()[4]
        assert start not in clean or ("w" not in rights and inode != "0")
