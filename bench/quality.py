"""Measure bgflow and its peers on every data set that is there, and write the tables into docs/quality.md.

    python -m bgflow.bench.quality --data DIR [--only ecssd60] [--to docs/quality.md]

Every table is one `bgflow eval` command, printed above it, which gives the same table on its own. With --only, the
other tables stay as they are. Data sets and peers that are absent are named, not passed over.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

HERE = "bench/quality"
REMBG, MOG2, KNN = (f"bgflow.bench.peers:{name}" for name in ("Rembg", "Mog2", "Knn"))
PEERS = {REMBG: "rembg", f"{REMBG}?matting=true": "rembg", MOG2: "cv2", KNN: "cv2"}
STILL = "u2net.mask?scale=minmax"
EXACT = f"{STILL}&precision=fp32"

SETS: dict[str, tuple[str, ...]] = {
    "ecssd60": (EXACT, STILL, "u2net.mask", f"{HERE}/u2netp_edge.yaml", REMBG, f"{REMBG}?matting=true"),
    "human40": (EXACT, STILL, "u2net.mask", f"{HERE}/u2netp_edge.yaml", REMBG),
    "u2net_goldens": (EXACT, STILL, "u2net.mask", REMBG),
    "webcam_plate": (
        "u2net.mask",
        "u2net.mask?precision=fp32",
        f"{HERE}/u2netp_edge.yaml",
        "mog.mask",
        f"{HERE}/fuse.yaml",
        REMBG,
        MOG2,
    ),
    "davis": ("u2net.mask", "u2net.mask?precision=fp32", f"{HERE}/u2netp_edge.yaml", REMBG),
    "highway": ("mog.mask", "mog.running", MOG2, KNN),
    "synth": ("u2net.mask", "mog.mask", f"{HERE}/fuse.yaml"),
}
ROBUST: dict[str, tuple[str, ...]] = {
    "u2net.mask on ecssd60": ("u2net.mask", "--data", "ecssd60", "--limit", "10"),
    "mog.mask on synth": ("mog.mask", "--layout", "synth", "--only", "clean", "--limit", "30"),
}


def main() -> int:
    """Write the tables; returns the number of commands that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder of the data sets")
    parser.add_argument("--only", default="", help="a data set, or 'robustness'")
    parser.add_argument("--to", type=Path, default=Path("docs/quality.md"))
    args = parser.parse_args()
    failed = 0
    for name, graphs in SETS.items():
        if args.only in ("", name):
            failed += _put(args.to, name, args.data, _command(name, graphs), _absent(graphs))
    for name, rest in ROBUST.items():
        if args.only in ("", "robustness"):
            failed += _put(args.to, f"Robustness: {name}", args.data, [*rest, "--robustness"], [])
    return failed


def _command(name: str, graphs: tuple[str, ...]) -> list[str]:
    there = [g for g in graphs if g not in _absent(graphs)]
    where = ["--layout", "synth"] if name == "synth" else ["--data", name]
    return [there[0], *(word for g in there[1:] for word in ("--against", g)), *where]


def _absent(graphs: tuple[str, ...]) -> list[str]:
    return [g for g in graphs if g in PEERS and importlib.util.find_spec(PEERS[g]) is None]


def _put(file: Path, name: str, data: Path, command: list[str], absent: list[str]) -> int:
    """Run one command and put its table into the file; a table that cannot be made keeps its heading and says why."""
    run = [str(data / w) if before == "--data" else w for before, w in zip(["", *command], command, strict=False)]
    print(f"{name} …", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "bgflow", "eval", *run], stdout=subprocess.PIPE, text=True)
    words = " ".join(f"'{w}'" if "?" in w else w for w in command)
    rows = "\n".join(line for line in done.stdout.splitlines() if line.startswith("|"))  # peers may print, too
    rows = rows.replace("\n| harm ", "\n\n| harm ")
    table = rows if done.returncode == 0 else f"Not measured: the command ended with {done.returncode}."
    missing = "".join(f"\n\nNot installed here, so left out: `{g}`." for g in absent)
    section = f"### {name}\n\n    bgflow eval {words}\n\n{table}{missing}\n"
    text = file.read_text("utf-8")
    place = re.compile(rf"### {re.escape(name)}\n.*?(?=\n###? |\Z)", re.S)
    text = place.sub(lambda _: section, text) if place.search(text) else f"{text.rstrip()}\n\n{section}"
    file.write_text(text, "utf-8")
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
