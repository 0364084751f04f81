"""Several result files as one: a whole run takes long, so its suites may be measured one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bgflow.bench.result import Absent, Result, Row, read
from bgflow.errors import UsageError


def files(places: Iterable[str]) -> list[Path]:
    """The files that are meant: each itself, of a folder every .json in it; raises UsageError where there are none."""
    out: list[Path] = []
    for place in map(Path, places):
        inside = sorted(place.glob("*.json")) if place.is_dir() else [place]
        if not inside:
            raise UsageError(f"--merge {place}: has no .json in it; write some with --json")
        out += inside
    return out


def merge(paths: Sequence[Path], *, anyway: bool = False) -> Result:
    """All rows of all files; of a row that is in several, the one that was measured last.

    The fingerprint is that of the file that was begun last.

    Raises:
        UsageError: a file cannot be read, or they are of different machines, which `anyway` allows, or some are of tiny
            sizes.
    """
    found = sorted(((path, read(path)) for path in paths), key=lambda each: each[1].fingerprint.started)
    last_path, last = found[-1]
    for path, result in found:
        mine, its = last.fingerprint.machine, result.fingerprint.machine
        if mine != its and not anyway:
            raise UsageError(f"{path}: was measured on {its}, {last_path} on {mine}; --anyway merges them all the same")
        if result.tiny != last.tiny:
            raise UsageError(f"{path if result.tiny else last_path}: is of tiny sizes, others are not; leave it out")
    rows: dict[tuple[str, str], Row | Absent] = {}
    for _, result in found:
        rows |= {row.key: row for row in result.rows} | {absent.key: absent for absent in result.absent}
    copies = [result.copy_gbs for _, result in found if result.copy_gbs]
    return last.model_copy(
        update={
            "rows": [line for _, result in found for line in result.rows if rows[line.key] is line],
            "absent": [line for _, result in found for line in result.absent if rows[line.key] is line],
            "copy_gbs": copies[-1] if copies else None,
            "seconds": round(sum(result.seconds for _, result in found), 1),
        }
    )
