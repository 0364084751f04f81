"""Which device, driver and libraries a measurement ran on."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

from bgflow import __version__, environment
from bgflow.bench.figures import Card
from bgflow.devices import Device

ASKED = ("driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "power.limit", "temperature.gpu")


def card(device: Device) -> Card:
    """What there is to know of the device and the machine around it."""
    family, _, index = device.name.partition(":")
    return Card(
        device=device.name,
        cpu=environment.cpu(),
        cores=environment.cores(),
        python=str(environment.summary()["python"]),
        bgflow=__version__,
        **(_cuda(int(index)) if family == "cuda" else {}),
    )


def _cuda(index: int) -> dict[str, Any]:
    import cupy

    runtime = cupy.cuda.runtime
    driver, now, most, memory, power, warm = _smi(index) or [""] * len(ASKED)
    return {
        "card": runtime.getDeviceProperties(index)["name"].decode(),
        "driver": driver,
        "cuda": _dotted(runtime.runtimeGetVersion()),
        "cupy": cupy.__version__,
        "tensorrt": next(filter(None, map(environment.version, ("tensorrt-cu13", "tensorrt"))), ""),
        "clocks": f"SM {now} of {most}, memory {memory}, limit {power}, {warm} °C" if now else "",
    }


def _smi(index: int) -> list[str]:
    """What nvidia-smi says of each thing; nothing where it is not installed."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", f"--id={index}", f"--query-gpu={','.join(ASKED)}", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    said = [word.strip() for word in done.stdout.partition("\n")[0].split(",")]
    return said if done.returncode == 0 and len(said) == len(ASKED) else []


def _dotted(version: int) -> str:
    """13020 as CUDA counts is 13.2."""
    return f"{version // 1000}.{version % 1000 // 10}"
