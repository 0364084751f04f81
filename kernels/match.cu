// A picture compared with a clean plate; see match.py, whose constants and functions these repeat.
enum { SUMS = 14, SLACK = 2, CLIPPED = 252 };
#define MIDDLE 128.f
#define FIRM 20.f
#define FAINT 2.f
#define LIKE 1.2f
#define TINT (4.f / 3.f)
#define SHADY 38.f
#define QUIET 5.f
#define BROAD 2.5f
#define LOUD 16.f
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
static __device__ __forceinline__ float excess(int v, int low, int high, float gain, float offset) {
    float least = gain * (float)low + offset, most = gain * (float)high + offset;
    least = least < 255.f ? least : 255.f;
    most = high >= CLIPPED || most > 255.f ? 255.f : most;
    return (float)v > most ? (float)v - most : ((float)v < least ? (float)v - least : 0.f);
}

KERNEL(shrink) {
    int sum[3] = {0, 0, 0}, y1 = min(y * k + k, h), x1 = min(x * k + k, w);
    for (int j = y * k; j < y1; ++j)
        for (int i = x * k; i < x1; ++i)
            for (int c = 0; c < 3; ++c) sum[c] += image(j, i, c);
    int area = (y1 - y * k) * (x1 - x * k);
    for (int c = 0; c < 3; ++c) out(y, x, c) = (unsigned char)((sum[c] + area / 2) / area);
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
    float reach = scale > BROAD * noise(0, 0) ? scale : BROAD * noise(0, 0);
    float t[SUMS] = {};
    for (int x = part * step; x < w; x += parts * step) {
        int i = min(x + 1, w - 1);
        float d2 = 0.f, e2 = 0.f;
        int least = 255, most = 0;
        for (int c = 0; c < 3; ++c) {
            float d = (float)image(y, x, c) - light(c, 0) * (float)plate(y, x, c) - light(c, 1);
            d2 += d * d;
            float e = d - (float)image(y, i, c) + light(c, 0) * (float)plate(y, i, c) + light(c, 1);
            e2 += e * e;
            least = min(least, min((int)image(y, x, c), (int)plate(y, x, c)));
            most = max(most, max((int)image(y, x, c), (int)plate(y, x, c)));
        }
        if (least <= 8 || most >= 247) continue;
        float root = 1.f / (1.f + d2 / (3.f * reach * reach)), weight = root * root;
        t[0] += weight;
        t[13] += weight * e2 * (1.f / 6.f);
        for (int c = 0; c < 3; ++c) {
            float p = (float)plate(y, x, c) - MIDDLE, q = (float)image(y, x, c) - MIDDLE;
            t[1 + 4 * c] += weight * p;
            t[2 + 4 * c] += weight * q;
            t[3 + 4 * c] += weight * p * p;
            t[4 + 4 * c] += weight * p * q;
        }
    }
    for (int k = 0; k < SUMS; ++k) out(row * parts + part, k) = t[k];
}

KERNEL(fold) {
    float total = 0.f;
    for (int row = i; row < all; row += few) total += sums(row, k);
    out(i, k) = total;
}

KERNEL(solve) {
    float s = 0.f, p = 0.f, q = 0.f, pp = 0.f, pq = 0.f, ee = 0.f;
    for (int row = 0; row < rows; ++row) {
        s += sums(row, 0);
        p += sums(row, 1 + 4 * c);
        q += sums(row, 2 + 4 * c);
        pp += sums(row, 3 + 4 * c);
        pq += sums(row, 4 + 4 * c);
        ee += sums(row, 13);
    }
    float found = sqrtf(ee / (s > 1.f ? s : 1.f));
    noise(c, 0) = found < LOUD ? found : LOUD;
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

KERNEL(differ) {
    float below = pair(1, y, x);
    float k = clamp(pair(0, y, x) / (below > 1.f ? below : 1.f), dark, bright), v[3];
    for (int c = 0; c < 3; ++c)
        v[c] = excess(image(y, x, c), low(y, x, c), high(y, x, c), k * light(c, 0), k * light(c, 1));
    float bright_off = luma(v[0], v[1], v[2]);
    float cb = blue_chroma(v[0], v[1], v[2]), cr = red_chroma(v[0], v[1], v[2]);
    float fresh = slopes(0, y, x) - LIKE * wide(1, y, x), gone = slopes(1, y, x) - LIKE * wide(0, y, x);
    float most = fresh > gone ? fresh : gone;
    float loud = noise(0, 0) > QUIET ? noise(0, 0) - QUIET : 0.f, faint = FAINT + 2.f * loud;
    float e = edges * ((most > faint ? most : faint) - faint);
    float s = SHADY * (k - 1.f);
    float off = sqrtf(bright_off * bright_off + TINT * TINT * (cb * cb + cr * cr) + e * e + s * s);
    off -= spread(y, x) > loud ? spread(y, x) : loud;
    distance(y, x) = off > 0.f ? off : 0.f;
    shade(y, x) = k < SHADE && k > dark ? 127 : 0;
}

KERNEL(annotate) {
    label(y, x) = alpha(y, x) >= 0.5f ? 255 : shade(y, x);
}
