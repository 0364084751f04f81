"""What this machine is, for reports and for `bgflow doctor`."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8", "asimd")


def cpu() -> str:
    """The processor's name as it gives it itself."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def flags() -> list[str]:
    """The vector units among `FLAGS` that the processor has."""
    have = (_cpuinfo().get("flags") or _cpuinfo().get("Features") or "").split()
    return [f for f in FLAGS if f in have]


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def version(package: str) -> str:
    """The installed version of a distribution, or '' when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def peak_memory() -> int:
    """The most memory that this process ever had resident, in bytes; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return 0
    # not getrusage: its maximum is inherited from the process that started us
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def summary() -> dict[str, object]:
    """Python, processor and cores."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu(),
        "cores": cores(),
        "flags": flags(),
    }


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
