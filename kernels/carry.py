"""A matte is carried along the optical flow from the past to the present, and settled with the network's answer.

With the matte goes its trust: how many answers of the network it is worth. Trust fades from frame to frame, and is
lost where the picture shows something that was not there before. The next answer then counts 1 / (1 + trust): all of
it where nothing is known, little where many answers agree. This is a recursive mean with a fading memory, which is
what a Kalman filter comes to when every answer is equally noisy.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.flow import PAD, Scratch, lerp

f32, i32 = np.float32, np.int32

APART = 6  # pixels from one sample of `thin` to the next
DOUBT = 0.6  # the share of trust that goes when the network is sure of the opposite
AROUND = 4  # how many pixels to each side are asked about what is new, two pixels apart
LIKE = 10.0  # levels of 255 by which two pixels may differ and still look alike
UNSURE = 0.25  # what an answer of a half is worth, of one that is 0 or 1
PARTS = 16  # of the samples, each compared with all samples by threads of its own
BINS = 64  # of a histogram of samples
ALIKE = 1e-6  # levels by which samples differ so little that any of them will do


@kernel(over="m,n", now="f32[ph,pw]", past="f32[ph,pw]", flow="f32[2,m,n]", out="f32[m,n] out", ph="i32", pw="i32")
def differ(y, x, now, past, flow, out, ph, pw):
    """How far the brightness of each pixel is from what it was where it has come from."""
    v = f32(y + PAD) + flow[0, y, x]
    u = f32(x + PAD) + flow[1, y, x]
    out[y, x] = abs(lerp(past, v, u, ph, pw) - now[y + PAD, x + PAD])


@kernel(over="rows,columns", source="f32[m,n]", out="f32[rows,columns] out")
def thin(y, x, source, out):
    """Every APART-th pixel of every APART-th row."""
    out[y, x] = source[y * APART, x * APART]


@kernel(over="parts,n", some="f32[n]", before="i32[parts,n] out", parts="i32", n="i32")
def outrank(part, i, some, before, parts, n):
    """How many of a part of the samples come before sample `i` in order; of equal ones, the first comes first."""
    mine = some[i]
    count = i32(0)
    for k in range(part * n // parts, (part + 1) * n // parts):
        other = some[k]
        count += i32(1) if other < mine or (other == mine and k < i) else i32(0)
    before[part, i] = count


@kernel(
    over="n", some="f32[n]", before="i32[parts,n]", out="f32[1] out",
    rank="i32", times="f32", least="f32", parts="i32",
)  # fmt: skip
def choose(i, some, before, out, rank, times, least, parts):
    """The limit from the one sample that as many as `rank` come before."""
    count = i32(0)
    for part in range(parts):
        count += before[part, i]
    if count == rank:
        out[0] = times * some[i] + least


@kernel(
    over="one", some="f32[n]", counts="i32[64] out", out="f32[1] out",
    rank="i32", times="f32", least="f32", n="i32", one="i32",
)  # fmt: skip
def narrow(index, some, counts, out, rank, times, least, n, one):
    """The same by one thread: histograms between ever closer bounds around the sample."""
    low = some[0]
    high = some[0]
    for k in range(n):
        low = min(low, some[k])
        high = max(high, some[k])
    left = i32(rank)
    while high - low > f32(ALIKE):
        scale = f32(BINS) / (high - low)
        for b in range(BINS):
            counts[b] = i32(0)
        for k in range(n):
            if some[k] >= low and some[k] <= high:
                counts[min(int((some[k] - low) * scale), BINS - 1)] += i32(1)
        mine = 0
        while left >= counts[mine]:
            left -= counts[mine]
            mine += 1
        least_there = high
        most_there = low
        for k in range(n):
            if some[k] >= low and some[k] <= high and min(int((some[k] - low) * scale), BINS - 1) == mine:
                least_there = min(least_there, some[k])
                most_there = max(most_there, some[k])
        low = least_there
        high = most_there
    out[0] = times * low + least


@function
def novelty(difference, limit):
    """0 for a difference that noise may make, 1 for one that shows something new."""
    return min(max(difference / limit - f32(1), f32(0)), f32(1))


@kernel(
    over="m,n", source="f32[m,n]", flow="f32[2,m,n]", difference="f32[m,n]", now="f32[ph,pw]", out="f32[m,n] out",
    limit="f32[1]", m="i32", n="i32",
)  # fmt: skip
def carry(y, x, source, flow, difference, now, out, limit, m, n):
    """What each pixel was where it has come from; what is new becomes what the known pixels around it are that look
    like it, which is how the background comes out from behind whoever moves on."""
    value = lerp(source, f32(y) + flow[0, y, x], f32(x) + flow[1, y, x], m, n)
    new = novelty(difference[y, x], limit[0])
    if new > f32(0):
        here = now[y + PAD, x + PAD]
        total = f32(0.001)
        mean = f32(0.001) * value
        for r in range(2 * AROUND + 1):
            j = min(max(y + 2 * (r - AROUND), 0), m - 1)
            for c in range(2 * AROUND + 1):
                i = min(max(x + 2 * (c - AROUND), 0), n - 1)
                d = (now[j + PAD, i + PAD] - here) / f32(LIKE)
                weight = (f32(1) - novelty(difference[j, i], limit[0])) / (f32(1) + d * d * d * d)
                mean += weight * lerp(source, f32(j) + flow[0, j, i], f32(i) + flow[1, j, i], m, n)
                total += weight
        value += (mean / total - value) * new
    out[y, x] = value


@kernel(over="m,n", trust="f32[m,n] out", value="f32")
def begin(y, x, trust, value):
    """The same trust everywhere."""
    trust[y, x] = value


@kernel(
    over="m,n", source="f32[m,n]", flow="f32[2,m,n]", difference="f32[m,n]", out="f32[m,n] out",
    limit="f32[1]", still="f32", moving="f32", fast="f32", m="i32", n="i32",
)  # fmt: skip
def fade(y, x, source, flow, difference, out, limit, still, moving, fast, m, n):
    """Trust is carried; `still` to `moving` of it goes, by the square of the speed, and all of it where all is new."""
    v = flow[0, y, x]
    u = flow[1, y, x]
    speed = min((v * v + u * u) / (fast * fast), f32(1))
    kept = (f32(1) - still - (moving - still) * speed) * (f32(1) - novelty(difference[y, x], limit[0]))
    out[y, x] = kept * lerp(source, f32(y) + v, f32(x) + u, m, n)


@kernel(
    over="m,n", answer="f32[m,n]", difference="f32[m,n]", matte="f32[m,n] inout", trust="f32[m,n] inout",
    limit="f32[1]",
)  # fmt: skip
def settle(y, x, answer, difference, matte, trust, limit):
    """Move the matte towards the network's answer, which is worth less where it is unsure or has not come all the way.

    `difference` is between this picture and the one that the answer was given for.
    """
    a = answer[y, x]
    c = matte[y, x]
    known = trust[y, x] * (f32(1) - f32(DOUBT) * min(max((abs(a - c) - f32(0.5)) / f32(0.4), f32(0)), f32(1)))
    sure = abs(f32(2) * a - f32(1))
    news = (f32(UNSURE) + f32(1 - UNSURE) * sure) * (f32(1) - novelty(difference[y, x], limit[0])) + f32(0.001)
    matte[y, x] = c + (a - c) * (news / (news + known))
    trust[y, x] = known + news


def limit(some: Array, share: float, times: float, least: float, out: Array, scratch: Scratch) -> None:
    """Write to `out` f32[1] from which difference on something is new, without asking the host.

    It is `times` the noise, and `least` more; the noise is the sample of `some` f32[m,n] that a `share` of them lies
    below, the sample at rank int(share * (m * n - 1)).
    """
    n = some.size
    flat, rank = some.reshape(n), int(share * (n - 1))
    if device_of(some).simt:
        before = scratch("limit before", (PARTS, n), i32)
        outrank(flat, before, PARTS, n)
        choose(flat, before, out, rank, times, least, PARTS)
    else:
        narrow(flat, scratch("limit counts", (BINS,), i32), out, rank, times, least, n, 1)
