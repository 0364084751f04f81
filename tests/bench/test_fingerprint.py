"""What a measurement ran on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy
import pytest

import bgflow
from bgflow.bench import fingerprint as module
from bgflow.bench.copyspeed import Copy, largest_cache
from bgflow.bench.fingerprint import fingerprint
from tests.bench.results import machine

ROOT = Path(__file__).resolve().parents[2]


def test_this_machine_is_described() -> None:
    found = fingerprint(look=0.05)
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.packages["numpy"] == numpy.__version__
    assert found.bgflow == bgflow.__version__
    assert (found.memory_bytes or 0) > 1 << 28
    assert 0 <= found.busy <= 1


def test_the_commit_is_the_checkouts() -> None:
    if not (ROOT / ".git").is_dir():
        pytest.skip("not a git checkout")
    head = module._git(ROOT, "rev-parse", "HEAD")
    assert head.startswith(fingerprint(look=0).commit.rstrip("+"))


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert module._commit(tmp_path) == ""


def test_a_system_that_tells_nothing_leaves_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_read", lambda file: "")
    found = fingerprint(look=0)
    assert (found.memory_bytes, found.governor, found.busy) == (None, "", 0)


def test_a_governor_is_told_with_its_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("governor", "powersave"), ("min_freq", "800000"), ("max_freq", "3600000")):
        (tmp_path / f"scaling_{name}").write_text(text + "\n")
    monkeypatch.setattr(module, "CPU0", tmp_path)
    assert module._governor() == "powersave, 800 to 3600 MHz"


def test_the_share_of_busy_time_is_that_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(["cpu 10 0 0 90 0 0 0 0 0 0", "cpu 40 0 0 160 0 0 0 0 0 0"])
    monkeypatch.setattr(module, "_read", lambda file: next(looks))
    assert module._busy(0) == pytest.approx(0.3)


def test_a_busy_machine_is_warned_of() -> None:
    assert machine(busy=0.5).warnings() == [
        "the machine is busy: others took 50% of its time just now; trust the ratios only"
    ]


def test_a_governed_frequency_is_warned_of() -> None:
    assert "governed by powersave" in machine(governor="powersave, 800 to 3600 MHz").warnings()[0]


def test_a_quiet_machine_at_full_frequency_is_not_warned_of() -> None:
    assert machine(governor="performance, 800 to 3600 MHz").warnings() == []


def test_a_copy_copies_every_byte_on_all_threads() -> None:
    copy = Copy(1001)
    copy()
    copy.close()
    assert sum(len(target) for target, _ in copy._parts) == 1001
    assert all((target == 1).all() for target, _ in copy._parts)


def test_the_copied_arrays_are_far_larger_than_the_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for n, size in enumerate(("32K", "1M", "20M")):
        (tmp_path / f"index{n}").mkdir()
        (tmp_path / f"index{n}/size").write_text(f"{size}\n")
    monkeypatch.setattr("bgflow.bench.copyspeed.CACHES", tmp_path)
    assert largest_cache() == 20 << 20
    copy = Copy()
    copy.close()
    assert copy.nbytes == 80 << 20
