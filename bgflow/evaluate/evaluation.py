"""Run candidates over footage, and add up what the verdicts say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bgflow.evaluate import corrupt
from bgflow.evaluate.candidate import Candidate
from bgflow.evaluate.footage import Footage, Kind
from bgflow.evaluate.verdict import Case
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
    worst: list[Case]
    seconds: float
    stage_ms: float
    """Median time of all stages of the candidate together, a frame."""


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

    @property
    def worst(self) -> list[Case]:
        """The worst cases of all footage, the worst first."""
        return sorted((c for s in self.scores for c in s.worst), key=lambda c: c.score)


def mean(many: Iterable[Figures]) -> Figures:
    """The mean of every measure over those that have it; `mismatch` is the sum."""
    all_ = list(many)
    names = dict.fromkeys(n for f in all_ for n in f)
    add = {n: np.sum if n == "mismatch" else np.mean for n in names}
    return {n: float(add[n]([f[n] for f in all_ if n in f])) for n in names}


def judge(
    candidate: Candidate, footage: Footage, told: Told, harm: tuple[str, int] | None = None, seed: int = 0
) -> Score:
    """Run one candidate over one piece of footage; `told` hears (what is done, results so far).

    Raises:
        BgflowError: the candidate cannot run on it, or failed.
    """
    graph, feed, judge = candidate.grafted(footage)
    if harm:
        feed.change = corrupt.change(*harm, footage, seed)
    said = " ".join([candidate.label, footage.name, *(harm[:1] if harm else ())])
    started = time.monotonic()
    with Run(plan(graph)) as run:
        while not run.wait(PERIOD):
            told(said, judge.seen)
    told(said, judge.seen)
    assert judge.verdict is not None
    lost = abs(footage.length - judge.seen)
    mismatch = {"mismatch": float(judge.mismatched + judge.missing + lost)}
    stages = [
        run.percentiles(c).get("p50", 0.0) for c in run.contexts if c.name != graph.order[0] and "." not in c.name
    ]
    return Score(
        footage.name,
        footage.group,
        judge.verdict.figures() | mismatch,
        judge.verdict.frames,
        judge.verdict.worst(),
        time.monotonic() - started,
        sum(stages),
    )


def evaluate(candidates: Sequence[Candidate], footage: Sequence[Footage], told: Told) -> list[Result]:
    """Every candidate on all footage, taking turns on each piece of it, so that a busy machine slows them alike."""
    results = [Result(c, footage[0].kind) for c in candidates]
    for clip in footage:
        for result in results:
            result.scores.append(judge(result.candidate, clip, told))
    return results


def robustness(clean: Result, footage: Sequence[Footage], told: Told, seed: int = 0) -> dict[str, list[Figures]]:
    """The overall figures of a candidate for every harm and level of the grid."""
    card: dict[str, list[Figures]] = {}
    for name in corrupt.GRID:
        card[name] = []
        for level in range(3):
            harmed = Result(clean.candidate, clean.kind)
            harmed.scores = [judge(clean.candidate, clip, told, (name, level), seed) for clip in footage]
            card[name].append(harmed.overall)
    return card
