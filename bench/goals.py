"""What the GPU path has to reach on one H200-class card, and whether a measurement did."""

from __future__ import annotations

from collections.abc import Iterator

from bgflow.bench.figures import ChainFigure, Goal, KernelFigure, Result, Verdict

SHARE = 0.8  # of the copy bandwidth, for the mixture of Gaussians
ON_DEVICE, WITH_COPIES = 5000, 1500  # frames a second of the classical chain at 720p
NETWORK_MS = 1.0  # of u2netp + refine + composite at 720p, from end to end on the device
HD = "1280x720"


def goals(result: Result) -> list[Goal]:
    """Every goal; those about time count on a GPU only."""
    return [*(_times(result) if result.card.device.startswith("cuda") else _unmeasured()), *_claims(result)]


def mixture_share(rows: list[KernelFigure], copy_gbs: float | None) -> float | None:
    """Of the copy bandwidth, for all passes of the mixture together, on the largest pictures."""
    own = [k for k in rows if k.kernel.startswith("mog.")]
    largest = max((k.moved_bytes for k in own), default=0)
    size = next((k.size for k in own if k.moved_bytes == largest), "")
    passes = [k for k in own if k.size == size]
    micros = sum(k.us or 0 for k in passes)
    if not copy_gbs or not micros or any(k.us is None for k in passes):
        return None
    return sum(k.moved_bytes for k in passes) / (micros * 1e-6) / (copy_gbs * 1e9)


MIXTURE = "the mixture's kernels, share of the measured copy bandwidth"
CLASSICAL = "mog + refine + composite at 720p, frames/s on the device (best published: 708 to 750, RTX A4000)"
COPIED = "the same with upload and download, frames/s"
NETWORK = "u2netp + refine + composite at 720p, p50 on the device (Maxine: 0.75 to 0.89 ms, L40/B40)"


def _unmeasured() -> Iterator[Goal]:
    texts = {
        MIXTURE: f">= {SHARE:.0%}",
        CLASSICAL: f">= {ON_DEVICE:,}",
        COPIED: f">= {WITH_COPIES:,}",
        NETWORK: f"<= {NETWORK_MS:.1f} ms",
    }
    for what, goal in texts.items():
        yield Goal(what=what, goal=goal, measured="not run on a GPU", verdict="not measured")


def _times(result: Result) -> Iterator[Goal]:
    share = mixture_share(result.kernels, result.bandwidth.device_gbs if result.bandwidth else None)
    yield _goal(MIXTURE, share, SHARE, "{:.0%}")
    there = _chain(result, "classical", copies=False)
    yield _goal(CLASSICAL, there.fps if there else None, ON_DEVICE, "{:,.0f}")
    crossed = _chain(result, "classical", copies=True)
    yield _goal(COPIED, crossed.fps if crossed else None, WITH_COPIES, "{:,.0f}")
    network = _chain(result, "network", copies=False)
    yield _goal(NETWORK, network.p50_ms if network else None, NETWORK_MS, "{:.2f} ms", most=True)


def _claims(result: Result) -> Iterator[Goal]:
    if (parity := result.parity) is None:
        yield _claim("every kernel as on the CPU", "all", None)
    else:
        text = f"{parity.kernels} of {parity.kernels + parity.left_out} kernels, {parity.cases} cases"
        text += "".join(f"; {u}" for u in parity.unequal)
        yield _claim("every kernel as on the CPU", "all", text, bool(parity.kernels) and not parity.unequal)
    rows = result.equality
    apart = [f"{e.graph}: {e.why}" for e in rows if not e.equal]
    text = f"{len(rows) - len(apart)} of {len(rows)} graphs" + "".join(f"; {a}" for a in apart)
    yield _claim("replayed graphs give the bits of eager ones", "all", text if rows else None, not apart)
    grown = result.growth
    text = "; ".join(
        f"{g.chain}: {'memory unknown' if g.growth_bytes is None else f'{g.growth_bytes:,} bytes'}, "
        f"{g.late_allocations} late allocations in {g.frames:,} frames"
        for g in grown
    )
    still = all((g.growth_bytes or 0) <= 0 and not g.late_allocations for g in grown)
    yield _claim("device memory after the first frames", "no growth", text if grown else None, still)
    crossed = [c for c in result.chains if c.copies]
    text = "; ".join(sorted({f"{c.ups:g} up, {c.downs:g} down" for c in crossed}))
    within = all(c.ups <= 1 and c.downs <= 1 for c in crossed)
    yield _claim("copies of a frame, from end to end", "1 up, 1 down", text if crossed else None, within)


def _chain(result: Result, name: str, *, copies: bool) -> ChainFigure | None:
    """At 720p, replayed."""
    rows = (c for c in result.chains if (c.chain, c.size, c.copies, c.mode) == (name, HD, copies, "graph"))
    return next(rows, None)


def _goal(what: str, found: float | None, goal: float, form: str, *, most: bool = False) -> Goal:
    text = f"{'<=' if most else '>='} {form.format(goal)}"
    if found is None:
        return Goal(what=what, goal=text, measured="", verdict="not measured")
    reached = found <= goal if most else found >= goal
    return Goal(what=what, goal=text, measured=form.format(found), verdict="reached" if reached else "missed")


def _claim(what: str, goal: str, found: str | None, holds: bool = False) -> Goal:
    verdict: Verdict = "not measured" if found is None else "reached" if holds else "missed"
    return Goal(what=what, goal=goal, measured=found or "", verdict=verdict)
