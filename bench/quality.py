"""Measure bgflow and its peers on every data set that is there, and write the tables into docs/quality.md.

    python -m bgflow.bench.quality --data DIR [--peers VENV] [--only ecssd60] [--to docs/quality.md]

Every table is one `bgflow eval` command, printed above it, which gives the same table on its own. It stands between
two markers, and only what is between them is replaced; with --only, the other tables stay as they are. Data sets,
graphs and peers that are absent are named, not passed over. Peers that pin versions of their own are looked for in the
environment VENV (see `bgflow.bench.peers`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from bgflow.bench import tools
from bgflow.bench.peers import interpreter

HERE = "bench/quality"
FUSE, FULL, EDGE, PLATE = (f"{HERE}/{name}.yaml" for name in ("fuse", "full", "u2netp_edge", "fuse_plate"))
REMBG, SELFIE, MOG2, KNN = (f"bgflow.bench.peers:{name}" for name in ("Rembg", "Selfie", "Mog2", "Knn"))
MATTING = f"{REMBG}?matting=true"
STILL = "u2net.mask?scale=minmax&precision=fp32"

OURS = ("u2net.mask", "mog.mask", FUSE, FULL)
PEERS = (SELFIE, MOG2, KNN)
# rembg computes the same weights as the first row: once beside photos and webcam, where it is at home, is enough.
SETS: dict[str, tuple[str, ...]] = {
    "webcam_plate": (*OURS, PLATE, "plate.mask", "net.mask?model=selfie", "net.mask?model=rvm", REMBG, *PEERS),
    "davis": (*OURS, REMBG, *PEERS),
    "ecssd60": (*OURS, STILL, EDGE, REMBG, MATTING, *PEERS),
    "human40": (*OURS, STILL, EDGE, "net.mask?model=selfie", REMBG, *PEERS),
    "u2net_goldens": (*OURS, STILL, EDGE, REMBG, *PEERS),
    "highway": (*OURS, "mog.mask?light=false", "mog.running", "samples.mask", MOG2, KNN),
    "synth": (*OURS, PLATE, "samples.mask", *PEERS),
}
ROBUST: dict[str, tuple[str, ...]] = {
    "u2net.mask on ecssd60": ("u2net.mask", "--data", "ecssd60", "--limit", "10"),
    "mog.mask on synth": ("mog.mask", "--layout", "synth", "--only", "clean", "--limit", "30"),
}
NEEDED = sorted(set(tools.NEEDS.values()))


def main() -> int:
    """Write the tables; returns the number of commands that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder of the data sets")
    parser.add_argument("--peers", default="", metavar="VENV", help="the environment that has rembg and mediapipe")
    parser.add_argument("--only", default="", help="a data set, or 'robustness'")
    parser.add_argument("--to", type=Path, default=Path("docs/quality.md"))
    args = parser.parse_args()
    if args.peers:
        os.environ["BGFLOW_PEERS"] = str(Path(args.peers).absolute())
    wanted = {n: g for n, g in SETS.items() if args.only in ("", n)}
    robust = {n: r for n, r in ROBUST.items() if args.only in ("", "robustness")}
    tables = len(wanted) + len(robust)
    absent = _absent()
    failed = done = 0
    for name, graphs in wanted.items():
        done += 1
        left_out = {g: why for g, why in absent.items() if g in graphs}
        command = _command(name, [g for g in graphs if g not in left_out])
        failed += _put(args.to, name, f"{done}/{tables}", args.data, command, left_out)
    for name, rest in robust.items():
        done += 1
        failed += _put(args.to, f"Robustness: {name}", f"{done}/{tables}", args.data, [*rest, "--robustness"], {})
    return failed


def _command(name: str, graphs: list[str]) -> list[str]:
    where = ["--layout", "synth", "--limit", "60"] if name == "synth" else ["--data", name]
    return [graphs[0], *(word for g in graphs[1:] for word in ("--against", g)), *where]


def _absent() -> dict[str, str]:
    """What cannot be measured here, and why."""
    out = {g: "there is no such file" for g in (FUSE, FULL, EDGE, PLATE) if not Path(g).is_file()}
    there = {m for m in tools.NEEDS.values() if importlib.util.find_spec(m)}
    if place := os.environ.get("BGFLOW_PEERS"):
        script = f"import importlib.util as u, json; print(json.dumps([m for m in {NEEDED} if u.find_spec(m)]))"
        there |= set(json.loads(subprocess.check_output([interpreter(place), "-I", "-c", script], text=True)))
    for peer in (*PEERS, REMBG, MATTING):
        module = tools.NEEDS[peer.partition("?")[0].rpartition(":")[2].lower()]
        if module not in there:
            out[peer] = f"{module} is not installed"
    return out


def _put(file: Path, name: str, count: str, data: Path, command: list[str], absent: dict[str, str]) -> int:
    """Run one command and put its table into the file; a table that cannot be made keeps its heading and says why."""
    run = [str(data / w) if before == "--data" else w for before, w in zip(["", *command], command, strict=False)]
    print(f"[{count}] {name}: {1 + command.count('--against')} graphs …", file=sys.stderr, flush=True)
    for graph, why in absent.items():
        print(f"  without {graph}: {why}", file=sys.stderr)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "bgflow", "eval", *run], stdout=subprocess.PIPE, text=True)
    took = f"{time.monotonic() - started:.0f} s"
    print(f"[{count}] {name}: {took}", file=sys.stderr, flush=True)
    words = " ".join(f"'{w}'" if "?" in w else w for w in command)
    rows = "\n".join(line for line in done.stdout.splitlines() if line.startswith("|"))  # peers may print, too
    rows = rows.replace("\n| harm ", "\n\n| harm ")
    table = rows if done.returncode == 0 else f"Not measured: the command ended with {done.returncode}."
    missing = "".join(f"\n\nLeft out: `{g}`; {why}." for g, why in absent.items())
    text = f"    bgflow eval {words}\n\n{table}\n\nTook {took}.{missing}"
    file.write_text(between_markers(file.read_text("utf-8"), name, text), "utf-8")
    return int(done.returncode != 0)


def between_markers(page: str, name: str, text: str) -> str:
    """The page with `text` between the markers of `name`, which come to its end under a heading if it has none."""
    first, last = f"<!-- table: {name} -->", f"<!-- end of table: {name} -->"
    block = f"{first}\n\n{text}\n\n{last}"
    place = re.compile(f"{re.escape(first)}.*?{re.escape(last)}", re.S)
    if place.search(page):
        return place.sub(lambda _: block, page)
    return f"{page.rstrip()}\n\n### {name}\n\n{block}\n"


if __name__ == "__main__":
    sys.exit(main())
