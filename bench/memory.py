"""Whether the memory of a file graph stays flat: its resident set, watched over thousands of frames.

    python -m bgflow.bench.memory --frames 10000 --every 50

A clip is rendered and played again and again through graphs/file_replace.yaml in a process of its own, with the network
at each 50th frame so that it ends soon. Its resident set is read from /proc ten times a second, in MB of 1,000,000
bytes. The growth is the median of the slopes between blocks of samples that are half the run apart (Cox and Stuart,
1955), each used once, so that its interval of 95 % holds; the first fifth warms up. Kernels are compiled before, by a
run of three frames. It ends with 1 when the peak is over its limit, or the growth surely over its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bgflow.bench import filegraph
from bgflow.bench.clips import rendered
from bgflow.bench.interval import Interval
from bgflow.bench.pictures import Size
from bgflow.bench.resident import MB, resident

PERIOD = 0.1  # seconds between two readings
CLIP = 100  # frames of the clip that is played again and again
BLOCKS = 20  # of the samples: neighbours depend on each other, blocks hardly
PEAK, GROWTH = 600.0, 10.0  # MB: the most that may be resident, and by which it may grow over the whole run


def main() -> int:
    """Measure, and print peak and growth in MB; 0 where both are within their limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=50, help="frames from one run of the network to the next")
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    samples = watched(Size(width, height), args.frames, args.every)
    peak, growth = max(samples), grown(samples)
    print(f"{args.frames} frames of {args.size}: peak {peak:.0f} MB; growth {growth} MB over the last four fifths")
    return int(peak > PEAK or growth.low > GROWTH)


def watched(size: Size, frames: int, every: int) -> list[float]:
    """The resident set of the run in MB, at even intervals."""
    with tempfile.TemporaryDirectory(prefix="bgflow-bench-") as folder:
        clip = rendered(Path(folder) / "clip.mp4", size, min(CLIP, frames))
        graph = Path(folder) / "graph.yaml"
        graph.write_text(filegraph.paced(filegraph.shipped("file_replace"), every), "utf-8")
        sets = [f"video.path={clip.path}", f"video.loop={-(-frames // clip.frames) - 1}", f"out.path={folder}/out.mp4"]
        command = [sys.executable, "-m", "bgflow", "run", str(graph), "--frames", str(frames)]
        for one in sets:
            command += ["--set", one]
        warm = subprocess.run([*command, "--frames", "3"], capture_output=True, text=True, check=False)  # compiles
        samples: list[float] = []
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
            while run.poll() is None:
                samples.append(resident(run.pid) / MB)
                time.sleep(PERIOD)
            said = run.stderr.read() if run.stderr else ""
        if run.returncode:
            sys.exit(f"bgflow run ended with {run.returncode}: {(said or warm.stderr).strip()[-200:]}")
        return [s for s in samples if s]


def grown(samples: Sequence[float]) -> Interval:
    """By how much the samples after the first fifth grow from first to last, on the median of slopes of block pairs."""
    values = np.array(samples[len(samples) // 5 :])
    count = min(BLOCKS, len(values)) // 2 * 2
    if not count:
        return Interval.of([0.0])
    means = np.array([block.mean() for block in np.array_split(values, count)])
    half = count // 2
    return Interval.of(((means[half:] - means[:half]) / half * count).tolist())


if __name__ == "__main__":
    sys.exit(main())
