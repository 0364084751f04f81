"""Whether a kernel executes more instructions than it did: `python -m bgflow.bench.instructions`.

Counts do not depend on how busy or fast a machine is, so this can stand in CI. `--write` makes the present counts the
baseline, `bench/instructions.json`, which belongs to one version of numba and llvmlite.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import pydantic

from bgflow import environment
from bgflow.bench.counted import per_pixel
from bgflow.bench.figures import Figures
from bgflow.errors import BgflowError, UsageError

BASELINE = Path(__file__).with_name("instructions.json")
COMPILERS = ("numba", "llvmlite")
MORE = 0.10  # than the baseline is a regression: what a change elsewhere in a file may move is below that
MORE_ELSEWHERE = 0.50  # the same with another compiler


class Baseline(Figures):
    """What was counted once, instructions a pixel by case, and by which versions the code was made."""

    versions: dict[str, str]
    per_pixel: dict[str, pydantic.PositiveFloat]


def regressions(baseline: Mapping[str, float], found: Mapping[str, float], more: float) -> list[str]:
    """A line for each case that executes more than the baseline allows, or that is not counted any more."""
    out = []
    for name, before in baseline.items():
        if (now := found.get(name)) is None:
            out.append(f"{name}: is not counted any more; python -m bgflow.bench.instructions --write")
        elif now > before * (1 + more):
            out.append(f"{name}: {now:g} instructions a pixel instead of {before:g}, {now / before - 1:+.0%}")
    return out


def read(file: Path = BASELINE) -> Baseline:
    """The baseline; raises UsageError."""
    try:
        return Baseline.model_validate_json(file.read_bytes())
    except (OSError, pydantic.ValidationError) as e:
        raise UsageError(f"{file}: is no baseline; --write makes one ({str(e).splitlines()[0]})") from None


def versions() -> dict[str, str]:
    """Of what makes the code."""
    return {name: environment.version(name) or "" for name in COMPILERS}


def main(args: list[str] | None = None) -> int:
    """Count and compare; 0 is fine, 1 a regression, 2 cannot be counted here."""
    parser = argparse.ArgumentParser(prog="python -m bgflow.bench.instructions", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="make the present counts the baseline")
    what.add_argument("--only", default="", metavar="TEXT", help="only cases in whose name it is")
    given = parser.parse_args(args)
    try:
        if platform.machine() != "x86_64":
            raise UsageError(f"instructions are counted on x86_64, and this is {platform.machine()}")
        baseline = None if given.write else read()
        found = per_pixel(given.only)
    except BgflowError as e:
        print(e, file=sys.stderr)
        return e.exit_code
    if baseline is None:
        BASELINE.write_text(Baseline(versions=versions(), per_pixel=found).model_dump_json(indent=2) + "\n", "utf-8")
        print(f"{BASELINE}: {len(found)} cases")
        return 0
    more = MORE
    if (here := versions()) != baseline.versions:
        more = MORE_ELSEWHERE
        told = ", ".join(f"{name} {version}" for name, version in baseline.versions.items())
        print(f"the baseline is of {told}, here is {here}: up to {more:.0%} more is allowed", file=sys.stderr)
    for name, count in found.items():
        before = baseline.per_pixel.get(name)
        print(f"{name:20} {count:8g}  {'not in the baseline' if before is None else f'{count / before - 1:+.1%}'}")
    wanted = {name: count for name, count in baseline.per_pixel.items() if given.only in name}
    lines = regressions(wanted, found, more)
    for line in lines:
        print(f"slower: {line}", file=sys.stderr)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
