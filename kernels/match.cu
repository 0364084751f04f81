// A picture compared with a clean plate; see match.py, whose constants and functions these repeat.
enum { SUMS = 13, SLACK = 2 };
#define MIDDLE 128.f
#define FIRM 20.f
#define FAINT 2.f
#define LIKE 1.2f
#define TINT (4.f / 3.f)
#define SHADY 66.f
#define SHADE 0.92f

static __device__ __forceinline__ float luma(float r, float g, float b) { return 0.299f * r + 0.587f * g + 0.114f * b; }
static __device__ __forceinline__ float blue_chroma(float r, float g, float b) {
    return 0.5f * b - 0.168736f * r - 0.331264f * g;
}
static __device__ __forceinline__ float red_chroma(float r, float g, float b) {
    return 0.5f * r - 0.418688f * g - 0.081312f * b;
}
static __device__ __forceinline__ float clamp(float v, float low, float high) {
    return v < low ? low : (v > high ? high : v);
}
static __device__ __forceinline__ float excess(float v, float low, float high) {
    return v > high ? v - high : (v < low ? v - low : 0.f);
}
template <typename P>
static __device__ __forceinline__ float ratio(P pair, int y, int x, float dark, float bright) {
    float below = pair(1, y, x);
    return clamp(pair(0, y, x) / (below > 1.f ? below : 1.f), dark, bright);
}

KERNEL(bounds) {
    for (int c = 0; c < 3; ++c) {
        int least = 255, most = 0;
        for (int j = max(y - reach, 0); j < min(y + reach + 1, h); ++j)
            for (int i = max(x - reach, 0); i < min(x + reach + 1, w); ++i) {
                least = min(least, (int)plate(j, i, c));
                most = max(most, (int)plate(j, i, c));
            }
        low(y, x, c) = (unsigned char)least;
        high(y, x, c) = (unsigned char)most;
    }
}

KERNEL(correlate) {
    int y = row * step;
    for (int k = 0; k < SUMS; ++k) out(row, k) = 0.f;
    for (int x = 0; x < w; x += step) {
        float d2 = 0.f;
        int least = 255, most = 0;
        for (int c = 0; c < 3; ++c) {
            float d = (float)image(y, x, c) - light(c, 0) * (float)plate(y, x, c) - light(c, 1);
            d2 += d * d;
            least = min(least, min((int)image(y, x, c), (int)plate(y, x, c)));
            most = max(most, max((int)image(y, x, c), (int)plate(y, x, c)));
        }
        if (least <= 8 || most >= 247) continue;
        float root = 1.f / (1.f + d2 / (3.f * scale * scale)), weight = root * root;
        out(row, 0) += weight;
        for (int c = 0; c < 3; ++c) {
            float p = (float)plate(y, x, c) - MIDDLE, q = (float)image(y, x, c) - MIDDLE;
            out(row, 1 + 4 * c) += weight * p;
            out(row, 2 + 4 * c) += weight * q;
            out(row, 3 + 4 * c) += weight * p * p;
            out(row, 4 + 4 * c) += weight * p * q;
        }
    }
}

KERNEL(solve) {
    float s = 0.f, p = 0.f, q = 0.f, pp = 0.f, pq = 0.f;
    for (int row = 0; row < rows; ++row) {
        s += sums(row, 0);
        p += sums(row, 1 + 4 * c);
        q += sums(row, 2 + 4 * c);
        pp += sums(row, 3 + 4 * c);
        pq += sums(row, 4 + 4 * c);
    }
    if (s > 1.f) {
        p /= s;
        q /= s;
        float gain = clamp((pq / s - p * q + FIRM * light(c, 0)) / (pp / s - p * p + FIRM), 0.25f, 4.f);
        light(c, 0) = gain;
        light(c, 1) = q - gain * p + MIDDLE * (1.f - gain);
    }
}

KERNEL(lumas) {
    out(0, y, x) = luma(image(y, x, 0), image(y, x, 1), image(y, x, 2));
    out(1, y, x) = luma(light(0, 0) * plate(y, x, 0) + light(0, 1), light(1, 0) * plate(y, x, 1) + light(1, 1),
                        light(2, 0) * plate(y, x, 2) + light(2, 1));
}

KERNEL(stray) {
    float k = ratio(pair, y, x, dark, bright), v[3];
    for (int c = 0; c < 3; ++c) {
        float gain = k * light(c, 0), offset = k * light(c, 1);
        v[c] = excess(image(y, x, c), gain * low(y, x, c) + offset, gain * high(y, x, c) + offset);
    }
    out(0, y, x) = luma(v[0], v[1], v[2]);
    out(1, y, x) = blue_chroma(v[0], v[1], v[2]);
    out(2, y, x) = red_chroma(v[0], v[1], v[2]);
}

KERNEL(slope) {
    float dy = source(p, min(y + 1, h - 1), x) - source(p, max(y - 1, 0), x);
    float dx = source(p, y, min(x + 1, w - 1)) - source(p, y, max(x - 1, 0));
    out(p, y, x) = 0.5f * sqrtf(dy * dy + dx * dx);
}

KERNEL(widest) {
    float most = source(p, y, x);
    for (int k = -SLACK; k <= SLACK; ++k) {
        float v = source(p, min(max(y + k * dy, 0), h - 1), min(max(x + k * dx, 0), w - 1));
        most = v > most ? v : most;
    }
    out(p, y, x) = most;
}

KERNEL(lonely) {
    float fresh = slopes(0, y, x) - LIKE * wide(1, y, x), gone = slopes(1, y, x) - LIKE * wide(0, y, x);
    float most = fresh > gone ? fresh : gone;
    out(3, y, x) = (most > FAINT ? most : FAINT) - FAINT;
}

KERNEL(weigh) {
    float k = ratio(pair, y, x, dark, bright);
    float v = planes(0, y, x), cb = planes(1, y, x), cr = planes(2, y, x), e = edges * planes(3, y, x);
    float s = SHADY * (k - 1.f);
    float d2 = v * v + TINT * TINT * (cb * cb + cr * cr) + e * e + s * s;
    alpha(y, x) = clamp((sqrtf(d2) - tolerance - 2.f * spread(y, x)) / softness, 0.f, 1.f);
    shade(y, x) = k < SHADE && k > dark ? 127 : 0;
}

KERNEL(annotate) {
    label(y, x) = alpha(y, x) >= 0.5f ? 255 : shade(y, x);
}
