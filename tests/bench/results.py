"""Results made up for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bgflow.bench.fingerprint import Fingerprint
from bgflow.bench.result import Result, Row

MACHINE: dict[str, Any] = {
    "cpu": "Test CPU",
    "cores": 2,
    "flags": ["avx2"],
    "memory_bytes": 8 << 30,
    "kernel": "6.1",
    "governor": "",
    "load": 0.1,
    "busy": 0.01,
    "python": "3.11.7",
    "packages": {"numpy": "2.3.4"},
    "bgflow": "0.1.0",
    "commit": "",
    "started": "2026-01-01T00:00:00+00:00",
}


def machine(**other: Any) -> Fingerprint:
    """A quiet machine, but for what is said."""
    return Fingerprint(**{**MACHINE, **other})


def result(*rows: Row, tiny: bool = False, **other: Any) -> Result:
    """A result of those rows on a quiet machine."""
    return Result(fingerprint=machine(**other), rows=list(rows), tiny=tiny)


def row(name: str, samples: Sequence[float], peers: dict[str, Sequence[float]] | None = None, **other: Any) -> Row:
    """A row of milliseconds in the suite 'kernels'."""
    return Row.measured("kernels", name, other.pop("unit", "ms"), samples, peers, **other)


def around(value: float, spread: float = 0.01, count: int = 9) -> list[float]:
    """Samples evenly about a value."""
    return [value * (1 + spread * (n / (count - 1) - 0.5)) for n in range(count)]
