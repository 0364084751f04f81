"""Two opinions about the same picture made into one matte: a network's alpha, and a background model's votes.

`low` and `high`, the matte shrunk and grown, may be halved in size up to three times. All that is counted is counted
in cells; what holds for the whole picture is kept from frame to frame in `mind`.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.guided import Scratch
from bgflow.kernels.things import share

f32, i32, u8 = np.float32, np.int32, np.uint8

SUBJECT, SHADOW = 255, 127
CELL = 8  # pixels a side, as many as three halves make one

PLANES = 6  # of what is counted in a cell
CLAIMED, SEEN, SPARED, CLEAR, VOTED, FOUND = range(PLANES)
MIND = 5
CALM, VOTES, HITS, TRUST, VETO = range(MIND)

QUIET, UPROAR = f32(0.03), f32(0.25)  # share of the background voted subject: in a calm frame, and without a model
PROOF = f32(2)  # calm frames until the model counts in full; the first counts for nothing
STALE = f32(1 / 500)  # of a calm frame lost with every frame that is neither
LASTS = f32(0.998)  # of the tally of votes, each frame
PRIOR = f32(0.2)  # pictures full of votes that the network found before the first
VAGUE, SURE = f32(0.6), f32(0.85)  # share of the votes that the network finds: its veto does not count, or in full
STRAY, OWN = f32(0.25), f32(0.5)  # share of a thing that the network finds: it is a stranger, or part of the subject
ALONE, BACKED = f32(0.1), f32(0.4)  # density of votes: a claim is furniture, or within a subject
FADE = f32(0.99)  # of what was denied, each frame without a model
FAINT = f32(0.1)  # alpha of what is mixed with a subject
SEVERAL = f32(0.1)  # share of the neighbours that make a change
PARTS = 128  # sums of each plane on a GPU, where they are added side by side


@function
def ramp(value, low, high):
    """0 up to `low`, 1 from `high` on."""
    return min(max((value - low) / (high - low), f32(0)), f32(1))


@kernel(label="u8[h,w]", vote="f32[h,w] out")
def count(y, x, label, vote):
    """1 where the label says subject; a shadow is none."""
    vote[y, x] = f32(1 if label[y, x] == SUBJECT else 0)


@kernel(label="u8[h,w]", evidence="f32[h,w]", vote="f32[h,w] out")
def weigh(y, x, label, evidence, vote):
    """The evidence, but none for a shadow; up to a quarter it is none, and from three quarters on it is a full vote."""
    v = min(max(f32(2) * evidence[y, x] - f32(0.5), f32(0)), f32(1))
    vote[y, x] = f32(0) if label[y, x] == SHADOW else v


@kernel(
    over="m,n", low="f32[p,q]", high="f32[p,q]", vote="f32[h,w]", out="f32[6,m,n] out", halves="i32", h="i32",
    w="i32",
)  # fmt: skip
def witness(y, x, low, high, vote, out, halves, h, w):
    """Of every cell: sure subject, and that voted so; sure background, and that not voted; votes, and those found."""
    claimed = f32(0)
    seen = f32(0)
    spared = f32(0)
    clear = f32(0)
    voted = f32(0)
    found = f32(0)
    left = x * CELL
    right = min(left + CELL, w)
    for j in range(y * CELL, min(y * CELL + CELL, h)):
        votes = vote[j, left:right]  # slices, because numba vectorises no index that could be negative
        least = low[j >> halves, left >> halves :]
        most = high[j >> halves, left >> halves :]
        for i in range(right - left):
            v = votes[i]
            sure = least[i >> halves]
            free = f32(1) - most[i >> halves]
            claimed += sure
            seen += sure * v
            spared += free
            clear += free * (f32(1) - v)
            voted += v
            found += v * (f32(1) - free)
    out[CLAIMED, y, x] = claimed
    out[SEEN, y, x] = seen
    out[SPARED, y, x] = spared
    out[CLEAR, y, x] = clear
    out[VOTED, y, x] = voted
    out[FOUND, y, x] = found


@kernel(over="m", cells="f32[6,m,n]", rows="f32[m,6] out", n="i32")
def add_rows(y, cells, rows, n):
    """What the cells of a row add up to."""
    for plane in range(PLANES):
        total = f32(0)
        for x in range(n):
            total += cells[plane, y, x]
        rows[y, plane] = total


@kernel(over="planes,parts", cells="f32[planes,n]", rows="f32[parts,planes] out", parts="i32", n="i32")
def add_parts(plane, part, cells, rows, parts, n):
    """What every `parts`-th cell adds up to."""
    total = f32(0)
    for i in range(part, n, parts):
        total += cells[plane, i]
    rows[part, plane] = total


@kernel(over="one", rows="f32[m,6]", mind="f32[5] inout", m="i32", pixels="f32", one="i32")
def judge(i, rows, mind, m, pixels, one):
    """How far model and network are to be trusted, by how they get on with each other in the whole picture.

    A model is believed after calm frames, in which it votes for next to nothing far from what the network claims, and
    no longer when it takes everything for a subject: the camera moves, or the light has changed. The network's veto
    counts as long as it finds most of what a model that is believed votes for.
    """
    spared = f32(0)
    clear = f32(0)
    voted = f32(0)
    found = f32(0)
    for y in range(m):
        spared += rows[y, SPARED]
        clear += rows[y, CLEAR]
        voted += rows[y, VOTED]
        found += rows[y, FOUND]
    alarm = share(spared - clear, spared)
    after = min(mind[CALM] + f32(1), PROOF) if alarm <= QUIET else max(mind[CALM] - STALE, f32(0))
    mind[CALM] = after if alarm <= UPROAR else f32(0)
    trust = ramp(mind[CALM], f32(1), PROOF)
    mind[TRUST] = trust
    mind[VOTES] = LASTS * mind[VOTES] + trust * voted / pixels
    mind[HITS] = LASTS * mind[HITS] + trust * found / pixels
    mind[VETO] = ramp((mind[HITS] + PRIOR) / (mind[VOTES] + PRIOR), VAGUE, SURE)


@kernel(over="m,n", cells="f32[6,m,n]", out="f32[m,n] out")
def density(y, x, cells, out):
    """Share of a cell's pixels that is voted subject."""
    out[y, x] = min(cells[VOTED, y, x] / f32(CELL * CELL), f32(1))


