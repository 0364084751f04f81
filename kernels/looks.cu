// What the looks of a pixel say of a new one; see looks.py, whose constants these repeat, and lbsp.py.
enum { LANES = 64, RED = 0, GREEN = LANES, BLUE = 2 * LANES, FAR = 3 * LANES, NEAR = 4 * LANES };
enum { REACH = 4 * LANES, PACE = 5 * LANES, SHADOW = 127, PLENTY = 4 };
#define FULL 765.f
#define BITS 16.f
#define LIT 0.97f
#define HUE 0.035f
#define FROZEN 0.1f

static __device__ __forceinline__ int ones(int n) {
    n = n - ((n >> 1) & 0x5555);
    n = (n & 0x3333) + ((n >> 2) & 0x3333);
    n = (n + (n >> 4)) & 0x0F0F;
    return (n + (n >> 8)) & 0x1F;
}

KERNEL(looks_match) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES, hits = 0;
        float reach = state(y, tile, at + REACH), best = 1.f;
        int r = probe(y, tile, at + RED), g = probe(y, tile, at + GREEN), b = probe(y, tile, at + BLUE);
        int bits = probe(y, tile, at + FAR) | probe(y, tile, at + NEAR) << 8;
        bool held = freeze(y, x) > FROZEN, edge = held && freeze(y, x) < 0.5f;
        for (int k = 0; k < n && hits < need; ++k) {
            float dr = fabsf(float(r - samples(k, y, tile, at + RED)));
            float dg = fabsf(float(g - samples(k, y, tile, at + GREEN)));
            float db = fabsf(float(b - samples(k, y, tile, at + BLUE)));
            float apart = dr + dg + db;
            int other = samples(k, y, tile, at + FAR) | samples(k, y, tile, at + NEAR) << 8;
            float unlike = edge ? 0.f : float(ones(bits ^ other));
            best = fminf(best, fmaxf(apart / FULL, unlike / BITS));
            hits += apart <= reach * colour && unlike <= reach * pattern;
        }
        bool unseen = state(y, tile, at + PACE) == 0.f;
        raw(y, x) = (unseen ? held : hits < need) ? 255 : 0;
        nearest(y, x) = best;
    }
}

KERNEL(looks_evidence) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES;
        float reach = state(y, tile, at + REACH) > 1.f ? state(y, tile, at + REACH) : 1.f, hits = 0.f;
        int r = probe(y, tile, at + RED), g = probe(y, tile, at + GREEN), b = probe(y, tile, at + BLUE);
        int bits = probe(y, tile, at + FAR) | probe(y, tile, at + NEAR) << 8;
        float finer = 1.f / (pattern > 0.5f ? pattern : 0.5f);
        for (int k = 0; k < n && hits < (float)(PLENTY * need); ++k) {
            float dr = fabsf(float(r - samples(k, y, tile, at + RED)));
            float dg = fabsf(float(g - samples(k, y, tile, at + GREEN)));
            float db = fabsf(float(b - samples(k, y, tile, at + BLUE)));
            float apart = (dr + dg + db) / colour;
            float unlike = float(ones(bits ^ (samples(k, y, tile, at + FAR) | samples(k, y, tile, at + NEAR) << 8)));
            unlike *= finer;
            float t = (apart > unlike ? apart : unlike) / reach, t4 = t * t * (t * t);
            hits += 1.f / (1.f + t4 * t4);
        }
        hits /= float(need);
        evidence(y, x) = state(y, tile, at + PACE) == 0.f ? 0.5f : 1.f / (1.f + hits * hits);
    }
}

KERNEL(looks_shadow) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        if (raw(y, x) != 255) continue;
        int tile = x / LANES, at = x % LANES;
        float mr = state(y, tile, at + RED), mg = state(y, tile, at + GREEN), mb = state(y, tile, at + BLUE);
        float r = probe(y, tile, at + RED), g = probe(y, tile, at + GREEN), b = probe(y, tile, at + BLUE);
        float norm = mr * mr + mg * mg + mb * mb + 1.f;
        float part = (r * mr + g * mg + b * mb) / norm;
        float dr = part * mr - r, dg = part * mg - g, db = part * mb - b;
        if (part >= dark && part <= LIT && dr * dr + dg * dg + db * db <= HUE * HUE * norm) raw(y, x) = SHADOW;
    }
}

KERNEL(looks_plate) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x)
        for (int c = 0; c < 3; ++c)
            plate(y, x, c) = (unsigned char)(int)(state(y, x / LANES, x % LANES + c * LANES) + 0.5f);
}
