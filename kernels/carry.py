"""A matte is carried along the optical flow from the past to the present, and settled with the network's answer.

With the matte goes its trust: how many answers of the network it is worth. Trust fades from frame to frame, and is
lost where the picture shows something that was not there before. The next answer then counts 1 / (1 + trust): all of
it where nothing is known, little where many answers agree. This is a recursive mean with a fading memory, which is
what a Kalman filter comes to when every answer is equally noisy.
"""

# mypy: allow-untyped-defs, disable-error-code="operator, arg-type, call-overload"
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.flow import CELL, Scratch, lerp
from bgflow.kernels.pyramid import PAD
from bgflow.kernels.tiles import first

f32, i32 = np.float32, np.int32

APART = 6  # pixels from one sample of `thin` to the next
DOUBT = 0.6  # the share of trust that goes when the network is sure of the opposite
AROUND = 2  # samples to each side that are asked about what is new
FAR = 4  # pixels from one of them to the next
LIKE = 10.0  # levels of 255 by which two pixels may differ and still look alike
UNSURE = 0.25  # what an answer of a half is worth, of one that is 0 or 1
PARTS = 16  # of the samples, each compared with all samples by threads of its own
BINS = 64  # of a histogram of samples
ALIKE = 1e-6  # levels by which samples differ so little that any of them will do


@kernel(over="m,n", now="u16[ph,pw]", past="u16[ph,pw]", flow="f32[2,m,n]", out="f32[m,n] out", ph="i32", pw="i32")
def differ(y, x, now, past, flow, out, ph, pw):
    """How far, in levels, the brightness of each pixel is from what it was where it has come from."""
    v = min(max(f32(y + PAD) + flow[0, y, x], f32(0)), f32(ph - 2))
    u = min(max(f32(x + PAD) + flow[1, y, x], f32(0)), f32(pw - 2))
    j = max(i32(v), 0)
    i = max(i32(u), 0)
    fx = u - f32(i)
    upper = f32(past[j, i]) + f32(i32(past[j, i + 1]) - i32(past[j, i])) * fx
    lower = f32(past[j + 1, i]) + f32(i32(past[j + 1, i + 1]) - i32(past[j + 1, i])) * fx
    out[y, x] = abs(upper + (lower - upper) * (v - f32(j)) - f32(now[y + PAD, x + PAD])) * f32(1 / 16)


@function
def five(row, x, n):
    """The sum of five neighbours in a row, whose border is repeated."""
    total = row[max(x - 2, 0)] + row[max(x - 1, 0)] + row[x]
    return total + row[min(x + 1, n - 1)] + row[min(x + 2, n - 1)]


@kernel(over="m,spans", source="f32[m,n]", out="f32[m,n] out", span="i32", spans="i32", m="i32", n="i32")
def smooth_span(y, i, source, out, span, spans, m, n):
    """A span of a row of `smooth`."""
    a = source[max(i32(y) - 2, 0)]
    b = source[max(i32(y) - 1, 0)]
    c = source[y]
    d = source[min(y + 1, m - 1)]
    e = source[min(y + 2, m - 1)]
    row = out[y]
    start = first(i, span)
    stop = min(start + span, n)
    low = min(max(start, 2), stop)
    high = max(min(stop, n - 2), low)
    for x in range(start, low):
        row[x] = (five(a, x, n) + five(b, x, n) + five(c, x, n) + five(d, x, n) + five(e, x, n)) * f32(1 / 25)
    for x in range(high, stop):
        row[x] = (five(a, x, n) + five(b, x, n) + five(c, x, n) + five(d, x, n) + five(e, x, n)) * f32(1 / 25)
    left = max(low - 2, 0)  # slices, because numba vectorises no index that could be negative
    a = a[left : high + 2]
    b = b[left : high + 2]
    c = c[left : high + 2]
    d = d[left : high + 2]
    e = e[left : high + 2]
    row = row[low:high]
    for x in range(high - low):
        total = f32(0)
        for o in range(5):
            total += a[x + o] + b[x + o] + c[x + o] + d[x + o] + e[x + o]
        row[x] = total * f32(1 / 25)


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


