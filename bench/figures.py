"""What `bgflow.bench.gpu` writes: every figure by name; null where the device at hand cannot give it."""

from __future__ import annotations

from typing import Literal

import pydantic

ABSENT = "not measured on this device"
Verdict = Literal["reached", "missed", "not measured"]


class Figures(pydantic.BaseModel):
    """The base of all: nothing unknown goes in."""

    model_config = pydantic.ConfigDict(extra="forbid")


class Card(Figures):
    """What ran, and on what; '' is not known, or not there."""

    device: str
    card: str = ""
    driver: str = ""
    cuda: str = ""
    cupy: str = ""
    tensorrt: str = ""
    clocks: str = ""
    cpu: str
    cores: int
    python: str
    bgflow: str


class Bandwidth(Figures):
    """Bytes per second, 1e9 a unit; a copy on the device counts what it reads and what it writes."""

    device_gbs: float | None = None
    pinned_up_gbs: float | None = None
    pinned_down_gbs: float | None = None
    upload_gbs: float | None = None
    """`Device.upload` of an NV12 frame, with the copy into its pinned memory."""
    download_gbs: float | None = None


class KernelFigure(Figures):
    """One kernel as a stage calls it: its time alone, and the time in which its bytes could be copied."""

    kernel: str
    stage: str
    size: str
    launches: int
    """Of this kernel in one frame of the stage."""
    moved_bytes: int
    us: float | None = None
    share: float | None = None
    """Of the measured copy bandwidth; 1 is as fast as a copy of the same bytes."""


class ChainFigure(Figures):
    """A graph run by the engine from synthetic NV12 frames to NV12 frames."""

    chain: str
    size: str
    copies: bool
    """Whether each frame comes from the host and goes back to it, or stays on the device from end to end."""
    mode: Literal["eager", "graph"]
    frames: int
    fps: float
    p50_ms: float
    p99_ms: float
    ups: float
    downs: float
    launches: float
    launch_us: float
    replayed: float
    """Share of the calls of stages that were replayed."""
    late_allocations: int


class NetworkFigure(Figures):
    """One network by one engine in one precision: the network alone, and how far its alpha is from fp32 on the CPU."""

    model: str
    engine: str
    precision: str
    input: str
    ms: float | None = None
    mean_alpha: float | None = None
    why: str = ""
    """Why there is no figure."""


class StreamsFigure(Figures):
    """So many live graphs of 30 frames a second in one process."""

    chain: str
    size: str
    streams: int
    fps: float
    """Of the slowest stream."""
    p50_ms: float | None
    p99_ms: float | None
    """From the instant at which a frame was due to its arrival, over all streams."""
    holds: bool


class Growth(Figures):
    """Device memory over a long run."""

    chain: str
    frames: int
    late_allocations: int
    growth_bytes: int | None = None


class Parity(Figures):
    """Kernels on the device beside numba on the CPU, on the cases of tests/kernels."""

    kernels: int
    cases: int
    left_out: int = 0
    """Kernels that the time did not suffice for."""
    unequal: list[str]


class Equality(Figures):
    """A graph run from Python and replayed, on the same frames."""

    graph: str
    frames: int
    replayed: float
    equal: bool
    why: str = ""


class Goal(Figures):
    """One thing to reach."""

    what: str
    goal: str
    measured: str
    verdict: Verdict


class Result(Figures):
    """The whole file."""

    card: Card
    bandwidth: Bandwidth | None = None
    kernels: list[KernelFigure] = []
    parity: Parity | None = None
    chains: list[ChainFigure] = []
    equality: list[Equality] = []
    growth: list[Growth] = []
    streams: list[StreamsFigure] = []
    networks: list[NetworkFigure] = []
    goals: list[Goal] = []
    absent: dict[str, str] = {}
    """Sections that were left out, and why."""
    failed: dict[str, str] = {}
    """Sections that broke off, and with which words."""
    seconds: dict[str, float] = {}
    """What each section took."""
