// Two opinions made into one matte; see fuse.py.
#define CELL 8
enum { CLAIMED, SEEN, SPARED, CLEAR, VOTED, FOUND, PLANES };
enum { CALM, VOTES, HITS, TRUST, VETO };

static __device__ __forceinline__ float share(float part, float whole) {
    return fminf(fmaxf(part / (whole + 1.f), 0.f), 1.f);
}

static __device__ __forceinline__ float ramp(float value, float low, float high) {
    return fminf(fmaxf((value - low) / (high - low), 0.f), 1.f);
}

KERNEL(count) {
    vote(y, x) = label(y, x) == 255 ? 1.f : 0.f;
}

KERNEL(weigh) {
    vote(y, x) = label(y, x) == 127 ? 0.f : fminf(fmaxf(2.f * evidence(y, x) - 0.5f, 0.f), 1.f);
}

KERNEL(witness) {
    float claimed = 0.f, seen = 0.f, spared = 0.f, clear = 0.f, voted = 0.f, found = 0.f;
    for (int j = y * CELL; j < min(y * CELL + CELL, h); ++j) {
        for (int i = x * CELL; i < min(x * CELL + CELL, w); ++i) {
            float v = vote(j, i), sure = low(j >> halves, i >> halves), free = 1.f - high(j >> halves, i >> halves);
            claimed += sure;
            seen += sure * v;
            spared += free;
            clear += free * (1.f - v);
            voted += v;
            found += v * (1.f - free);
        }
    }
    out(CLAIMED, y, x) = claimed;
    out(SEEN, y, x) = seen;
    out(SPARED, y, x) = spared;
    out(CLEAR, y, x) = clear;
    out(VOTED, y, x) = voted;
    out(FOUND, y, x) = found;
}

KERNEL(add_rows) {
    for (int plane = 0; plane < PLANES; ++plane) {
        float total = 0.f;
        for (int x = 0; x < n; ++x) total += cells(plane, y, x);
        rows(y, plane) = total;
    }
}

KERNEL(add_parts) {
    float total = 0.f;
    for (int i = part; i < n; i += parts) total += cells(plane, i);
    rows(part, plane) = total;
}

KERNEL(judge) {
    float spared = 0.f, clear = 0.f, voted = 0.f, found = 0.f;
    for (int y = 0; y < m; ++y) {
        spared += rows(y, SPARED);
        clear += rows(y, CLEAR);
        voted += rows(y, VOTED);
        found += rows(y, FOUND);
    }
    float alarm = share(spared - clear, spared);
    float after = alarm <= 0.03f ? fminf(mind(CALM) + 1.f, 2.f) : fmaxf(mind(CALM) - 0.002f, 0.f);
    mind(CALM) = alarm <= 0.25f ? after : 0.f;
    float trust = ramp(mind(CALM), 1.f, 2.f);
    mind(TRUST) = trust;
    mind(VOTES) = 0.998f * mind(VOTES) + trust * voted / pixels;
    mind(HITS) = 0.998f * mind(HITS) + trust * found / pixels;
    mind(VETO) = ramp((mind(HITS) + 0.2f) / (mind(VOTES) + 0.2f), 0.6f, 0.85f);
}

KERNEL(density) {
    out(y, x) = fminf(cells(VOTED, y, x) / (float)(CELL * CELL), 1.f);
}

KERNEL(combine) {
    int left = k * span, j = y / CELL, i = left / CELL;
    float believed = trust * mind(TRUST), veto = mind(VETO);
    float sees = fmaxf(share(near(SEEN, j, i), near(CLAIMED, j, i)), overrule);
    float spares = share(near(CLEAR, j, i), near(SPARED, j, i));
    float whole = ramp(backing(j, i), 0.25f, 0.5f);
    float alone = overrule * (1.f - fill * ramp(inside(j, i), 0.1f, 0.4f));
    float at_edge = 1.f - veto * (1.f - edge);
    for (int x = left; x < min(left + span, w); ++x) {
        float v = vote(y, x), wide = high(y >> halves, x >> halves);
        float a = alpha(y, x) * (1.f - (1.f - believed) * denied(y, x));
        float ours = fmaxf(spares * wide, whole);
        float up = (1.f - veto * (1.f - ours)) * (1.f - (1.f - at_edge) * wide);
        float down = alone + (1.f - alone) * sees * at_edge * (1.f - low(y >> halves, x >> halves));
        out(y, x) = a + believed * (up * v * (1.f - a) - down * (1.f - v) * a);
    }
}

KERNEL(settle) {
    float believed = trust * mind(TRUST), f = fused(y, x), a = alpha(y, x);
    float p = fminf(fmaxf(f + believed * (fitted(y, x) - f), 0.f), 1.f);
    denied(y, x) = believed * fmaxf(a - p, 0.f) + (1.f - believed) * 0.99f * fminf(denied(y, x), a);
    out(y, x) = p;
}

KERNEL(confide) {
    float p = fused(y, x);
    float torn = fmaxf(fabsf(alpha(y, x) - p), fabsf(vote(y, x) - p));
    out(y, x) = fabsf(2.f * p - 1.f) * (1.f - 0.5f * trust * mind(TRUST) * torn);
}

KERNEL(latch) {
    bool on = alpha(y, x) > 0.1f && (held(y, x) == 1 || change(y, x) > 0.1f);
    held(y, x) = on ? 1 : 0;
    out(y, x) = on ? alpha(y, x) : 0.f;
}