@kernel(
    over="h,spans", alpha="f32[h,w]", low="f32[p,q]", high="f32[p,q]", vote="f32[h,w]", near="f32[6,m,n]",
    backing="f32[m,n]", inside="f32[m,n]", mind="f32[5]", denied="f32[h,w]", out="f32[h,w] out",
    trust="f32", edge="f32", overrule="f32", fill="f32", halves="i32", w="i32",
    spans="i32", span="i32",
)  # fmt: skip
def combine(
    y, k, alpha, low, high, vote, near, backing, inside, mind, denied, out, trust, edge, overrule, fill, halves, w,
    spans, span,
):  # fmt: skip
    """Move alpha towards the vote as far as the voter is believed; while it is not, what it denied before stays so.

    A span is `span` pixels of a cell.
    """
    left = k * span
    right = min(left + span, w)
    j = y // CELL
    i = left // CELL
    believed = trust * mind[TRUST]
    veto = mind[VETO]
    sees = max(share(near[SEEN, j, i], near[CLAIMED, j, i]), overrule)
    spares = share(near[CLEAR, j, i], near[SPARED, j, i])
    whole = ramp(backing[j, i], STRAY, OWN)
    alone = overrule * (f32(1) - fill * ramp(inside[j, i], ALONE, BACKED))
    at_edge = f32(1) - veto * (f32(1) - edge)
    alphas = alpha[y, left:right]
    votes = vote[y, left:right]
    gone = denied[y, left:right]
    row = out[y, left:right]
    least = low[y >> halves, left >> halves :]
    most = high[y >> halves, left >> halves :]
    for x in range(right - left):
        v = votes[x]
        a = alphas[x] * (f32(1) - (f32(1) - believed) * gone[x])
        wide = most[x >> halves]
        ours = max(spares * wide, whole)
        up = (f32(1) - veto * (f32(1) - ours)) * (f32(1) - (f32(1) - at_edge) * wide)
        down = alone + (f32(1) - alone) * sees * at_edge * (f32(1) - least[x >> halves])
        row[x] = a + believed * (up * v * (f32(1) - a) - down * (f32(1) - v) * a)


