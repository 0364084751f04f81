// Colour match of a subject to its new place; see grade.py.
#define STEP 4
#define MOST 2.f
#define CALM 4.f
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
struct Axes {
    float v[3];
};
static __device__ __forceinline__ Axes apart(float r, float g, float b) {
    return {{(r + g + b) * (1.f / 3.f), (r - b) * 0.5f, (2.f * g - r - b) * 0.25f}};
}

KERNEL(tally) {
    float t[7] = {};
    int y = min(row * STEP, h - 1);
    for (int x = 0; x < w; x += STEP) {
        float s = fmaxf(weight(alpha(y, x)), whole);
        Axes i = apart(image(y, x, 0), image(y, x, 1), image(y, x, 2));
        t[0] += s;
        for (int c = 0; c < 3; ++c) {
            t[1 + c] += i.v[c] * s;
            t[4 + c] += i.v[c] * i.v[c] * s;
        }
    }
    for (int c = 0; c < 7; ++c) sums(row, c) = t[c];
}

KERNEL(settle) {
    float n = 0.f;
    for (int y = 0; y < m; ++y) n += sums(y, 0);
    if (n < 1.f) return;
    for (int c = 0; c < 3; ++c) {
        float mean = 0.f, square = 0.f;
        for (int y = 0; y < m; ++y) mean += sums(y, 1 + c), square += sums(y, 4 + c);
        mean /= n;
        float spread = sqrtf(fmaxf(square / n - mean * mean, 0.f) + CALM);
        stats(c) += (mean - stats(c)) * rate;
        stats(3 + c) += (spread - stats(3 + c)) * rate;
    }
}

static __device__ __forceinline__ float moved(float v, int c, View<const float, 1> own, View<const float, 1> there) {
    float ratio = there(3 + c) / fmaxf(own(3 + c), 1.f);
    return (v - own(c)) * fminf(fmaxf(ratio, 1.f / MOST), MOST) + there(c);
}
static __device__ __forceinline__ unsigned char toned(int old, float now, float strength) {
    return (unsigned char)(int)((float)old + (fminf(fmaxf(now, 0.f), 255.f) - (float)old) * strength + 0.5f);
}

KERNEL(tone) {
    if (!(alpha(y, x) > 0.f)) return;
    Axes i = apart(image(y, x, 0), image(y, x, 1), image(y, x, 2));
    for (int c = 0; c < 3; ++c) i.v[c] = moved(i.v[c], c, own, there);
    float base = i.v[0] - i.v[2] * (2.f / 3.f);
    image(y, x, 0) = toned(image(y, x, 0), base + i.v[1], strength);
    image(y, x, 1) = toned(image(y, x, 1), i.v[0] + i.v[2] * (4.f / 3.f), strength);
    image(y, x, 2) = toned(image(y, x, 2), base - i.v[1], strength);
}
