// Light wrap and contact shadow; see glow.py.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ float place(int i, int k, int n) {
    return fminf(fmaxf(((float)i + 0.5f) / (float)k - 0.5f, 0.f), (float)(n - 1));
}
static __device__ __forceinline__ float sample(const View<const float, 3>& small, float v, float u, int c, int m, int n) {
    int j = (int)v, i = (int)u, j1 = min(j + 1, m - 1), i1 = min(i + 1, n - 1);
    v -= (float)j, u -= (float)i;
    float top = small(j, i, c) + (small(j, i1, c) - small(j, i, c)) * u;
    float low = small(j1, i, c) + (small(j1, i1, c) - small(j1, i, c)) * u;
    return top + (low - top) * v;
}

KERNEL(shrink_scene) {
    float t[4] = {};
    int y0 = y * k, x0 = x * k, y1 = min(y0 + k, h), x1 = min(x0 + k, w);
    for (int j = y0; j < y1; ++j)
        for (int i = x0; i < x1; ++i) {
            float a = weight(alpha(j, i));
            for (int c = 0; c < 3; ++c) t[c] += (float)background(j, i, c) * (1.f - a);
            t[3] += a;
        }
    float each = 1.f / (float)((y1 - y0) * (x1 - x0));
    for (int c = 0; c < 4; ++c) out(y, x, c) = t[c] * each;
}

KERNEL(screen) {
    if (!(alpha(y, x) > 0.f)) return;
    float v = place(y, k, m), u = place(x, k, n);
    for (int c = 0; c < 3; ++c) {
        int old = image(y, x, c);
        float light = fminf(fmaxf(sample(small, v, u, c, m, n), 0.f), 255.f) * strength;
        image(y, x, c) = (unsigned char)(old + (int)((float)(255 - old) * light * (1.f / 255.f) + 0.5f));
    }
}

KERNEL(press) {
    float above = small(max(y - reach, 0), x, 3), below = small(min(y + reach, m - 1), x, 3);
    out(y, x) = y + reach < m ? fminf(fmaxf(above - below, 0.f), 1.f) : 0.f;
}

KERNEL(darken) {
    float v = place(y, k, m), u = place(x, k, n);
    int j = (int)v, i = (int)u, j1 = min(j + 1, m - 1), i1 = min(i + 1, n - 1);
    v -= (float)j, u -= (float)i;
    float top = dark(j, i) + (dark(j, i1) - dark(j, i)) * u;
    float low = dark(j1, i) + (dark(j1, i1) - dark(j1, i)) * u;
    float left = 1.f - (top + (low - top) * v) * strength;
    for (int c = 0; c < 3; ++c) out(y, x, c) = (unsigned char)(int)((float)background(y, x, c) * left + 0.5f);
}

KERNEL(dim) {
    float s = weight(shade(y, x));
    for (int c = 0; c < 3; ++c) out(y, x, c) = (unsigned char)(int)((float)background(y, x, c) * s + 0.5f);
}