@kernel(
    alpha="f32[h,w]", fused="f32[h,w]", fitted="f32[h,w]", mind="f32[5]", denied="f32[h,w] inout",
    out="f32[h,w] out", trust="f32",
)  # fmt: skip
def settle(y, x, alpha, fused, fitted, mind, denied, out, trust):
    """The matte fitted to the picture where a model is believed; and keep how far the network's claim was denied."""
    believed = trust * mind[TRUST]
    f = fused[y, x]
    p = min(max(f + believed * (fitted[y, x] - f), f32(0)), f32(1))
    a = alpha[y, x]
    denied[y, x] = believed * max(a - p, f32(0)) + (f32(1) - believed) * FADE * min(denied[y, x], a)
    out[y, x] = p


@kernel(
    alpha="f32[h,w]", vote="f32[h,w]", fused="f32[h,w]", mind="f32[5]", out="f32[h,w] out", trust="f32"
)  # fmt: skip
def confide(y, x, alpha, vote, fused, mind, out, trust):
    """How sure the matte is: 0 at a half, 1 at 0 and 1; half of that where a model that is believed and it disagree."""
    p = fused[y, x]
    torn = max(abs(alpha[y, x] - p), abs(vote[y, x] - p))
    out[y, x] = abs(f32(2) * p - f32(1)) * (f32(1) - f32(0.5) * trust * mind[TRUST] * torn)


@kernel(alpha="f32[h,w]", change="f32[h,w]", held="u8[h,w] inout", out="f32[h,w] out")
def latch(y, x, alpha, change, held, out):
    """alpha of what has changed since the network claims it, else 0."""
    on = (alpha[y, x] > FAINT) & ((held[y, x] == 1) | (change[y, x] > SEVERAL))
    held[y, x] = u8(1 if on else 0)
    out[y, x] = alpha[y, x] if on else f32(0)


def weigh_up(cells: Array, mind: Array, pixels: int, scratch: Scratch) -> None:
    """Bring `mind` f32[5] up to this picture of so many pixels, from what `witness` has counted in f32[6,m,n]."""
    planes, m, n = cells.shape
    if device_of(cells).simt:
        rows = scratch("parts", (PARTS, planes), f32)
        add_parts(cells.reshape(planes, m * n), rows, PARTS, m * n)
        judge(rows, mind, PARTS, pixels, 1)
    else:
        rows = scratch("rows", (m, planes), f32)
        add_rows(cells, rows, n)
        judge(rows, mind, m, pixels, 1)


def decide(
    alpha: Array, low: Array, high: Array, vote: Array, near: Array, backing: Array, inside: Array, mind: Array,
    denied: Array, out: Array, trust: float, edge: float, overrule: float, fill: float, halves: int, w: int,
) -> None:  # fmt: skip
    """`combine` for every pixel of f32[h,w] `alpha`; `low` and `high` are 2 to the power of `halves` times smaller."""
    span = 1 if device_of(alpha).simt else CELL
    combine(
        alpha, low, high, vote, near, backing, inside, mind, denied, out, trust, edge, overrule, fill, halves, w,
        -(-w // span), span,
    )  # fmt: skip
