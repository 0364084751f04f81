"""What a measurement ran on: the machine, how busy it was, and every version that matters."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import bgflow
from bgflow import environment
from bgflow.bench.figures import Figures

PACKAGES = ("numpy", "numba", "llvmlite", "openvino", "onnxruntime", "av", "aiortc", "opencv-python-headless")
CPU0 = Path("/sys/devices/system/cpu/cpu0/cpufreq")
LOOK = 0.5  # seconds for which the processors are watched
BUSY = 0.1  # share of the processors' time, taken by others, from which on figures are doubtful


class Fingerprint(Figures):
    """One machine at one time; '' and None are what the system does not tell."""

    cpu: str
    cores: int
    """Processors that this process may use."""
    flags: list[str]
    memory_bytes: int | None
    kernel: str
    governor: str
    """How the frequency is chosen, and between which limits."""
    load: float
    """The system's load average over the minute before."""
    busy: float
    """Share, 0..1, of the processors' time that was taken just before anything was measured."""
    python: str
    packages: dict[str, str]
    """Versions of what computes, by distribution; only what is installed."""
    bgflow: str
    commit: str
    """Of the checkout, with '+' where files differ from it; '' outside one."""
    started: str
    """UTC, ISO 8601."""

    @property
    def machine(self) -> str:
        """What two files must have in common to be compared, in words."""
        memory = "" if self.memory_bytes is None else f", {self.memory_bytes / 2**30:.0f} GiB"
        return f"{self.cpu}, {self.cores} core{'s' * (self.cores != 1)}{memory}"

    def warnings(self) -> list[str]:
        """Why the figures may be worth less than they look."""
        out = []
        if self.busy > BUSY:
            out.append(f"the machine is busy: others took {self.busy:.0%} of its time just now; trust the ratios only")
        if self.governor and not self.governor.startswith("performance"):
            out.append(f"the frequency is governed by {self.governor}: times depend on what ran before")
        return out


def fingerprint(look: float = LOOK) -> Fingerprint:
    """Look at the machine for `look` seconds, before anything is measured."""
    versions = {package: environment.version(package) for package in PACKAGES}
    return Fingerprint(
        cpu=environment.cpu(),
        cores=environment.cores(),
        flags=environment.flags(),
        memory_bytes=_memory(),
        kernel=platform.release(),
        governor=_governor(),
        load=round(os.getloadavg()[0], 2),
        busy=round(_busy(look), 3),
        python=platform.python_version(),
        packages={package: version for package, version in versions.items() if version},
        bgflow=bgflow.__version__,
        commit=_commit(Path(bgflow.__file__).parents[1]),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _memory() -> int | None:
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def _governor() -> str:
    name = _read(CPU0 / "scaling_governor")
    limits = [_read(CPU0 / f"scaling_{end}_freq") for end in ("min", "max")]
    return name + (f", {int(limits[0]) // 1000} to {int(limits[1]) // 1000} MHz" if all(limits) else "")


def _busy(look: float) -> float:
    """The share of all processors' time that was not idle while this process slept."""
    idle, whole = _ticks()
    time.sleep(look)
    later, until = _ticks()
    return 1 - (later - idle) / (until - whole) if until > whole else 0.0


def _ticks() -> tuple[int, int]:
    """Clock ticks of all processors since the start of the system: idle ones, and all."""
    first = _read(Path("/proc/stat")).partition("\n")[0].split()[1:9]
    ticks = [int(t) for t in first]
    return (ticks[3] + ticks[4], sum(ticks)) if len(ticks) == 8 else (0, 0)


def _commit(root: Path) -> str:
    if not (root / ".git").exists():
        return ""
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        return commit + "+" * bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
