"""Run candidates over footage, and add up what the verdicts say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bgflow.errors import BgflowError, StageError, UsageError
from bgflow.evaluate import corrupt
from bgflow.evaluate.candidate import Candidate
from bgflow.evaluate.cases import Case, Record, gather
from bgflow.evaluate.footage import Footage, Kind
from bgflow.planning import plan
from bgflow.run import Run

PERIOD = 0.05  # seconds between two looks at a run
Figures = dict[str, float]
Told = Callable[[str, int], None]


@dataclass
class Score:
    """One candidate on one piece of footage."""

    footage: str
    group: str
    figures: Figures
    frames: list[dict[str, Any]]
    seconds: float


@dataclass
class Result:
    """One candidate on all footage."""

    candidate: Candidate
    kind: Kind
    scores: list[Score] = field(default_factory=list)

    @property
    def groups(self) -> dict[str, Figures]:
        """The mean over the footage of each group."""
        names = dict.fromkeys(s.group for s in self.scores)
        return {n: mean(s.figures for s in self.scores if s.group == n) for n in names}

    @property
    def overall(self) -> Figures:
        """The mean over the groups, each of which counts the same; mismatches are added up."""
        return mean(self.groups.values())


def mean(many: Iterable[Figures]) -> Figures:
    """The mean of every measure over those that have it; `mismatch` is the sum."""
    all_ = list(many)
    names = dict.fromkeys(n for f in all_ for n in f)
    add = {n: np.sum if n == "mismatch" else np.mean for n in names}
    return {n: float(add[n]([f[n] for f in all_ if n in f])) for n in names}


def judge(
    candidate: Candidate, footage: Footage, told: Told, harm: tuple[str, int] | None = None, seed: int = 0
) -> tuple[Score, Record]:
    """Run one candidate over one piece of footage; `told` hears (what is done, results so far).

    Raises:
        UsageError: the data is damaged.
        BgflowError: the candidate cannot run on it, or failed.
    """
    graph, feed, judge = candidate.grafted(footage)
    if harm:
        feed.change = corrupt.change(*harm, footage, seed)
    said = " ".join([candidate.label, footage.name, *(harm[:1] if harm else ())])
    started = time.monotonic()
    try:
        with Run(plan(graph)) as run:
            while not run.wait(PERIOD):
                told(said, judge.seen)
    except StageError as failed:
        if failed.stage == graph.order[0] and isinstance(failed.__cause__, BgflowError):
            raise UsageError(str(failed.__cause__)) from failed
        raise
    told(said, judge.seen)
    assert judge.verdict is not None
    lost = abs(footage.length - judge.seen)
    stages = [
        run.percentiles(c).get("p50", 0.0) for c in run.contexts if c.name != graph.order[0] and "." not in c.name
    ]
    figures = {
        **judge.verdict.figures(),
        "mismatch": float(judge.mismatched + judge.missing + lost),
        "ms": sum(stages),
    }
    seconds = time.monotonic() - started
    return Score(footage.name, footage.group, figures, judge.verdict.frames, seconds), judge.verdict.record


def evaluate(
    candidates: Sequence[Candidate], footage: Sequence[Footage], told: Told
) -> tuple[list[Result], list[list[Case]]]:
    """Every candidate on all footage, and the worst cases of each piece of footage.

    Candidates take turns on each piece, so that a busy machine slows them alike.
    """
    results = [Result(c, footage[0].kind) for c in candidates]
    cases = []
    for clip in footage:
        records = []
        for result in results:
            score, record = judge(result.candidate, clip, told)
            result.scores.append(score)
            records.append(record)
        cases.append(gather(clip.name, records))
    return results, cases


def robustness(clean: Result, footage: Sequence[Footage], told: Told, seed: int = 0) -> dict[str, list[Figures]]:
    """The overall figures of a candidate for every harm and level of the grid.

    Raises:
        UsageError: nobody is in the footage, so that nothing can get worse.
    """
    if not {"iou", "f"} & set(clean.overall):
        raise UsageError("--robustness needs a subject in the pictures, and nobody is in these; judge more or others")
    card: dict[str, list[Figures]] = {}
    for name in corrupt.GRID:
        card[name] = []
        for level in range(3):
            harmed = Result(clean.candidate, clean.kind)
            harmed.scores = [judge(clean.candidate, clip, told, (name, level), seed)[0] for clip in footage]
            card[name].append(harmed.overall)
    return card