@kernel(over="m,n", source="f32[m,n]", flow="f32[2,m,n]", out="f32[m,n] out", m="i32", n="i32")
def carry(y, x, source, flow, out, m, n):
    """What each pixel was where it has come from."""
    out[y, x] = lerp(source, f32(y) + flow[0, y, x], f32(x) + flow[1, y, x], m, n)


@kernel(
    over="m,cells", source="f32[m,n]", difference="f32[m,n]", now="u16[ph,pw]", out="f32[m,n] out",
    limit="f32[1]", cells="i32", m="i32", n="i32",
)  # fmt: skip
def fill(y, cell, source, difference, now, out, limit, cells, m, n):
    """A cell of a row: what is new becomes what the known pixels around it are that look like it, which is how the
    background comes out from behind whoever moves on."""
    start = max(i32(CELL * cell), 0)
    least = limit[0]
    new = i32(0)
    for x in range(CELL):
        new = i32(new | i32(difference[y, start + x] > least))
    for x in range(CELL):
        out[y, start + x] = source[y, start + x]
    if new != 0:
        for x in range(CELL):
            value = source[y, start + x]
            fresh = novelty(difference[y, start + x], least)
            if fresh > f32(0):
                here = i32(now[y + PAD, start + x + PAD])
                total = f32(0.001)
                mean = f32(0.001) * value
                for r in range(2 * AROUND + 1):
                    j = max(min(i32(y) + FAR * (r - AROUND), m - 1), 0)
                    for c in range(2 * AROUND + 1):
                        i = max(min(i32(start + x) + FAR * (c - AROUND), n - 1), 0)
                        d = f32(i32(now[j + PAD, i + PAD]) - here) * f32(1 / 16 / LIKE)
                        weight = (f32(1) - novelty(difference[j, i], least)) / (f32(1) + d * d * d * d)
                        mean += weight * source[j, i]
                        total += weight
                out[y, start + x] = value + (mean / total - value) * fresh


@kernel(over="m,n", trust="f32[m,n] out", value="f32")
def begin(y, x, trust, value):
    """The same trust everywhere."""
    trust[y, x] = value


@kernel(
    over="m,cells", matte="f32[m,n]", trust="f32[m,n]", flow="f32[2,m,n]", difference="f32[m,n]",
    now_matte="f32[m,n] out", now_trust="f32[m,n] out",
    limit="f32[1]", still="f32", moving="f32", slow="f32", cells="i32", m="i32", n="i32",
)  # fmt: skip
def bring(y, cell, matte, trust, flow, difference, now_matte, now_trust, limit, still, moving, slow, cells, m, n):
    """A cell of a row: matte and trust are carried; of trust `still` to `moving` goes, by the squared speed times
    `slow`, and all of it where all is new."""
    start = max(i32(CELL * cell), 0)
    least = limit[0]
    moves = i32(0)
    for x in range(CELL):
        moves = i32(moves | i32(flow[0, y, start + x] != f32(0)) | i32(flow[1, y, start + x] != f32(0)))
    if moves == 0:
        for x in range(CELL):
            now_matte[y, start + x] = matte[y, start + x]
        for x in range(CELL):
            kept = (f32(1) - still) * (f32(1) - novelty(difference[y, start + x], least))
            now_trust[y, start + x] = kept * trust[y, start + x]
    else:
        for x in range(CELL):
            v = flow[0, y, start + x]
            u = flow[1, y, start + x]
            speed = min((v * v + u * u) * slow, f32(1))
            kept = (f32(1) - still - (moving - still) * speed) * (f32(1) - novelty(difference[y, start + x], least))
            now_matte[y, start + x] = lerp(matte, f32(y) + v, f32(start + x) + u, m, n)
            now_trust[y, start + x] = kept * lerp(trust, f32(y) + v, f32(start + x) + u, m, n)


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


def smooth(source: Array, out: Array) -> None:
    """The mean over 5 by 5 pixels; the border is repeated."""
    m, n = source.shape
    span = 1 if device_of(source).simt else n
    smooth_span(source, out, span, -(-n // span), m, n)
