// The subject's own colour in mixed pixels; see foreground.py. `weight` and `place` repeat those of over.py and blur.py.
#define POOL 4
#define TRACE (1.f / 510.f)
#define FLOOR 1.f
#define ANYTHING (255.f * 255.f)
#define NOISE 2.25f
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ float sure(float a) { return fmaxf(32.f * a - 31.f, 0.f) + 1e-20f * a; }
static __device__ __forceinline__ float place(int i, int k, int n) {
    return fminf(fmaxf(((float)i + 0.5f) / (float)k - 0.5f, 0.f), (float)(n - 1));
}
static __device__ __forceinline__ bool mix_shows(float a) { return a > TRACE && a < 1.f - TRACE; }
static __device__ __forceinline__ unsigned char own(int here, float a, float front, float back, float gain, float s) {
    float f = front + gain * ((float)here - a * front - (1.f - a) * back);
    f = (float)here + (fminf(fmaxf(f, 0.f), 255.f) - (float)here) * s;
    return (unsigned char)(int)(f + 0.5f);
}

KERNEL(gather) {
    float t[10] = {};
    int y1 = min(y * k + k, h), x1 = min(x * k + k, w), some = 0;
    for (int j = y * k; j < y1; ++j)
        for (int i = x * k; i < x1; ++i) some |= mix_shows(alpha(j, i));
    for (int j = y * k; j < y1; j += step) {
        for (int i = x * k; i < x1; i += step) {
            float r = image(j, i, 0), g = image(j, i, 1), b = image(j, i, 2), q = r * r + g * g + b * b;
            float a = weight(alpha(j, i)), s = sure(a > 0.5f ? a : 1.f - a);
            float side[2] = {a > 0.5f ? s : 0.f, a > 0.5f ? 0.f : s};  // an index that varies would cost local memory
            for (int n = 0; n < 2; ++n) {
                t[5 * n] += r * side[n];
                t[5 * n + 1] += g * side[n];
                t[5 * n + 2] += b * side[n];
                t[5 * n + 3] += q * side[n];
                t[5 * n + 4] += side[n];
            }
        }
    }
    for (int c = 0; c < 10; ++c) sums(y, x, c) = t[c];
    mixed(y, x) = (unsigned char)some;
}

KERNEL(push) {
    for (int c = 0; c < 10; ++c) {
        float s = 0.f;
        for (int j = y * POOL; j < min(y * POOL + POOL, h); ++j)
            for (int i = x * POOL; i < min(x * POOL + POOL, w); ++i) s += fine(j, i, c);
        coarse(y, x, c) = s;
    }
}

KERNEL(pull) {
    float v = place(y, POOL, m), u = place(x, POOL, n);
    int j = (int)v, i = (int)u, j1 = min(j + 1, m - 1), i1 = min(i + 1, n - 1);
    v -= (float)j, u -= (float)i;
    for (int c = 0; c < 10; ++c) {
        float top = coarse(j, i, c) + (coarse(j, i1, c) - coarse(j, i, c)) * u;
        float low = coarse(j1, i, c) + (coarse(j1, i1, c) - coarse(j1, i, c)) * u;
        fine(y, x, c) += (top + (low - top) * v) * faint;
    }
}

KERNEL(expect) {
    for (int side = 0; side < 2; ++side) {
        float t[5] = {};
        for (int j = max(y - 1, 0); j < min(y + 2, h); ++j)
            for (int i = max(x - 1, 0); i < min(x + 2, w); ++i)
                for (int c = 0; c < 5; ++c) t[c] += sums(j, i, 5 * side + c);
        float n = t[4] > 1e-32f ? 1.f / t[4] : 0.f;
        float r = t[0] * n, g = t[1] * n, b = t[2] * n;
        prior(y, x, 4 * side) = r;
        prior(y, x, 4 * side + 1) = g;
        prior(y, x, 4 * side + 2) = b;
        float spread = fmaxf((t[3] * n - (r * r + g * g + b * b)) * (1.f / 3.f), 0.f) + FLOOR;
        prior(y, x, 4 * side + 3) = n > 0.f ? spread : -1.f;
    }
    for (int side = 0; side < 2; ++side) {
        if (prior(y, x, 4 * side + 3) >= 0.f) continue;
        for (int c = 0; c < 3; ++c) prior(y, x, 4 * side + c) = prior(y, x, 4 - 4 * side + c);
        prior(y, x, 4 * side + 3) = ANYTHING;
    }
}

KERNEL(unmix) {
    int i0 = max(span - 1, 0), i1 = min(span, n - 1);
    if (mixed(y / k, i0) + mixed(y / k, i1) == 0) return;
    int first = max(k * span - k / 2, 0), last = min(k * span - k / 2 + k, w);
    float v = place(y, k, m);
    int j = (int)v, j1 = min(j + 1, m - 1);
    v -= (float)j;
    float left[8], more[8];
    for (int c = 0; c < 8; ++c) {
        left[c] = prior(j, i0, c) + (prior(j1, i0, c) - prior(j, i0, c)) * v;
        more[c] = prior(j, i1, c) + (prior(j1, i1, c) - prior(j, i1, c)) * v - left[c];
    }
    float each = 1.f / (float)k;
    float start = ((float)first + 0.5f) * each + 0.5f - (float)span;
    for (int x = first; x < last; ++x) {
        float a = weight(alpha(y, x));
        if (!mix_shows(a)) continue;
        float u = start + (float)(x - first) * each, rest = 1.f - a;
        float loose = left[3] + more[3] * u;
        float gain = a * loose / (a * a * loose + rest * rest * (left[7] + more[7] * u) + NOISE);
        for (int c = 0; c < 3; ++c) {
            float front = left[c] + more[c] * u, back = left[4 + c] + more[4 + c] * u;
            out(y, x, c) = own(image(y, x, c), a, front, back, gain, strength);
        }
    }
}

template <typename P>
static __device__ __forceinline__ float between(P prior, int j, int j1, int i, int i1, int c, float v, float u) {
    float left = prior(j, i, c) + (prior(j1, i, c) - prior(j, i, c)) * v;
    return left + (prior(j, i1, c) + (prior(j1, i1, c) - prior(j, i1, c)) * v - left) * u;
}

KERNEL(unmix_pixel) {
    float a = weight(alpha(y, x));
    if (!mix_shows(a)) {
        for (int c = 0; c < 3; ++c) out(y, x, c) = image(y, x, c);
        return;
    }
    float v = place(y, k, m), u = place(x, k, n), rest = 1.f - a;
    int j = (int)v, i = (int)u, j1 = min(j + 1, m - 1), i1 = min(i + 1, n - 1);
    v -= (float)j, u -= (float)i;
    float loose = between(prior, j, j1, i, i1, 3, v, u), wide = between(prior, j, j1, i, i1, 7, v, u);
    float gain = a * loose / (a * a * loose + rest * rest * wide + NOISE);
    for (int c = 0; c < 3; ++c) {
        float front = between(prior, j, j1, i, i1, c, v, u), back = between(prior, j, j1, i, i1, 4 + c, v, u);
        out(y, x, c) = own(image(y, x, c), a, front, back, gain, strength);
    }
}
