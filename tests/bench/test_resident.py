"""The resident set of a process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from bgflow.bench.resident import MB, resident


def test_memory_that_is_written_becomes_resident() -> None:
    before = resident()
    filled = np.ones(50_000_000, np.uint8)
    assert resident(os.getpid()) - before > 0.8 * filled.nbytes
    assert resident() < 100_000 * MB


def test_a_process_that_has_ended_has_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert resident(ended.pid) == 0
